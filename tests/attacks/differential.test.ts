/**
 * The Worker's reader of cookies beside the one of `@supabase/ssr`: the same session in every header, or a difference that
 * the table below names and that the header itself explains.
 *
 * `COOKIE_HEADERS=1000000 COOKIE_SEED=7` asks for more of them, or for others.
 */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { combineChunks, createServerClient, parseCookieHeader, stringFromBase64URL } from "@supabase/ssr";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cookieHeaders, KEY } from "./headers.ts";

const COUNT = Number(process.env.COOKIE_HEADERS ?? 100_000);
const SEED = Number(process.env.COOKIE_SEED ?? 20_260_901);
const ROOT = join(import.meta.dirname, "..", "..");

type Session = Record<string, unknown>;

interface Verdict {
  session?: Session;
  refused?: string;
  foreign?: boolean;
}

/** What explains that a header is read differently; the first kind that fits counts. */
const KINDS: Record<string, { of: "refused" | "salvaged" | "changed"; explains: (facts: Facts) => boolean }> = {
  // Stricter on purpose: what we refuse and they take.
  "a token that is no text, or an empty one": { of: "refused", explains: ({ ours, theirs }) => ours.refused === "wrong_shape" && !(isToken(theirs?.access_token) && isToken(theirs?.refresh_token)) },
  "more than 32 chunks": { of: "refused", explains: ({ ours, jar }) => ours.refused === "too_many_chunks" && jar.has(`${KEY}.32`) },
  "more than 64 KiB of JSON": { of: "refused", explains: ({ ours, text }) => ours.refused === "too_large" && Buffer.byteLength(text) > 64 * 1024 },
  "base64 of bytes that are no UTF-8 (RFC 3629 3)": { of: "refused", explains: ({ ours, value }) => ours.refused === "not_utf8" && !isUtf8(Buffer.from(value.slice(7).replace(/[\s=]/g, ""), "base64url")) },
  "JSON nested more than 127 deep": { of: "refused", explains: ({ ours, text }) => ours.refused === "not_json" && /[[{]{100}/.test(text) && depth(text) > 127 },
  "a number beyond all doubles (Infinity to JavaScript)": { of: "refused", explains: ({ ours, text }) => ours.refused === "not_json" && /e(400|999)/.test(text) },
  // Read although they no longer do, and written anew in today's form; verification decides, as for every session.
  "an array of auth-helpers": { of: "salvaged", explains: ({ ours, text }) => ours.foreign === true && text.trimStart().startsWith("[") },
  "base64l-… of @supabase/ssr 0.6.0": { of: "salvaged", explains: ({ ours, value }) => ours.foreign === true && value.startsWith("base64l-") },
  "another cookie of the same name, where the first ones hold no session": { of: "salvaged", explains: ({ header }) => isTwice(header) },
  // The same session but for a character that UTF-8 cannot hold.
  "half a surrogate pair becomes U+FFFD": { of: "changed", explains: ({ text, ours, theirs }) => /\\ud[89a-f]/i.test(text) && JSON.stringify(theirs).toLowerCase().replace(/\\ud[89a-f][0-9a-f]{2}/g, "�") === JSON.stringify(ours.session).toLowerCase() },
};

/** Counted where the header, taken apart by the Worker's rule, is read alike or differs by one of the kinds above. */
const JOINED = "header lines that a proxy joined with a comma";
/** The names that clients keep for one key, and what can be a cookie's name at all. */
const FAMILY = new RegExp(`^${KEY}(-user|-code-verifier|-flows-code-verifier|-flow-[\\w-]{8,64}-code-verifier)?(\\.(0|[1-9]\\d*))?$`);
const TOKEN = /^[\w!#$%&'*+\-.^`|~]+$/;

interface Facts {
  header: string;
  /** The header as `cookie` reads it. */
  jar: Map<string, string>;
  /** The cookie's value, joined, and the text in it. */
  value: string;
  text: string;
  ours: Verdict;
  theirs: Session | null;
}

let storage: (cookies: { name: string; value: string }[]) => { getItem(key: string): Promise<string | null> };
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "cookie-headers-"));
  // The client warns about each header that it cannot read.
  vi.spyOn(console, "warn").mockImplementation(() => undefined);
  // The storage that createServerClient makes for itself; it is no export of the package.
  const require = createRequire(import.meta.url);
  const { createStorageFromOptions } = require(join(dirname(require.resolve("@supabase/ssr")), "cookies.js"));
  storage = (cookies) => createStorageFromOptions({ cookieEncoding: "base64url", cookies: { getAll: () => cookies, setAll: () => undefined } }, true).storage;
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  vi.restoreAllMocks();
});

