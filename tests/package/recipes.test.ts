/** The recipes of docs/origin.md, each run against assertions that the built Worker made, and against bad ones. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Stack, startStack } from "../support/stack.ts";
import { ROOT } from "./install.ts";

const SECRET = "an-identity-secret-that-is-long-enough-for-this";
const LINES = 10;
const DOCUMENT = readFileSync(join(ROOT, "docs/origin.md"), "utf8");

interface Language {
  name: string;
  /** Whether the machine can run it; Deno's recipe runs under Node.js where there is no Deno. */
  program: string;
  args: string[];
  file: string;
  /** The recipe in a program that answers each case of `cases.json` on a line of its own: the user id, `-` without one, `refused`. */
  wrap: (recipe: string) => string;
}

const LANGUAGES: Language[] = [
  {
    name: "deno",
    program: process.execPath,
    args: [],
    file: "main.ts",
    wrap: () => `import { readFileSync } from "node:fs";
let values: Record<string, string> = {};
(globalThis as any).Deno = { env: { get: (name: string) => values[name] } };
for (const [index, [assertion, secret, host]] of JSON.parse(readFileSync("cases.json", "utf8")).entries()) {
  values = { IDENTITY_SECRET: secret, ORIGIN_HOST: host };
  const { userId } = await import(\`./recipe.ts?\${index}\`);
  const headers = new Headers(assertion === "" ? {} : { "x-session-assertion": assertion });
  console.log(await userId(headers).then((id: string | undefined) => id ?? "-", () => "refused"));
}
`,
  },
  {
    name: "go",
    program: "go",
    args: ["run"],
    file: "main.go",
    wrap: (recipe) => `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

${recipe}
func main() {
	text, _ := os.ReadFile("cases.json")
	var cases [][]string
	if json.Unmarshal(text, &cases) != nil { panic("cases") }
	for _, one := range cases {
		sub, ok := userID(one[0], one[1], one[2], time.Now().Unix())
		if !ok { fmt.Println("refused") } else if sub == "" { fmt.Println("-") } else { fmt.Println(sub) }
	}
}
`,
  },
  {
    name: "python",
    program: "python3",
    args: [],
    file: "main.py",
    wrap: (recipe) => `import base64, hashlib, hmac, json, time

${recipe}
for assertion, secret, host in json.load(open("cases.json")):
    try:
        print(user_id(assertion, secret, host, time.time()) or "-")
    except Exception:
        print("refused")
`,
  },
  {
    name: "php",
    program: "php",
    args: [],
    file: "main.php",
    wrap: (recipe) => `<?php
${recipe}
foreach (json_decode(file_get_contents('cases.json')) as [$assertion, $secret, $host]) {
  try { echo userId($assertion, $secret, $host, time()) ?? '-', "\\n"; } catch (Throwable $error) { echo "refused\\n"; }
}
`,
  },
  {
    name: "ruby",
    program: "ruby",
    args: [],
    file: "main.rb",
    wrap: (recipe) => `require "base64"
require "json"
require "openssl"

${recipe}
JSON.parse(File.read("cases.json")).each do |assertion, secret, host|
  puts(begin; user_id(assertion, secret, host, Time.now.to_i) || "-"; rescue StandardError; "refused"; end)
end
`,
  },
];

const recipes = new Map([...DOCUMENT.matchAll(/^<!-- run: (\w+) -->\n```\w+\n([^]*?)^```$/gm)].map(([, name = "", code = ""]) => [name, code]));

let stack: Stack<"main">;
/** Each case, and what is to be said of it. */
let cases: { assertion: string; secret?: string; host?: string; says: string }[];
beforeAll(async () => {
  stack = await startStack({ vars: { IDENTITY_SECRET: SECRET }, workers: { main: {} } });
  const assertionOf = async (cookies?: Awaited<ReturnType<typeof stack.cookies>>): Promise<string> => {
    stack.origin.clear();
    await stack.worker("main").fetch("/", cookies === undefined ? {} : { cookies });
    return stack.origin.only().headers.find(([name]) => name.toLowerCase() === "x-session-assertion")?.[1] ?? "";
  };
  const session = stack.signIn();
  const good = await assertionOf(await stack.cookies(session));
  const [head, , signature] = good.split(".");
  const claims = { iss: "edge-session", aud: stack.origin.host, sub: "somebody", iat: 1_000, exp: Math.floor(Date.now() / 1000) + 60 };
  const make = (changes: object, alg = "HS256") => new SignJWT({ ...claims, ...changes }).setProtectedHeader({ alg }).sign(new TextEncoder().encode(SECRET));
  const base = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  cases = [
    { assertion: good, says: session.user.id },
    { assertion: await assertionOf(), says: "-" },
    { assertion: await make({}), says: "somebody" },
    { assertion: good, secret: "another-identity-secret-that-is-long-enough", says: "refused" },
    { assertion: good, host: "elsewhere.example", says: "refused" },
    { assertion: `${head}.${base(claims)}.${signature}`, says: "refused" },
    { assertion: `${base({ alg: "none" })}.${base(claims)}.`, says: "refused" },
    { assertion: await make({ iss: "somebody" }), says: "refused" },
    { assertion: await make({ exp: Math.floor(Date.now() / 1000) - 10 }), says: "refused" },
    { assertion: "a.b.c", says: "refused" },
    { assertion: "rubbish", says: "refused" },
    { assertion: "", says: "refused" },
  ];
});
afterAll(() => stack.close());

test("every recipe is run", () => {
  expect([...recipes.keys()].toSorted()).toEqual(LANGUAGES.map(({ name }) => name).toSorted());
});

describe.each(LANGUAGES)("$name", ({ name, program, args, file, wrap }) => {
  const recipe = recipes.get(name) ?? "";

  test("is short", () => {
    expect(recipe.trimEnd().split("\n").length).toBeLessThanOrEqual(LINES);
  });

  // A machine without the language runs the others.
  test.skipIf(spawnSync(program, [name === "go" ? "version" : "--version"]).status !== 0)("says who is there, and refuses what is not the Worker's", () => {
    const folder = mkdtempSync(join(tmpdir(), "recipe-"));
    try {
      symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
      writeFileSync(join(folder, "package.json"), '{"type":"module"}');
      writeFileSync(join(folder, "cases.json"), JSON.stringify(cases.map(({ assertion, secret = SECRET, host = stack.origin.host }) => [assertion, secret, host])));
      // Node.js asks its own registry of packages.
      writeFileSync(join(folder, "recipe.ts"), recipe.replace("npm:jose", "jose"));
      writeFileSync(join(folder, file), wrap(recipe));
      const { stdout, stderr } = spawnSync(program, [...args, file], { cwd: folder, encoding: "utf8" });
      expect(stdout.trimEnd().split("\n"), stderr).toEqual(cases.map(({ says }) => says));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
