/** `npm run doctor`: every planted fault is named, and a good configuration passes. */
import { readFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { afterAll, describe, expect, test } from "vitest";
import { startAuthServer } from "../support/auth-server/server.ts";
import { examine, judge, withServer } from "./doctor.ts";
// @ts-expect-error: a tool without types
import { painter } from "../../.tools/doctor/report.mjs";

const auth = await startAuthServer();
const strange = await startAuthServer({ issuer: "https://ref.supabase.co/auth/v1" });
const nameless = await startAuthServer({ issuer: "" });
const legacy = await startAuthServer({ algorithm: "HS256", jwtSecret: "a-jwt-secret-that-is-long-enough-for-hs256" });
afterAll(() => Promise.all([auth, strange, nameless, legacy].map((server) => server.close())));

const ID = "0123456789abcdef0123456789abcdef";

/** What an operator would write for one environment. */
const good = (url: string): string => `
name = "edge-session"
main = "index.js"
compatibility_date = "2026-10-01"
workers_dev = false
preview_urls = false
[[migrations]]
tag = "v1"
new_sqlite_classes = ["RefreshGate"]
[env.production]
routes = [{ pattern = "www.example.org/*", zone_name = "example.org" }]
kv_namespaces = [{ binding = "SESSION_KV", id = "${ID}" }]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
[env.production.vars]
SUPABASE_URL = "${url}"
SUPABASE_PUBLISHABLE_KEY = "${auth.publishableKey}"
REVOCATION = "on"
COOKIE_DOMAIN = "example.org"
[[env.production.vars.RULES]]
path = ["/members*", "!/members/preview*"]
require = true
[[env.production.vars.RULES]]
path = "/admin*"
require = { aal = "aal2" }
verify = "live"
`;

const SECRETS = "SUPABASE_SECRET_KEY=sb_secret_0123456789abcdef\n";
const PRODUCTION = ["--env", "production"];

/** Everything wrong at once; each line is a fault that the table below has. */
const broken = (url: string): string => `
name = "edge-session"
main = "index.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["global_fetch_strictly_public"]
[cache]
enabled = true
[vars]
LOG_LEVEL = "debug"
LOGIN_PATH = "/login"
[env.production]
workers_dev = true
preview_urls = true
routes = [{ pattern = "www.example.org/*", zone_name = "example.org" }]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
[env.production.vars]
SUPABASE_URL = "${url}"
SUPABASE_PUBLISHABLE_KEY = "sb_secret_misplaced0123456789"
SUPABASE_SECRET_KEY = "sb_secret_0123456789abcdef"
SUPABASE_JWT_SECRETS = "misspelt"
REVOCATION = "on"
COOKIE_DOMAIN = "example.com"
REFRESH_MARGIN_SECONDS = 600
SITE_URL = "https://<site>"
[[env.production.vars.RULES]]
path = "/admin*"
requires = true
`;

const FAULTS: [kind: "errors" | "warnings", fault: string, names: RegExp][] = [
  ["errors", "a secret key in the publishable slot", /^SUPABASE_PUBLISHABLE_KEY must be the publishable \(anon\) key/],
  ["errors", "a secret as plain text", /^SUPABASE_SECRET_KEY stands in \[env\.production\.vars\] as plain text/],
  ["errors", "revocation without a store", /^REVOCATION is on without SESSION_KV/],
  ["errors", "a cookie domain beside the route", /^COOKIE_DOMAIN example\.com does not contain the host of the route www\.example\.org\/\*/],
  ["errors", "a margin above the token's life", /^REFRESH_MARGIN_SECONDS is 600, and an access token lives 300 s/],
  ["errors", "Workers Cache", /^Workers Cache is on/],
  ["errors", "a fetch that comes back", /^The compatibility flag global_fetch_strictly_public is on/],
  ["errors", "a Durable Object without migration", /^The Durable Object class RefreshGate has no migration/],
  ["errors", "a placeholder", /^SITE_URL still holds a placeholder/],
  ["errors", "a misspelt field of a rule", /^RULES\[0\]\.requires is not a field of a rule/],
  ["errors", "a route that fails open", /^The route www\.example\.org\/\* fails open/],
  ["warnings", "workers.dev", /^workers_dev is on/],
  ["warnings", "preview URLs", /^preview_urls is on/],
  ["warnings", "a project of shared secrets", /^The key set at \S+ has no public key/],
  ["warnings", "a clock that is wrong", /^Auth's clock is 59\.\d s behind|^Auth's clock is 60\.\d s behind/],
  ["warnings", "a misspelt variable", /^SUPABASE_JWT_SECRETS in \[env\.production\.vars\] is no variable/],
  ["warnings", "a variable that is not inherited", /^LOG_LEVEL: set at the top level/],
];

/** Cloudflare's answers about one zone. */
const cloudflare = (failOpen: boolean | undefined): RequestListener => (request, response) => {
  const isAllowed = request.headers.authorization === "Bearer a-token";
  const routes = [{ id: "r", pattern: "www.example.org/*", script: "edge-session", request_limit_fail_open: failOpen }];
  const results: Record<string, object[]> = { "/zones?name=example.org": [{ id: "z" }], "/zones/z/workers/routes": routes };
  response.writeHead(isAllowed ? 200 : 403, { "content-type": "application/json" });
  response.end(JSON.stringify({ success: isAllowed, result: isAllowed ? results[request.url ?? ""] : null }));
};

/** An Auth server whose clock is off. */
const behind = (url: string, seconds: number): RequestListener => (request, response) => {
  void fetch(url + request.url).then(async (answer) => {
    response.writeHead(answer.status, { date: new Date(Date.now() - seconds * 1000).toUTCString() });
    response.end(await answer.text());
  });
};

/** An Auth server behind a gateway that has a page for every unknown path. */
const withoutDiscovery: RequestListener = (request, response) => {
  if (!request.url?.endsWith("/jwks.json")) return void response.end("<!doctype html>");
  void fetch(auth.url + request.url).then(async (answer) => response.end(await answer.text()));
};

describe("a broken configuration", async () => {
  const diagnosis = await withServer(behind(legacy.url, 60), (url) =>
    withServer(cloudflare(true), (api) =>
      examine({
        config: broken(url),
        args: [...PRODUCTION, "--token-life", "300"],
        env: { CLOUDFLARE_API_BASE_URL: api, CLOUDFLARE_API_TOKEN: "a-token" },
      }),
    ),
  );

  test.each(FAULTS)("%s: %s", (kind, _, names) => {
    expect(diagnosis[kind].filter((line) => names.test(line))).toHaveLength(1);
  });

  test("names nothing else, gives a remedy for each, and fails", () => {
    expect(diagnosis.errors.length + diagnosis.warnings.length).toBe(FAULTS.length);
    expect(diagnosis.report.match(/\n  → /g)?.length).toBeGreaterThanOrEqual(FAULTS.length);
    expect(diagnosis.report).toContain("11 errors, 6 warnings.");
    expect(diagnosis.status).toBe(1);
  });

  test("shows no secret", () => {
    expect(diagnosis.report + diagnosis.complaint).not.toMatch(/sb_secret_\w{4}|misspelt|a-token/);
  });
});

describe("a good configuration", async () => {
  const diagnosis = await withServer(cloudflare(false), (api) =>
    examine({
      config: good(auth.url),
      secrets: SECRETS,
      args: [...PRODUCTION, "--paths", "/,/members/1,/members/preview,/x/../%61dmin,/%zz,/logo.svg?v=1"],
      env: { CLOUDFLARE_API_BASE_URL: api, CLOUDFLARE_API_TOKEN: "a-token" },
    }),
  );

  test("passes", () => {
    expect([diagnosis.errors, diagnosis.warnings, diagnosis.status]).toEqual([[], [], 0]);
    expect(diagnosis.report).toContain("0 errors, 0 warnings.");
  });

  test("says that Auth's issuer is accepted", () => {
    expect(diagnosis.notes).toContainEqual(`Auth's tokens name the issuer ${auth.authUrl}, which is accepted.`);
  });

  test("says which keys Auth has and how its clock stands", () => {
    expect(diagnosis.notes).toContainEqual(expect.stringMatching(/^1 of 1 keys of http:\S+\/auth\/v1\/\.well-known\/jwks\.json can verify tokens\./));
    expect(diagnosis.notes).toContainEqual(expect.stringMatching(/^Auth's clock is [01]\.\d s (ahead of|behind) this machine's\./));
  });

  test.each([
    ["/", "no rule   everyone passes, the session is kept fresh"],
    ["/members/1", "rule 0    needs a session"],
    ["/members/preview", "no rule   everyone passes, the session is kept fresh"],
    ["/x/../%61dmin", 'rule 1    needs a session with {"aal":"aal2"}; Auth is asked on every request'],
    ["/%zz", "no rule   everyone passes, the session is kept fresh"],
    ["/logo.svg?v=1", "no rule   everyone passes, the session is kept fresh"],
  ])("shows the rule of %s", (path, ruling) => {
    expect(diagnosis.report).toContain(`\n  ${path.padEnd(16)}  ${ruling}\n`);
  });
});

test("where a rule asks for the host, each host of a route has rows of its own", async () => {
  const config = good("https://abc.supabase.co")
    .replace("routes = [", 'routes = [{ pattern = "shop.example.org/*", zone_name = "example.org" }, ')
    .replace('path = "/admin*"', 'path = "/admin*"\nhosts = ["shop.example.org"]');
  const { report } = await examine({ config, secrets: SECRETS, args: [...PRODUCTION, "--offline", "--paths", "/admin"] });
  expect(report).toMatch(/^ {2}shop\.example\.org\/admin +rule 1 +needs a session with/m);
  expect(report).toMatch(/^ {2}www\.example\.org\/admin +no rule +everyone passes/m);
  // Without --paths, every rule shows itself.
  const usual = await examine({ config, secrets: SECRETS, args: [...PRODUCTION, "--offline", "--host", "shop.example.org"] });
  for (const line of [/^ {2}\/members +rule 0/m, /^ {2}\/members\/preview +no rule/m, /^ {2}\/admin +rule 1/m]) expect(usual.report).toMatch(line);
});

/** One change to the good configuration, and what is said of it. */
const CHANGES: { change: string; edit: [string, string]; level: "error" | "warning" | "note"; names: RegExp; secrets?: string }[] = [
  { change: "no store", edit: ['kv_namespaces = [{ binding = "SESSION_KV"', 'kv_namespaces = [{ binding = "OTHER"'], level: "error", names: /^REVOCATION is on without SESSION_KV/ },
  { change: "a store's id that is none", edit: [ID, "<id>"], level: "error", names: /^SESSION_KV has an id that is none/ },
  { change: "no gate", edit: ['name = "REFRESH_GATE"', 'name = "OTHER"'], level: "warning", names: /^REFRESH_GATE is not bound/ },
  { change: "a gate of another class", edit: ['class_name = "RefreshGate"', 'class_name = "Other"'], level: "error", names: /^REFRESH_GATE is bound to the class Other/ },
  { change: "a gate whose class was deleted", edit: ["[env.production]", '[[migrations]]\ntag = "v2"\ndeleted_classes = ["RefreshGate"]\n[env.production]'], level: "error", names: /has no migration/ },
  { change: "the cache of the entrypoint alone", edit: ["[env.production]", '[exports.default]\ntype = "worker"\ncache = { enabled = true }\n[env.production]'], level: "error", names: /^Workers Cache is on/ },
  { change: "preview URLs left to the dashboard", edit: ["preview_urls = false", ""], level: "warning", names: /^preview_urls is not set/ },
  { change: "no route", edit: ["routes = [", "# ["], level: "warning", names: /^There is no route/ },
  { change: "a custom domain without origin", edit: ['{ pattern = "www.example.org/*", zone_name = "example.org" }', '{ pattern = "www.example.org", custom_domain = true }'], level: "error", names: /^www\.example\.org is a custom domain/ },
  { change: "a cookie domain below the route's host", edit: ['COOKIE_DOMAIN = "example.org"', 'COOKIE_DOMAIN = "app.www.example.org"'], level: "error", names: /^COOKIE_DOMAIN app\.www\.example\.org does not contain/ },
  { change: "a route that is inherited", edit: ["[[migrations]]", 'routes = ["www.example.org/*"]\n[[migrations]]'], level: "error", names: /^The route www\.example\.org\/\* is the top level's too/ },
  { change: "an origin that trusts everybody", edit: ["REVOCATION", 'ORIGIN_URL = "https://origin.example.org"\nREVOCATION'], level: "note", names: /^ORIGIN_URL is set and IDENTITY_SECRET is not known/ },
  { change: "observing", edit: ["REVOCATION", 'MODE = "observe"\nREVOCATION'], level: "note", names: /^MODE is observe/ },
  { change: "no secret key", edit: ["REVOCATION", "REVOCATION"], secrets: "", level: "note", names: /^SUPABASE_SECRET_KEY is not known here/ },
  { change: "an example's secret", edit: ["REVOCATION", "REVOCATION"], secrets: "SUPABASE_SECRET_KEY=sb_secret_0000000000000000000000_00000000", level: "note", names: /^SUPABASE_SECRET_KEY is not known here/ },
  { change: "a publishable key as secret", edit: ["REVOCATION", "REVOCATION"], secrets: "SUPABASE_SECRET_KEY=sb_publishable_x", level: "error", names: /^SUPABASE_SECRET_KEY must be a secret key/ },
  { change: "a project that is set locally only", edit: ["SUPABASE_URL", "# "], secrets: "SUPABASE_URL=https://abc.supabase.co", level: "error", names: /^SUPABASE_URL must be set/ },
];

describe("one change", async () => {
  test.each(CHANGES)("$change", async ({ edit, level, names, secrets = SECRETS }) => {
    const config = good("https://abc.supabase.co");
    expect(config).toContain(edit[0]);
    const findings = await judge({ config: config.replace(edit[0], edit[1]), secrets });
    expect(findings).toContainEqual(expect.objectContaining({ level, text: expect.stringMatching(names) }));
    expect(findings.filter((finding) => finding.level === "error")).toHaveLength(level === "error" ? 1 : 0);
  });

  test("secrets of the environment come before those of all", async () => {
    const config = good("https://abc.supabase.co");
    const [usual, own] = [{ secrets: SECRETS }, { secrets: SECRETS, productionSecrets: "IDENTITY_SECRET=short\n" }];
    const texts = async (files: object): Promise<string[]> => (await judge({ config, ...files })).map(({ text }) => text);
    expect(await texts(usual)).toEqual([]);
    expect(await texts(own)).toEqual(["IDENTITY_SECRET must have at least 32 bytes.", expect.stringMatching(/^SUPABASE_SECRET_KEY is not known here/)]);
  });

  test.each([
    ["an Auth server that is not there", await withServer(() => {}, async (url) => url), /cannot be fetched \(ECONNREFUSED\)/],
    ["an issuer that is not accepted", strange.url, /^Auth's tokens name the issuer https:\/\/ref\.supabase\.co\/auth\/v1, and http:\S+ is accepted/],
    ["an address that is not Auth's", `${auth.url}/elsewhere`, /answered 40\d/],
    ["the address of Auth itself", `${auth.url}/auth/v1`, /^SUPABASE_URL ends with \/auth\/v1/],
  ])("%s", async (_, url, names) => {
    const { errors, status } = await examine({ config: good(url), secrets: SECRETS, args: PRODUCTION });
    expect(errors).toEqual([expect.stringMatching(names)]);
    expect(status).toBe(1);
  });

  test("tokens without issuer are an error only where one is asked for", async () => {
    const [free, asked] = [good(nameless.url), good(nameless.url).replace("[env.production.vars]\n", `[env.production.vars]\nJWT_ISSUER = "${nameless.url}/auth/v1"\n`)];
    const { errors, notes } = await examine({ config: free, secrets: SECRETS, args: PRODUCTION });
    expect([errors, notes]).toEqual([[], expect.arrayContaining([expect.stringMatching(/^Auth's tokens name no issuer: they are accepted by the key/)])]);
    expect((await examine({ config: asked, secrets: SECRETS, args: PRODUCTION })).errors).toEqual([expect.stringMatching(/^Auth's tokens name no issuer, and JWT_ISSUER asks for one/)]);
  });

  test("a publishable key of another project", async () => {
    const config = good(auth.url).replace(auth.publishableKey, "sb_publishable_ofAnother");
    const { errors, status } = await examine({ config, secrets: SECRETS, args: PRODUCTION });
    expect(errors).toEqual([expect.stringMatching(/^Auth's gateway refuses the publishable key \(401\)/)]);
    expect(status).toBe(1);
  });

  test("a route of which Cloudflare says nothing, and an Auth server without discovery", async () => {
    const { notes, errors } = await withServer(withoutDiscovery, (url) =>
      withServer(cloudflare(undefined), (api) =>
        examine({ config: good(url), secrets: SECRETS, args: PRODUCTION, env: { CLOUDFLARE_API_BASE_URL: api, CLOUDFLARE_API_TOKEN: "a-token" } }),
      ),
    );
    expect(errors).toEqual([]);
    expect(notes).toContainEqual("Cloudflare did not say how the route www.example.org/* fails.");
    expect(notes).toContainEqual(expect.stringMatching(/^Auth did not say which issuer its tokens name \(status 200\)/));
  });

  test.each([
    ["is missing", [], [expect.stringMatching(/^SUPABASE_SECRET_KEY is not set on the deployed Worker/)]],
    ["is there", [{ name: "SUPABASE_SECRET_KEY" }], []],
  ])("a secret key that %s at Cloudflare", async (_, result, expected) => {
    const api: RequestListener = (request, response) => {
      if (!request.url?.endsWith("/scripts/edge-session-production/secrets")) return cloudflare(false)(request, response);
      response.end(JSON.stringify({ result }));
    };
    const { errors } = await withServer(api, (url) =>
      examine({ config: good(auth.url), args: PRODUCTION, env: { CLOUDFLARE_ACCOUNT_ID: "an-account", CLOUDFLARE_API_BASE_URL: url, CLOUDFLARE_API_TOKEN: "a-token" } }),
    );
    expect(errors).toEqual(expected);
  });

  test("a token of Cloudflare's that may not look", async () => {
    const { warnings } = await withServer(cloudflare(true), (api) =>
      examine({ config: good(auth.url), secrets: SECRETS, args: PRODUCTION, env: { CLOUDFLARE_API_BASE_URL: api, CLOUDFLARE_API_TOKEN: "another" } }),
    );
    expect(warnings).toEqual([expect.stringMatching(/^Cloudflare did not say how the route www\.example\.org\/\* fails \(status 403\)/)]);
  });
});

describe("the command line", () => {
  test.each([
    [["--env", "nowhere"], /No environment found in configuration with name "nowhere"/],
    [["--paths", "admin"], /--paths must hold paths that begin with \//],
    [["--token-life", "long"], /--token-life must be a number of seconds/],
    [["--colour"], /Unknown option '--colour'[^]*usage: npx edge-session doctor/],
  ])("%j is refused", async (args, complaint) => {
    const diagnosis = await examine({ config: good(auth.url), args: [...args] });
    expect([diagnosis.status, diagnosis.report]).toEqual([1, ""]);
    expect(diagnosis.complaint).toMatch(complaint);
  });

  test("--help says what there is", async () => {
    const { status, report } = await examine({ config: "", args: ["--help"] });
    expect(status).toBe(0);
    for (const option of ["--env", "--config", "--paths", "--host", "--method", "--token-life", "--offline"]) expect(report).toContain(option);
  });

  test.each([
    [{ isTTY: true }, {}, "\u001b[31mx\u001b[0m"],
    [{ isTTY: true }, { NO_COLOR: "1" }, "x"],
    [{ isTTY: true }, { TERM: "dumb" }, "x"],
    [{}, {}, "x"],
  ])("colours on %j with %j", (stream, env, painted) => {
    expect(painter(stream, env)(31, "x")).toBe(painted);
  });
});

describe("the shipped wrangler.toml", () => {
  const shipped = readFileSync(new URL("../../wrangler.toml", import.meta.url), "utf8");

  test("logs in no environment what only helps to find a mistake", () => {
    expect(shipped.match(/^LOG_LEVEL = "info"$/gm)).toHaveLength(2);
    expect(shipped).not.toMatch(/^LOG_LEVEL = "debug"/m);
  });

  test.each([[[]], [["--env", "staging"]]])("lacks the project, and has no other error: %j", async (args) => {
    const { errors } = await examine({ config: shipped, args: [...args, "--offline"] });
    expect(errors).toEqual([expect.stringMatching(/^SUPABASE_URL must be set/), expect.stringMatching(/^SUPABASE_PUBLISHABLE_KEY must be set/)]);
  });
});