test(`${COUNT} headers of seed ${SEED}: the same session, or a difference with a name`, { timeout: 600_000 }, async () => {
  const headers = cookieHeaders(COUNT, SEED);
  const verdicts = await ours(headers);
  const counts: Record<string, number> = { "the same session": 0, "no session": 0, ...Object.fromEntries([...Object.keys(KINDS), JOINED].map((kind) => [kind, 0])) };
  const unexplained: object[] = [];
  for (const [index, header] of headers.entries()) {
    const kind = await compare(header, verdicts[index]!);
    if (kind === undefined) {
      unexplained.push({ header, ours: verdicts[index], theirs: await theirs(header) });
    } else {
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
  console.info(`of ${COUNT} headers\n${Object.entries(counts).map(([kind, count]) => `${String(count).padStart(8)}  ${KINDS[kind]?.of ?? ""} ${kind}`).join("\n")}`);
  expect(unexplained.slice(0, 3)).toEqual([]);
  // A generator that never comes near a session, or never near a difference, would compare nothing.
  expect(counts["the same session"]).toBeGreaterThan(COUNT / 3);
  expect(counts["no session"]).toBeGreaterThan(COUNT / 20);
  if (COUNT >= 100_000) {
    expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
  }
});

test("the storage and the whole client agree, so that the comparison is with what an origin does", async () => {
  for (const header of cookieHeaders(400, SEED + 1)) {
    const session = await theirs(header);
    if (session !== null && Number(session.expires_at) > Date.now() / 1_000 + 999 && typeof session.access_token === "string") {
      const cookies = parseCookieHeader(header).map(({ name, value }) => ({ name, value: value ?? "" }));
      const client = createServerClient("https://abc.supabase.co", "sb_publishable_x", { cookies: { getAll: () => cookies, setAll: () => undefined } });
      const { data } = await client.auth.getSession();
      expect([header, data.session?.access_token]).toEqual([header, session.access_token]);
    }
  }
});

/** What a header is counted as; undefined where nothing explains the difference. */
async function compare(header: string, verdict: Verdict): Promise<string | undefined> {
  const kind = await compareLine(header, verdict);
  if (kind !== undefined) {
    return kind;
  }
  const lines = apart(header);
  return lines !== header && (await compareLine(lines, verdict)) !== undefined ? JOINED : undefined;
}

async function compareLine(header: string, verdict: Verdict): Promise<string | undefined> {
  const session = await theirs(header);
  if (session === null && verdict.session === undefined) {
    return "no session";
  }
  if (session !== null && verdict.session !== undefined && equal(session, verdict.session)) {
    return "the same session";
  }
  const jar = new Map(parseCookieHeader(header).map(({ name, value }) => [name, value ?? ""]));
  const value = (await combineChunks(KEY, (name) => jar.get(name) ?? null)) ?? "";
  const facts = { header, jar, value, text: payload(value), ours: verdict, theirs: session };
  const of = verdict.session === undefined ? "refused" : session === null ? "salvaged" : "changed";
  return Object.entries(KINDS).find(([, kind]) => kind.of === of && kind.explains(facts))?.[0];
}

/**
 * Takes header lines apart that the runtime joined with a comma, by the rule that the Worker states: in one of our cookies
 * a comma ends it wherever a name follows; in another's only in front of ours, and only where no session stands by itself.
 */
function apart(header: string): string {
  const names = header.split(";").map((segment) => /^[ \t]*([^=]*?)[ \t]*=/.exec(segment)?.[1] ?? "");
  const isAlone = names.some((name) => name === KEY || /^\.(0|[1-9]\d*)$/.test(name.startsWith(KEY) ? name.slice(KEY.length) : ""));
  const cut = (segment: string): string => {
    const isOurs = FAMILY.test(/^[ \t]*([^=]*?)[ \t]*=/.exec(segment)?.[1] ?? "");
    for (const { index } of segment.matchAll(/, /g)) {
      const next = /^([^=, "]*)=/.exec(segment.slice(index + 2))?.[1];
      if (next !== undefined && ((FAMILY.test(next) && (isOurs || !isAlone)) || (isOurs && TOKEN.test(next)))) {
        return `${segment.slice(0, index)};${cut(segment.slice(index + 1))}`;
      }
    }
    return segment;
  };
  return header.split(";").map(cut).join(";");
}

function payload(value: string): string {
  try {
    return value.startsWith("base64-") ? stringFromBase64URL(value.slice(7)) : value;
  } catch {
    return "";
  }
}

/** What `@supabase/ssr` finds: its storage over the cookies that it parsed, then the checks of auth-js. */
async function theirs(header: string): Promise<Session | null> {
  const cookies = parseCookieHeader(header).map(({ name, value }) => ({ name, value: value ?? "" }));
  const text = await storage(cookies).getItem(KEY);
  if (text === null || text === "") {
    return null;
  }
  try {
    const session: unknown = JSON.parse(text);
    // `_isValidSession` of GoTrueClient.
    const isSession = typeof session === "object" && session !== null && "access_token" in session && "refresh_token" in session && "expires_at" in session;
    return isSession ? (session as Session) : null;
  } catch {
    return null;
  }
}

/** Hands the headers to the crate's own reader, natively. */
async function ours(headers: string[]): Promise<Verdict[]> {
  const file = join(folder, "headers.jsonl");
  writeFileSync(file, headers.map((header) => `${JSON.stringify(header)}\n`).join(""));
  const cargo = [join(ROOT, ".tools", "cargo.mjs"), "run", "--quiet", "--example", "read_cookies", "--", KEY, file];
  const { stdout } = await promisify(execFile)(process.execPath, cargo, { cwd: ROOT, maxBuffer: 2 ** 31 });
  const verdicts = stdout.split("\n").slice(0, -1).map((line) => JSON.parse(line) as Verdict);
  expect(verdicts).toHaveLength(headers.length);
  return verdicts;
}

/** Equal as JSON is, whatever the order of the members. */
function equal(one: unknown, other: unknown): boolean {
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return Object.is(one, other) || (one === 0 && other === 0);
  }
  const names = Object.keys(one);
  return (
    Array.isArray(one) === Array.isArray(other) &&
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equal((one as Session)[name], (other as Session)[name]))
  );
}

/** Whether a name of the session comes twice. */
function isTwice(header: string): boolean {
  const names = header.split(/; *|, */).map((pair) => pair.split("=")[0]!.trim()).filter((name) => name === KEY || /^\.\d+$/.test(name.replace(KEY, "")));
  return new Set(names).size < names.length;
}

function isToken(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isUtf8(bytes: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** How deep the lists and objects of a JSON text go. */
function depth(text: string): number {
  let [deepest, now] = [0, 0];
  for (const character of text.replace(/"(\\.|[^"\\])*"/g, "")) {
    now += "[{".includes(character) ? 1 : "]}".includes(character) ? -1 : 0;
    deepest = Math.max(deepest, now);
  }
  return deepest;
}
