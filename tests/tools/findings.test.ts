/** Sixty planted mistakes, each named by its code, and good configurations of which nothing bad is said. */
import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { examine, judge } from "./doctor.ts";

const ID = "0123456789abcdef0123456789abcdef";

/** A static site behind the Worker. */
const BASE = `
name = "edge-session"
main = "build/index.js"
compatibility_date = "2026-10-01"
workers_dev = false
preview_urls = false
routes = [{ pattern = "www.example.org/*", zone_name = "example.org" }]
kv_namespaces = [{ binding = "SESSION_KV", id = "${ID}" }]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
[[migrations]]
tag = "v1"
new_sqlite_classes = ["RefreshGate"]
[assets]
directory = "./public"
binding = "ASSETS"
run_worker_first = true
[vars]
SUPABASE_URL = "https://abc.supabase.co"
SUPABASE_PUBLISHABLE_KEY = "sb_publishable_abc"
AUTH_PATH = "/auth"
[[vars.RULES]]
path = ["/members*", "!/members/preview*"]
require = true
[[vars.RULES]]
path = "/team*"
hosts = ["www.example.org"]
require = { role = "authenticated" }
`;

const FILES = { "public/index.html": "", "public/members/index.html": "", "public/members/one.html": "", "public/team.html": "" };
const SECRETS = "SUPABASE_SECRET_KEY=sb_secret_0123456789abcdef\n";
const APP = `import { withSession, RefreshGate } from "edge-session";\nexport { RefreshGate };\nexport default withSession({ fetch: () => new Response() });\n`;

interface Case {
  name: string;
  /** Replacements in the base. */
  edits?: [string, string][];
  /** Lines at the end, which belong to the last rule unless they begin a table. */
  more?: string;
  /** Lines among the variables. */
  vars?: string;
  secrets?: string;
  files?: Record<string, string>;
}

const toml = ({ edits = [], more = "", vars = "" }: Case): string => {
  const edited = edits.reduce((text, [from, to]) => {
    expect(text, from).toContain(from);
    return text.replace(from, to);
  }, BASE);
  return `${edited.replace("[[vars.RULES]]", `${vars}\n[[vars.RULES]]`)}${more}`;
};

const found = async (one: Case, env?: string) =>
  (await judge({ config: toml(one), secrets: one.secrets ?? SECRETS, files: { ...FILES, ...one.files } }, env ?? "")).filter(({ level }) => level !== "note");

const route = (pattern: string): [string, string][] => [['pattern = "www.example.org/*"', `pattern = "${pattern}"`]];
const set = (line: string): [string, string][] => [['AUTH_PATH = "/auth"', line]];
const first = (value: string): [string, string][] => [["run_worker_first = true", value]];

