/** The doctor reads a configuration as wrangler reads it. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { unstable_getVarsForDev, unstable_readConfig } from "wrangler";
// @ts-expect-error: a tool without types
import { findConfig, localValues, readSettings, withoutComments } from "../../.tools/doctor/settings.mjs";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "settings-"));
afterAll(() => rmSync(folder, { recursive: true }));

const write = (name: string, text: string): string => {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

const TOP = `name = "a"
main = "index.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["no_nodejs_compat"]
routes = ["a.example.com/*", { pattern = "b.example.com", custom_domain = true }]
workers_dev = false
preview_urls = true
kv_namespaces = [{ binding = "SESSION_KV", id = "x" }]
services = [{ binding = "ORIGIN", service = "site" }]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]
cache = { enabled = false }
exports = { default = { type = "worker", cache = { enabled = true } } }
assets = { directory = "./public", binding = "ASSETS", run_worker_first = ["/a/*"] }
secrets = { required = ["SUPABASE_SECRET_KEY"] }
[vars]
A = "1"
RULES = [{ path = "/x*", require = true }]
[env.bare]
[env.own]
name = "other"
main = "other.js"
route = "c.example.com/*"
workers_dev = true
preview_urls = false
compatibility_flags = []
kv_namespaces = [{ binding = "OTHER", id = "y" }]
migrations = []
assets = { directory = "./other" }
cache = { enabled = true }
vars = { B = 2, C = true }
[env.without]
routes = []
`;

const FIELDS = ["name", "compatibility_flags", "workers_dev", "preview_urls", "kv_namespaces", "services", "durable_objects", "migrations", "cache", "exports", "vars", "secrets"];

describe.each([
  ["every field", TOP, [undefined, "bare", "own", "without"]],
  ["a single route", 'name = "a"\nmain = "index.js"\nroute = "a.example.com/*"\n[env.x]\n[env.y]\nroutes = ["b.example.com/*"]\n', [undefined, "x", "y"]],
  ["a single route that is inherited beside a list", 'name = "a"\nmain = "index.js"\nroute = "a.example.com/*"\n[env.x]\nroutes = []\n', ["x"]],
  ["nothing", 'name = "a"\nmain = "index.js"\n[env.x]\n', [undefined, "x"]],
  ["the shipped file", readFileSync(join(ROOT, "wrangler.toml"), "utf8"), [undefined, "staging"]],
] as [string, string, (string | undefined)[]][])("%s", (_, toml, environments) => {
  test.each(environments)("environment %s", (env) => {
    const config = write("wrangler.toml", toml);
    const theirs = unstable_readConfig({ config, env: env ?? "" }, { hideWarnings: true }) as unknown as Record<string, any>;
    const ours = readSettings({ config, env });
    // What is unset stands as undefined in one and as an empty list or table in the other.
    const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value ?? null)) ?? undefined;
    for (const field of FIELDS) expect(plain(ours[field]), field).toEqual(plain(theirs[field] ?? undefined));
    // As `wrangler deploy` takes them.
    expect(ours.routes).toEqual(theirs.route === undefined ? (theirs.routes ?? []) : [theirs.route]);
    expect(ours.assets?.run_worker_first).toEqual(theirs.assets?.run_worker_first);
    expect(ours.assets?.binding).toEqual(theirs.assets?.binding);
  });
});

test("JSON with comments is read like TOML", () => {
  const json = write("wrangler.jsonc", `{\n  // "a" remark\n  "name": "a", /* "x": 1, */\n  "main": "index.js",\n  "vars": { "URL": "https://x//y", "Q": "a\\"//b", },\n}\n`);
  const theirs = unstable_readConfig({ config: json, env: "" }, { hideWarnings: true });
  expect(readSettings({ config: json }).vars).toEqual(theirs.vars);
  expect(withoutComments('{"a":"b,}" /* , */ ,\n}')).toBe('{"a":"b,}"          \n}');
});

describe("secrets of this machine", () => {
  const NAMES = ["A", "B", "C", "D"];
  const cases: [string, Record<string, string>, string | undefined][] = [
    [".dev.vars before .env", { ".dev.vars": 'A="1 # 2" # 3\nB=x', ".env": "A=0\nC=0" }, undefined],
    [".dev.vars of the environment before the common one", { ".dev.vars": "A=1", ".dev.vars.production": "B='2'" }, "production"],
    [".dev.vars where the environment has none", { ".dev.vars": "A=1" }, "production"],
    ["all files of .env, the more special ones last", { ".env": "A=1\nB=1\nC=1\nD=1", ".env.production": "B=2\nC=2\nD=2", ".env.local": "C=3\nD=3", ".env.production.local": "D=4" }, "production"],
    ["none", {}, undefined],
  ];
  test.each(cases)("%s", (name, files, env) => {
    const place = `secrets/${name.replaceAll(/\W/g, "")}`;
    const config = write(`${place}/wrangler.toml`, 'name = "a"\n');
    for (const [file, text] of Object.entries(files)) write(`${place}/${file}`, text);
    const theirs = unstable_getVarsForDev(config, undefined, {}, env, true);
    const ours = localValues({ folder: join(folder, place), env }, NAMES);
    expect(ours).toEqual(Object.fromEntries(Object.entries(theirs).map(([key, { value }]) => [key, value])));
  });
});

test("the nearest configuration is found, and an environment that is not there is named", () => {
  const config = write("deep/wrangler.toml", 'name = "a"\n[env.production]\n');
  mkdirSync(join(folder, "deep/er"), { recursive: true });
  expect(findConfig(join(folder, "deep/er"))).toBe(join(folder, "wrangler.jsonc"));
  rmSync(join(folder, "wrangler.jsonc"));
  expect(findConfig(join(folder, "deep/er"))).toBe(config);
  expect(() => readSettings({ config, env: "staging" })).toThrow('No environment found in configuration with name "staging". There are "production".');
});

test.each(["vars = 3", 'kv_namespaces = ["x"]', "routes = [3]", "durable_objects = []", 'assets = "x"', "migrations = {}"])("%s is refused in words", (line) => {
  expect(() => readSettings({ config: write("odd/wrangler.toml", `${line}\n`) })).toThrow(/has a shape that wrangler does not take/);
});
