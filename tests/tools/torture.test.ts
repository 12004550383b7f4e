/** The defences that the torture bed can take out are still where it looks for them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { DEFENCES, isDefence, taken } from "../torture/without.ts";

test.each(Object.entries(DEFENCES))("%s", (name, defence) => {
  const source = readFileSync(fileURLToPath(new URL(`../../${defence.file}`, import.meta.url)), "utf8");
  expect(isDefence(name)).toBe(true);
  expect(taken(defence)).toBe(source.replace(defence.from, () => defence.to));
  expect(taken(defence)).not.toBe(source);
});

test("a line that is not there, or there twice, is told", () => {
  const defence = { what: "", file: "package.json", to: "" };
  expect(() => taken({ ...defence, from: "no such line" })).toThrow(/package\.json does not hold/);
  expect(() => taken({ ...defence, from: '"' })).toThrow(/exactly once/);
});