const MISTAKES: [code: string, ...cases: Case[]][] = [
  [
    "assets-first",
    { name: "assets without a word about the Worker", edits: first("") },
    { name: "assets before the Worker", edits: first("run_worker_first = false") },
    { name: "a list that leaves out the page of a folder", edits: first('run_worker_first = ["/members/*", "/team*"]') },
    { name: "a list that leaves out a rule", edits: first('run_worker_first = ["/members*"]') },
    { name: "a list that excludes what is guarded", edits: first('run_worker_first = ["/*", "!/members/one*"]') },
    { name: "a list that leaves out a page without its ending", edits: first('run_worker_first = ["/members*", "/team.html"]') },
    { name: "a list for another spelling", edits: first('run_worker_first = ["/Members*", "/team*"]') },
    { name: "an empty list", edits: first("run_worker_first = []") },
  ],
  [
    "route-without-star",
    { name: "a route of a host", edits: route("www.example.org") },
    { name: "a route of a front page", edits: route("www.example.org/") },
    { name: "a route of one path", edits: route("www.example.org/members") },
  ],
  [
    "origin-on-route",
    { name: "an origin on the route", vars: 'ORIGIN_URL = "https://www.example.org"' },
    { name: "an origin on a route with a star", edits: route("*.example.org/*"), vars: 'ORIGIN_URL = "https://origin.example.org/app"' },
    { name: "an origin below the route's path", edits: route("www.example.org/app*"), vars: 'ORIGIN_URL = "https://www.example.org/app/v2"' },
    { name: "an origin on a custom domain", edits: [['{ pattern = "www.example.org/*", zone_name = "example.org" }', '{ pattern = "www.example.org", custom_domain = true }']], vars: 'ORIGIN_URL = "https://www.example.org"' },
  ],
  [
    "rule-dead",
    { name: "a rule behind a wider one", more: '[[vars.RULES]]\npath = "/members/gold/*"\nrequire = { aal = "aal2" }\n' },
    { name: "a rule behind one for everything", edits: [['path = ["/members*", "!/members/preview*"]', 'path = "*"']] },
    { name: "the same rule twice", more: '[[vars.RULES]]\npath = "/team*"\nhosts = ["www.example.org"]\ncache = "shared"\n' },
    { name: "a rule below AUTH_PATH", more: '[[vars.RULES]]\npath = "/auth/*"\nbypass = true\n' },
    { name: "a rule behind one for all hosts", edits: [['path = ["/members*", "!/members/preview*"]', 'path = "/team*"']] },
  ],
  [
    "guard-alias",
    { name: "a guard without the apex", edits: [["routes = [", 'routes = [{ pattern = "example.org/*", zone_name = "example.org" }, ']] },
    { name: "a guard without www", edits: [["routes = [", 'routes = [{ pattern = "example.org/*", zone_name = "example.org" }, '], ['hosts = ["www.example.org"]', 'hosts = ["example.org"]']] },
  ],
  [
    "login-path-taken",
    { name: "a login page that is the callback", vars: 'LOGIN_PATH = "/auth/callback"' },
    { name: "a login page that is the session", vars: 'LOGIN_PATH = "/auth/session"' },
  ],
  [
    "key-twice",
    { name: "two keys that differ", vars: 'SUPABASE_ANON_KEY = "sb_publishable_other"' },
    { name: "one key under two names", vars: 'SUPABASE_ANON_KEY = "sb_publishable_abc"' },
  ],
  [
    "url-with-auth-path",
    { name: "the URL of Auth", edits: [["https://abc.supabase.co", "https://abc.supabase.co/auth/v1"]] },
    { name: "the URL of Auth with a slash", edits: [["https://abc.supabase.co", "https://abc.supabase.co/auth/v1/"]] },
  ],
  [
    "http-only",
    { name: "a browser client in a script", vars: 'COOKIE_HTTP_ONLY = "true"', files: { "src/client.ts": "export const client = createBrowserClient(url, key);" } },
    { name: "a browser client in a component", vars: "COOKIE_HTTP_ONLY = true", files: { "src/routes/+layout.svelte": "<script>createBrowserClient<Database>(url, key)</script>" } },
  ],
  [
    "unknown-variable",
    { name: "a key by its old name", vars: 'SUPABASE_SERVICE_ROLE_KEY_ID = "x"' },
    { name: "a framework's name", vars: 'NEXT_PUBLIC_SUPABASE_URL = "https://abc.supabase.co"' },
    { name: "a letter too many", vars: 'LOGIN_PATHS = "/login"' },
    { name: "two letters changed", vars: 'SUPABASE_JTW_SECRET_NAME = "x"' },
  ],
  [
    "value-rejected",
    { name: "no project", edits: [['SUPABASE_URL = "https://abc.supabase.co"', ""]] },
    { name: "a URL without a scheme", edits: [["https://abc.supabase.co", "abc.supabase.co"]] },
    { name: "no key", edits: [['SUPABASE_PUBLISHABLE_KEY = "sb_publishable_abc"', ""]] },
    { name: "a secret key in the place of the publishable one", edits: [["sb_publishable_abc", "sb_secret_abcdef"]] },
    { name: "a misspelt field", edits: [["require = true", "requires = true"]] },
    { name: "a number out of range", vars: "AUTH_TIMEOUT_MS = 5" },
    { name: "a path without a slash", vars: 'LOGIN_PATH = "login"' },
    { name: "a word that is none of the words", vars: 'MODE = "enforced"' },
    { name: "None without Secure", vars: 'COOKIE_SAMESITE = "None"\nCOOKIE_SECURE = "false"' },
    { name: "bypass and require together", edits: [["require = true", "require = true\nbypass = true"]] },
    { name: "a short identity secret", secrets: `${SECRETS}IDENTITY_SECRET=short\n` },
  ],
  [
    "placeholder",
    { name: "a project that was not filled in", edits: [["https://abc.supabase.co", "https://<project>.supabase.co"]] },
    { name: "a key that was not filled in", edits: [["sb_publishable_abc", "sb_publishable_…"]] },
  ],
  ["secret-in-plain-text", { name: "a secret among the variables", vars: 'SUPABASE_SECRET_KEY = "sb_secret_0123456789abcdef"' }],
  ["store-missing", { name: "revocation without a store", edits: [["SESSION_KV", "OTHER"]], vars: 'REVOCATION = "on"' }, { name: "no store", edits: [["SESSION_KV", "OTHER"]] }],
  ["store-id", { name: "a store's id that is none", edits: [[ID, "<id>"]] }],
  ["gate-missing", { name: "no gate", edits: [["REFRESH_GATE", "GATE"]] }],
  [
    "gate-class",
    { name: "a gate of another class", edits: [['class_name = "RefreshGate"', 'class_name = "Gate"']] },
    { name: "an app that does not export the class", edits: [["build/index.js", "src/worker.ts"]], files: { "src/worker.ts": 'import { withSession } from "edge-session";\nexport default withSession(app);' } },
  ],
  [
    "gate-migration",
    { name: "a class without migration", edits: [["new_sqlite_classes", "deleted_classes"]] },
    { name: "a class that was renamed", edits: [['new_sqlite_classes = ["RefreshGate"]', 'renamed_classes = [{ from = "RefreshGate", to = "Gate" }]']] },
  ],
  ["cookie-domain", { name: "a domain beside the route", vars: 'COOKIE_DOMAIN = "example.com"' }, { name: "a domain below the route", vars: 'COOKIE_DOMAIN = "a.www.example.org"' }],
  ["workers-dev", { name: "workers.dev", edits: [["workers_dev = false", "workers_dev = true"]] }],
  ["preview-urls", { name: "preview URLs", edits: [["preview_urls = false", "preview_urls = true"]] }, { name: "preview URLs left open", edits: [["preview_urls = false", ""]] }],
  ["no-route", { name: "no route", edits: [["routes = [", "# ["]] }],
  ["strictly-public", { name: "a fetch that comes back", edits: [["workers_dev = false", 'workers_dev = false\ncompatibility_flags = ["global_fetch_strictly_public"]']] }],
  ["workers-cache", { name: "Workers Cache", more: "[cache]\nenabled = true\n" }],
  ["origin-unused", { name: "an app with an origin", edits: [["build/index.js", "src/worker.ts"]], vars: 'ORIGIN_URL = "https://origin.example.org"', files: { "src/worker.ts": APP } }],
  ["no-origin", { name: "a custom domain without origin", edits: [['binding = "ASSETS"\n', ""], ['{ pattern = "www.example.org/*", zone_name = "example.org" }', '{ pattern = "www.example.org", custom_domain = true }']] }],
];

