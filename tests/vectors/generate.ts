// Writes the vectors of this folder with the real clients. See README.md.
//
//   node tests/vectors/generate.ts
//
// Every client is installed from npm into a temporary folder with a supabase-js of its
// time, so that nothing of it stays behind. Nothing here is random and no clock shows in
// the output: a second run must leave the files as they are.

import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const VERSIONS: Record<string, string> = {
  "0.5.2": "2.46.2",
  "0.6.0": "2.49.1",
  "0.6.1": "2.49.4",
  "0.7.0": "2.57.4",
  "0.8.0": "2.84.0",
  "0.10.3": "2.105.4",
  "0.12.7": "2.119.0",
};
const AUTH_HELPERS = "0.7.0";
const URL = "https://abc.supabase.co";
const DEFAULT_KEY = "sb-abc-auth-token";
const EXPIRES_AT = 2114380800;

type Json = Record<string, unknown>;
type Case = {
  name: string;
  session: Json;
  encoding?: "raw" | "base64url";
  tokensOnly?: boolean;
  key?: string;
  domain?: string;
  present?: string[];
  browser?: boolean;
};

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");

function session(metadata: Json, more: Json = {}): Json {
  const claims = { sub: "6c5cfb49-2d1a-4f8e-9d8e-0a9a5b2f3c11", exp: EXPIRES_AT, role: "authenticated" };
  return {
    access_token: `${base64url({ alg: "ES256", typ: "JWT", kid: "k" })}.${base64url(claims)}.c2lnbmF0dXJl`,
    token_type: "bearer",
    expires_in: 3600,
    expires_at: EXPIRES_AT,
    refresh_token: "v1.abcdefghijkl",
    user: { id: claims.sub, email: "ada@example.com", user_metadata: metadata },
    ...more,
  };
}

/** A session whose JSON is exactly `bytes` long. */
function sized(bytes: number): Json {
  const empty = Buffer.byteLength(JSON.stringify(session({ pad: "" })));
  return session({ pad: "p".repeat(bytes - empty) });
}

const pad = (count: number) => "abcdefghij".repeat(count);
const FACES = "Zoë 🤦🏻‍♂️ 日本語 “%;,” ".repeat(50);
const STALE = ["0", "1", "2", "3", "4"].map((index) => `${DEFAULT_KEY}.${index}`);

const CASES: Case[] = [
  { name: "plain", session: session({ name: "Ada" }) },
  { name: "the longest JSON that fits into one cookie", session: sized(2379) },
  { name: "one byte more", session: sized(2380) },
  { name: "two chunks", session: session({ pad: pad(300) }) },
  { name: "five chunks", session: session({ pad: pad(1100) }) },
  { name: "multi-byte", session: session({ name: "Zoë 🤦🏻‍♂️ 日本語" }) },
  { name: "multi-byte, chunked", session: session({ name: FACES }) },
  { name: "raw", session: session({ name: "Ada, \"Countess\" of 100%;" }), encoding: "raw" },
  { name: "raw, chunked", session: session({ pad: pad(300) }), encoding: "raw" },
  { name: "raw, multi-byte, chunked", session: session({ name: FACES }), encoding: "raw" },
  { name: "unknown members", session: session({}, { provider_token: "p", weak_password: { reasons: ["length"] }, later: [1, 1.5, null] }) },
  { name: "lone surrogate", session: session({ name: "\ud83d and \udc00" }) },
  { name: "storage key of its own", session: session({ name: "Ada" }), key: "my.session" },
  { name: "storage key of its own, chunked", session: session({ pad: pad(300) }), key: "my.session" },
  { name: "chunks left over", session: session({ pad: pad(300) }), present: [DEFAULT_KEY, ...STALE] },
  { name: "chunked before, plain now", session: session({ name: "Ada" }), present: STALE },
  { name: "plain before, chunked now", session: session({ pad: pad(300) }), present: [DEFAULT_KEY] },
  { name: "domain", session: session({ name: "Ada" }), domain: "example.com", present: STALE },
  { name: "written by the browser", session: session({ name: "Ada" }), browser: true },
];
const TOKENS_ONLY: Case[] = [
  { name: "tokens only", session: session({ name: "Ada" }), tokensOnly: true },
  { name: "tokens only, chunked", session: session({}, { provider_token: pad(300) }), tokensOnly: true },
];

const folder = mkdtempSync(join(tmpdir(), "vectors-"));
try {
  for (const [ssr, supabase] of Object.entries(VERSIONS)) {
    const client = install(ssr, [`@supabase/ssr@${ssr}`, `@supabase/supabase-js@${supabase}`]);
    const cases = hasTokensOnly(ssr) ? [...CASES, ...TOKENS_ONLY] : CASES;
    const vectors = [];
    for (const each of cases) vectors.push(await record(client("@supabase/ssr"), each, ssr));
    write(`ssr-${ssr}.json`, { ssr, "supabase-js": supabase, vectors });
  }
  write("auth-helpers.json", recordAuthHelpers());
} finally {
  rmSync(folder, { recursive: true });
}
// The clients keep timers, which would keep the process.
process.exit();