describe("a mistake", () => {
  const all = MISTAKES.flatMap(([code, ...cases]) => cases.map((one) => ({ code, ...one })));

  test("there are sixty of them", () => {
    expect(all.length).toBeGreaterThanOrEqual(60);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  test.each(all)("$code: $name", async ({ code, ...one }) => {
    const codes = (await found(one)).map((finding) => finding.code);
    expect(codes).toContain(code);
    // What follows from the same mistake may be named too, and nothing else.
    expect(codes.filter((other) => other !== code).length, codes.join()).toBeLessThanOrEqual(1);
  });

  test("in an environment: a route that it inherits, and what it does not", async () => {
    const codes = (await found({ name: "", more: "[env.production.vars]\n" }, "production")).map(({ code }) => code);
    expect(codes).toEqual(expect.arrayContaining(["route-inherited", "not-inherited", "gate-missing", "store-missing", "value-rejected"]));
  });

  test.each([
    ["wrangler.toml", '[vars\nSUPABASE_URL = "x"\n', /wrangler\.toml:1:6: [^\n]+\n\n {2}1 \| \[vars\n {4}\|      \^/],
    ["wrangler.toml", 'name = "a"\n\nx = [1,\n  2\ny = 3\n', /wrangler\.toml:5:1: /],
    ["wrangler.jsonc", '{\n  // a remark, with a "quote"\n  "vars": { "A": 1, },\n  "name" "a"\n}\n', /wrangler\.jsonc:4:10: /],
  ])("a broken %s is shown where it breaks", async (name, text, complaint) => {
    const { complaint: said, status } = await examine({ config: "", files: { [name]: text }, name, args: ["--offline"] });
    expect(said).toMatch(complaint);
    expect(status).toBe(1);
  });
});

const GOOD: Case[] = [
  { name: "static files" },
  { name: "static files with a list that names what is guarded", edits: first('run_worker_first = ["/members*", "/team*"]') },
  { name: "static files, all of them through the Worker by a list", edits: first('run_worker_first = ["/*", "!/fonts/*"]') },
  { name: "a zone's origin", edits: [["[assets]\ndirectory = \"./public\"\nbinding = \"ASSETS\"\nrun_worker_first = true", ""]] },
  { name: "another origin", edits: route("www.example.org/*"), vars: 'ORIGIN_URL = "https://site.vercel.app"' },
  { name: "an origin beside the route's path", edits: route("www.example.org/app/*"), vars: 'ORIGIN_URL = "https://www.example.org/origin"' },
  { name: "a custom domain", edits: [['{ pattern = "www.example.org/*", zone_name = "example.org" }', '{ pattern = "www.example.org", custom_domain = true }']] },
  { name: "several hosts", edits: [["routes = [", 'routes = [{ pattern = "example.org/*", zone_name = "example.org" }, '], ['hosts = ["www.example.org"]', 'hosts = ["*example.org"]']], vars: 'COOKIE_DOMAIN = "example.org"' },
  { name: "an app around which the session is", edits: [["build/index.js", "src/worker.ts"]], vars: 'DATABASE = "x"\nAPI_TOKEN_NAME = "y"', files: { "src/worker.ts": APP } },
  { name: "HTTP-only cookies without a browser client", vars: 'COOKIE_HTTP_ONLY = "true"', files: { "src/server.ts": "createServerClient(url, key)" } },
  { name: "a narrower rule before a wider one", edits: [["[[vars.RULES]]", '[[vars.RULES]]\npath = "/members/open*"\nbypass = true\n[[vars.RULES]]']] },
  { name: "a rule for what another leaves out", more: '[[vars.RULES]]\npath = "/members/preview/*"\ncache = "shared"\n' },
  { name: "a rule by method", more: '[[vars.RULES]]\npath = "/comments*"\nmethods = ["POST"]\nrequire = true\n[[vars.RULES]]\npath = "/comments*"\ncache = "shared"\n' },
  { name: "rules as text", edits: [[BASE.slice(BASE.indexOf("[[vars.RULES]]")), `RULES = '[{"path":"/members*","require":true},{"path":"/team*","require":true}]'\n[[vars.RULES]]`]], more: "" },
  { name: "a secret that wrangler is told to demand", secrets: "", more: '[secrets]\nrequired = ["SUPABASE_SECRET_KEY"]\n' },
  { name: "a page at the address of the Worker's own sign-in", vars: 'LOGIN_PATH = "/auth/login"' },
];

test("every code has its place in docs/doctor.md, and every place a code", () => {
  const folder = new URL("../../.tools/doctor/", import.meta.url);
  const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
  const codes = new Set([...sources.matchAll(/\b(?:error|warning|note)\(\s*"([a-z-]+)"/g)].map(([, code]) => code));
  const headings = [...readFileSync(new URL("../../docs/doctor.md", import.meta.url), "utf8").matchAll(/^### (.+)$/gm)].map(([, heading]) => heading);
  expect(codes.size).toBeGreaterThan(30);
  expect(headings.toSorted()).toEqual([...codes].toSorted());
});

describe("a good configuration", () => {
  test.each(GOOD)("$name", async (one) => {
    // The last table of the case with rules as text stands for nothing.
    const config = toml(one).replace(/\n\[\[vars\.RULES\]\]\n*$/, "\n");
    const findings = await judge({ config, secrets: one.secrets ?? SECRETS, files: { ...FILES, ...one.files } }, "");
    expect(findings.filter(({ level }) => level !== "note")).toEqual([]);
  });

  test("there are a dozen", () => {
    expect(GOOD.length).toBeGreaterThanOrEqual(12);
  });
});