function install(name: string, packages: string[]): NodeJS.Require {
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, "package.json"), "{}");
  execFileSync("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--legacy-peer-deps", ...packages], {
    cwd: at,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return createRequire(join(at, "package.json"));
}

function hasTokensOnly(version: string): boolean {
  return Number(version.split(".")[1]) >= 8;
}

/** Signs in through the real client and notes what it writes and reads back. */
async function record(ssr: any, each: Case, version: string) {
  const key = each.key ?? DEFAULT_KEY;
  const jar = before(each.present ?? []);
  const present = [...jar.keys()];
  const lines: string[] = [];
  const client = connect(ssr, each, jar, lines);
  // Older clients announce the session they found; the announcement must not meet the sign-in.
  await client.auth.getSession();
  const { error } = await client.auth.signInWithPassword({ email: "ada@example.com", password: "x" });
  if (error) throw error;

  const { data } = await connect(ssr, each, jar, []).auth.getSession();
  const written = { ...each.session };
  if (each.tokensOnly) delete written.user;
  // 0.6.0 cannot read itself, which is what its vectors are for.
  if (version !== "0.6.0" && data.session?.access_token !== written.access_token) {
    throw new Error(`${version} does not read back "${each.name}"`);
  }
  return {
    name: each.name,
    storage_key: key,
    encoding: each.encoding ?? "base64url",
    domain: each.domain ?? null,
    present,
    // As a string, because a lone surrogate is JSON that not every parser takes.
    session_json: JSON.stringify(written),
    read_by_itself: data.session !== null,
    set_cookie: lines,
  };
}

/** The cookies of an older session, which must be a good one: clients delete a broken one by themselves. */
function before(names: string[]): Map<string, string> {
  const text = JSON.stringify({ ...session({}), refresh_token: "older" });
  const chunks = names.filter((name) => name !== DEFAULT_KEY);
  const size = Math.ceil(text.length / chunks.length);
  return new Map(names.map((name) => {
    const at = chunks.indexOf(name) * size;
    return [name, name === DEFAULT_KEY ? text : text.slice(at, at + size)];
  }));
}

function connect(ssr: any, each: Case, jar: Map<string, string>, lines: string[]) {
  const cookies = {
    ...(each.tokensOnly ? { encode: "tokens-only" } : {}),
    getAll: () => [...jar].map(([name, value]) => ({ name, value })),
    setAll(batch: { name: string; value: string; options: Json }[]) {
      for (const { name, value, options } of batch) {
        lines.push(ssr.serializeCookieHeader(name, value, options));
        if (options.domain === undefined && each.domain !== undefined) continue;
        if (options.maxAge === 0) jar.delete(name);
        else jar.set(name, value);
      }
    },
  };
  const fetch = async () => Response.json(each.session);
  const cookieOptions = {
    ...(each.key ? { name: each.key } : {}),
    ...(each.domain ? { domain: each.domain } : {}),
  };
  const create = each.browser ? ssr.createBrowserClient : ssr.createServerClient;
  const options: Json = { cookies, cookieOptions, global: { fetch }, auth: { autoRefreshToken: false } };
  if (each.encoding) options.cookieEncoding = each.encoding;
  if (each.browser) options.isSingleton = false;
  return create(URL, "sb_publishable_x", options);
}

function recordAuthHelpers() {
  const helpers = install("auth-helpers", [
    `@supabase/auth-helpers-shared@${AUTH_HELPERS}`,
    `@supabase/supabase-js@${VERSIONS["0.5.2"]}`,
  ])("@supabase/auth-helpers-shared");
  const vectors = [
    { name: "plain", value: session({}) },
    { name: "with provider tokens", value: session({}, { provider_token: "p", provider_refresh_token: "q" }) },
    { name: "chunked", value: session({}, { provider_token: pad(400) }) },
  ].map(({ name, value }) => {
    const pairs: string[] = [];
    class Storage extends helpers.CookieAuthStorageAdapter {
      getCookie() { return null; }
      setCookie(name: string, value: string) { pairs.push(helpers.serializeCookie(name, value)); }
      deleteCookie() {}
    }
    new (Storage as any)().setItem(DEFAULT_KEY, JSON.stringify(value));
    return { name, storage_key: DEFAULT_KEY, header: pairs.join("; "), session_json: JSON.stringify(value) };
  });
  return { "auth-helpers-shared": AUTH_HELPERS, vectors };
}

function write(name: string, content: unknown) {
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(content, null, 1)}\n`);
}
