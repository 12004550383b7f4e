/** Cookies that a sibling site, a bad proxy or a visitor can send: which session counts, and what is left in the jar. */
import { randomUUID } from "node:crypto";
import { parseCookieHeader } from "@supabase/ssr";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isSessionName, outcomeOf, sessionCookiesAt, sessionSetCookies } from "../support/expectations.ts";
import type { Received } from "../support/origin.ts";
import { browserJar, type Cookie, cookieHeader, jarCookies, parseCookies, readSession } from "../support/sessions.ts";
import { type SignedIn, SITE, type Stack, startStack } from "../support/stack.ts";
import { claims, jws } from "./forge.ts";
import { type Attack, exchange, expectTable, identityAt, statuses } from "./support.ts";

const K = "sb-127-auth-token";
let stack: Stack<"main" | "domain" | "plain">;
/** The visitor, and whoever wants to be taken for him or wants him to be taken for somebody else. */
let victim: SignedIn;
let attacker: SignedIn;
let own: string;
let tossed: string;

beforeAll(async () => {
  stack = await startStack({
    vars: { SERVER_TIMING: "on", RULES: [{ path: "/members*", require: true }] },
    workers: { main: {}, plain: { plain: true }, domain: { vars: { COOKIE_DOMAIN: "example.com" } } },
  });
  expect(stack.key).toBe(K);
  [victim, attacker] = [stack.signIn(), stack.signIn()];
  [own, tossed] = [await value(victim), await value(attacker)];
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

interface CookieAttack extends Attack {
  /** The whole header, as it stands on the wire. */
  cookie: () => string;
  outcome: "valid" | "invalid" | "anonymous" | "unavailable";
  /** Whose identity reaches the origin; nobody's unless the outcome is valid. */
  who?: "victim" | "attacker";
  /** The names of the session that the answer deletes; none unless said. */
  deletes?: string[];
  /** The names of the session that the answer writes again. */
  writes?: string[];
  /** What of the header reaches the origin; the session alone or everything unless said. */
  forwarded?: () => string | undefined;
}

type Row = [attack: string, cookie: () => string, outcome: CookieAttack["outcome"], more?: Partial<CookieAttack>];

function rows(source: string, list: Row[]): CookieAttack[] {
  return list.map(([attack, cookie, outcome, more]) => ({ attack, source, cookie, outcome, ...more }));
}

const me = { who: "victim" } as const;
const them = { who: "attacker" } as const;
const gone = (...names: string[]): Partial<CookieAttack> => ({ deletes: names.map((name) => `${K}${name}`) });
/** Splits a value into so many chunks. */
const cut = (text: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => text.slice(Math.ceil(text.length / count) * index, Math.ceil(text.length / count) * (index + 1)));
const chunks = (text: string, count: number, key = K): string => cut(text, count).map((part, index) => `${key}.${index}=${part}`).join("; ");
/** The bytes of the text, a character each, as they are sent. */
const utf8 = (text: string): string => Buffer.from(text).toString("latin1");
const base64 = (text: string | Buffer): string => `base64-${Buffer.from(text as string).toString("base64url")}`;
const json = (session: SignedIn): string => JSON.stringify(session);
/** A twin of the victim's session with a later expiry that nobody signed. */
const forged = (): string => base64(json({ ...victim, access_token: `${victim.access_token.slice(0, -20)}${"A".repeat(20)}` }));
/** A session of nobody's, under a key that only its header names. */
const madeUp = (header: object, expiresIn: number): string =>
  base64(json({ ...victim, refresh_token: "made-up", access_token: jws("evil", { typ: "JWT", ...header }, claims(stack.auth.authUrl, { exp: Math.floor(Date.now() / 1000) + expiresIn })) }));

const TOSSING = rows("RFC 6265bis 8.6 weak integrity; PortSwigger/Black Hat: cookie tossing from a sibling subdomain", [
  ["the victim's cookie first, another user's behind it", () => `${K}=${own}; ${K}=${tossed}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  // The order in the header is the browser's: a longer path or an older cookie comes first, and nobody can tell who set it.
  ["another user's cookie first: the first one counts, and the origin sees the same", () => `${K}=${tossed}; ${K}=${own}`, "valid", { ...them, writes: [K], forwarded: () => `${K}=${tossed}` }],
  ["a forged twin in front", () => `${K}=${forged()}; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["a forged twin behind", () => `${K}=${own}; ${K}=${forged()}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  // Nobody can say that these are forged: a key may be new or revoked, and a shared secret is known to Auth alone.
  ["a twin of a made-up key in front", () => `${K}=${madeUp({ alg: "ES256", kid: randomUUID() }, 9_000)}; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["a twin without a key that has expired, in front", () => `${K}=${madeUp({ alg: "ES256" }, -60)}; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["a twin of the shared secret that has expired, in front", () => `${K}=${madeUp({ alg: "HS256" }, -60)}; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["a twin of the shared secret that is about to expire, in front", () => `${K}=${madeUp({ alg: "HS256" }, 40)}; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["rubbish in front", () => `${K}=rubbish; ${K}=${own}`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["an empty twin in front", () => `${K}=; ${K}=${own}`, "valid", { ...me, writes: [K] }],
  ["rubbish on both sides", () => `${K}=a; ${K}=${own}; ${K}=b`, "valid", { ...me, writes: [K], forwarded: () => `${K}=${own}` }],
  ["rubbish chunk 0 in front of a plain cookie", () => `${K}.0=rubbish; ${K}=${own}`, "valid", me],
  ["rubbish chunk 1 beside a plain cookie", () => `${K}=${own}; ${K}.1=rubbish`, "valid", me],
  ["a plain cookie over chunks, rubbish: the plain one is read, as clients do", () => `${K}=rubbish; ${chunks(own, 2)}`, "invalid", gone("", ".0", ".1")],
  ["a plain cookie of another user over the victim's chunks", () => `${K}=${tossed}; ${chunks(own, 2)}`, "valid", them],
  ["chunk 2 tossed behind two chunks", () => `${chunks(own, 2)}; ${K}.2=rubbish`, "invalid", gone(".0", ".1", ".2")],
  ["chunk 1 of another user in front of the victim's", () => { const [, theirs] = cut(tossed, 2); return `${K}.1=${theirs}; ${chunks(own, 2)}`; }, "valid", { ...me, writes: [K], deletes: [`${K}.0`, `${K}.1`] }],
  ["chunk 1 of rubbish in front of the victim's", () => `${K}.1=rubbish; ${chunks(own, 2)}`, "valid", { ...me, writes: [K], deletes: [`${K}.0`, `${K}.1`] }],
  ["chunk 0 of rubbish in front of the victim's", () => `${K}.0=rubbish; ${chunks(own, 2)}`, "valid", { ...me, writes: [K], deletes: [`${K}.0`, `${K}.1`] }],
  ["both chunks of another user behind the victim's", () => `${chunks(own, 2)}; ${chunks(tossed, 2)}`, "valid", { ...me, writes: [K], deletes: [`${K}.0`, `${K}.1`] }],
  ["six twins of rubbish in front push the session out of reach", () => `${`${K}=x; `.repeat(6)}${K}=${own}`, "invalid", gone("")],
  ["2,000 twins", () => `${`${K}=x; `.repeat(2_000)}a=1`, "invalid", gone("")],
  ["a twin with another case is another cookie (RFC 6265bis 5.7)", () => `${K.toUpperCase()}=${tossed}; ${K}=${own}`, "valid", me],
  ["a session for another project", () => `sb-other-auth-token=${tossed}`, "anonymous"],
  ["a session for another project beside the own one", () => `sb-other-auth-token=${tossed}; ${K}=${own}`, "valid", me],
]);

const CHUNKS = rows("supabase-ssr chunker; CWE-20: chunk gaps and counts", [
  ["chunk 1 without chunk 0", () => `${K}.1=${own}`, "anonymous"],
  ["chunks 0 and 2", () => { const parts = cut(own, 3); return `${K}.0=${parts[0]}; ${K}.2=${parts[2]}`; }, "invalid", gone(".0", ".2")],
  ["an empty chunk in the middle", () => { const parts = cut(own, 3); return `${K}.0=${parts[0]}; ${K}.1=; ${K}.2=${parts[2]}`; }, "invalid", gone(".0", ".1", ".2")],
  ["chunks in the wrong order in the header", () => chunks(own, 4).split("; ").reverse().join("; "), "valid", me],
  ["chunks with an orphan far behind", () => `${chunks(own, 2)}; ${K}.7=old`, "valid", me],
  ["chunk 00", () => `${K}.00=${own}`, "anonymous"],
  ["chunk -1", () => `${K}.-1=${own}`, "anonymous"],
  ["chunk 0x0", () => `${K}.0x0=${own}`, "anonymous"],
  ["chunk 1e0", () => `${K}.1e0=${own}`, "anonymous"],
  ["chunk ٠ (an Arabic zero)", () => utf8(`${K}.٠=${own}`), "anonymous"],
  ["chunk +0", () => `${K}.+0=${own}`, "anonymous"],
  ["chunk 0 followed by a space", () => `${K}.0 =${own}`, "valid", me],
  ["a chunk of a chunk", () => `${K}.0.0=${own}`, "anonymous"],
  ["chunk 18446744073709551616 alone", () => `${K}.18446744073709551616=x`, "anonymous"],
  ["chunk 4294967296 is not chunk 0", () => `${K}.4294967296=${own}`, "anonymous"],
  ["32 chunks", () => chunks(own, 32), "valid", me],
  ["33 chunks", () => chunks(own, 33), "invalid", gone(...Array.from({ length: 33 }, (_, index) => `.${index}`))],
  // One answer deletes 64 names; the next one the rest.
  ["1,000 chunks of one letter", () => chunks("x".repeat(1_000), 1_000), "invalid", gone(...Array.from({ length: 64 }, (_, index) => `.${index}`))],
  // Nothing tells generations apart. Where the seam falls behind the access token, the token alone says who it is.
  ["two generations with the seam behind the access token", () => { const [ours] = cut(own, 2); const [, theirs] = cut(tossed, 2); return `${K}.0=${ours}; ${K}.1=${theirs}`; }, "valid", me],
  ["two generations with the seam inside the access token", () => `${K}.0=${own.slice(0, 600)}; ${K}.1=${tossed.slice(600)}`, "invalid", gone(".0", ".1")],
  ["chunks of the session and one of its verifier", () => `${chunks(own, 2)}; ${K}-code-verifier.0=x`, "valid", me],
]);

const SYNTAX = rows("RFC 6265bis 4.2.1; Sundara 2023, CVE-2023-4639, CVE-2023-26049: cookie smuggling by delimiters and quotes", [
  ["a session inside the quoted value of another cookie", () => `a="; ${K}=${tossed}; b="`, "valid", them],
  // Who may choose what another cookie holds would sign its owner in as himself, and no sign-out could end it.
  ["a session behind a comma in another cookie", () => `last_search=x, ${K}=${tossed}`, "anonymous", { forwarded: () => "" }],
  ["chunks behind commas in another cookie", () => `last_search=x, ${chunks(tossed, 2).replace("; ", ", ")}`, "anonymous", { forwarded: () => "" }],
  ["a session behind a comma in a code verifier", () => `${K}-code-verifier=x, ${K}=${tossed}`, "anonymous", { forwarded: () => "" }],
  ["an escaped semicolon in another cookie (clerk/javascript#9466)", () => `pref=a%3B%20${K}%3D${tossed}`, "anonymous", { forwarded: () => "" }],
  ["a broken escape in another cookie (clerk/javascript#9466)", () => `pref=%C0; ${K}=${own}`, "valid", me],
  ["a session behind a comma in another cookie, beside the own one", () => `lang=en, ${K}=${tossed}; ${K}=${own}`, "valid", me],
  ["the same with the own one first", () => `${K}=${own}; lang=en, ${K}=${tossed}`, "valid", me],
  ["a session behind a comma and no space", () => `lang=en,${K}=${tossed}`, "anonymous"],
  ["a session behind a comma in quotes", () => `lang="en, ${K}"=${tossed}`, "anonymous"],
  ["the value in quotes", () => `${K}="${own}"`, "invalid", gone("")],
  ["the value in single quotes", () => `${K}='${own}'`, "invalid", gone("")],
  ["$Version and $Path (RFC 2109, CVE-2023-4639)", () => `$Version=1; ${K}=${own}; $Path=/`, "valid", me],
  ["no space behind the semicolon", () => `a=1;${K}=${own};b=2`, "valid", me],
  ["tabs around name and value", () => `a=1;\t${K}\t=\t${own}\t`, "valid", me],
  // Another cookie for a browser and for the Worker, and the session for an origin that trims names as JavaScript does.
  ["a no-break space in front of the name (CVE-2020-7070 style)", () => utf8(`a=1; \u00a0${K}=${tossed}`), "anonymous", { forwarded: () => "" }],
  ["a no-break space at the head of the header", () => utf8(`\u00a0${K}=${tossed}; a=1`), "anonymous", { forwarded: () => "" }],
  ["a no-break space behind the name", () => utf8(`a=1; ${K}\u00a0=${tossed}`), "anonymous", { forwarded: () => "" }],
  ["a byte order mark in front of the name", () => utf8(`\ufeff${K}=${tossed}; a=1`), "anonymous", { forwarded: () => "" }],
  ["an ideographic space in front of the name, beside the own one", () => utf8(`\u3000${K}=${tossed}; ${K}=${own}`), "valid", { ...me, forwarded: () => `${K}=${own}` }],
  ["a no-break space in front of chunks, beside the own one", () => utf8(`\u00a0${chunks(tossed, 2).replace("; ", "; \u00a0")}; ${K}=${own}`), "valid", { ...me, forwarded: () => `${K}=${own}` }],
  ["the byte A0 alone, which is no UTF-8, in front of the name", () => `\xa0${K}=${tossed}; a=1`, "anonymous", { forwarded: () => "" }],
  ["a percent escape in the name (CVE-2020-7070, __%48ost-)", () => `${K.replace("-", "%2D")}=${tossed}`, "anonymous"],
  ["an underscore for a hyphen, a dot for an underscore (PHP)", () => `${K.replaceAll("-", "_")}=${tossed}; ${K}_0=${tossed}`, "anonymous"],
  ["a bracket, as PHP cuts names (CVE-2022-31629)", () => `..${K}=${tossed}; ${K}[0]=${tossed}`, "anonymous"],
  ["a name without value", () => `${K}; a=1`, "anonymous"],
  ["a value without name", () => `=${K}=${tossed}`, "anonymous"],
  ["a name that contains ours at its end", () => `x${K}=${tossed}`, "anonymous"],
  ["a name that begins with ours", () => `${K}s=${tossed}`, "anonymous"],
  ["__Host- in front of the name", () => `__Host-${K}=${tossed}`, "anonymous"],
  ["__Secure- in front of the name", () => `__Secure-${K}=${tossed}`, "anonymous"],
  ["a second = in the value", () => `${K}==${own}`, "invalid", gone("")],
  ["__proto__ and constructor", () => `__proto__=1; constructor=2; ${K}=${own}`, "valid", me],
  ["__proto__ as the key's chunk", () => `${K}.__proto__=x`, "anonymous"],
  ["toString", () => "toString=x; hasOwnProperty=y", "anonymous"],
  ["semicolons alone", () => ";".repeat(5_000), "anonymous"],
  ["equals signs alone", () => "=".repeat(5_000), "anonymous"],
]);

const VALUES = rows("CWE-20, CWE-400, CWE-502: values", [
  ["64 KB of the letter A", () => `${K}=base64-${"A".repeat(64_000)}`, "invalid", gone("")],
  ["60 KB of percent escapes", () => `${K}=${"%41".repeat(20_000)}`, "invalid", gone("")],
  ["60 KB of broken percent escapes", () => `${K}=${"%".repeat(60_000)}`, "invalid", gone("")],
  ["60 KB of open brackets", () => `${K}=${"%5B".repeat(20_000)}`, "invalid", gone("")],
  ["open brackets in base64", () => `${K}=${base64("[".repeat(30_000))}`, "invalid", gone("")],
  ["a session with 5,000 nested objects", () => `${K}=${base64(json(victim).replace(/}$/, `,"x":${'{"a":'.repeat(5_000)}1${"}".repeat(5_001)}`))}`, "invalid", gone("")],
  ["bytes above ASCII in the middle", () => `${K}=${own.slice(0, 50)}\xff\xfe${own.slice(50)}`, "invalid", gone("")],
  ["a percent-encoded line break in the base64: clients skip white space", () => `${K}=${own.slice(0, 50)}%0D%0A${own.slice(50)}`, "valid", me],
  ["a percent-encoded NUL in the base64", () => `${K}=${own.slice(0, 50)}%00${own.slice(50)}`, "invalid", gone("")],
  ["base64 with + and /", () => `${K}=base64-+/+/`, "invalid", gone("")],
  ["base64 of text that is not UTF-8", () => `${K}=${base64(Buffer.from([0x7b, 0xff, 0x7d]))}`, "invalid", gone("")],
  ["base64 of an overlong { (CVE-2000-0884 style)", () => `${K}=${base64(Buffer.concat([Buffer.from([0xc1, 0xbb]), Buffer.from(json(victim).slice(1))]))}`, "invalid", gone("")],
  ["base64 of base64", () => `${K}=${base64(own)}`, "invalid", gone("")],
  ["JSON inside JSON", () => `${K}=${base64(JSON.stringify(json(victim)))}`, "invalid", gone("")],
  ["JSON with two access tokens, the good one first: the last counts, as in JavaScript", () => `${K}=${base64(json(victim).replace(/}$/, ',"access_token":"a.b.c"}'))}`, "invalid", gone("")],
  ["a byte order mark", () => `${K}=${base64(`\ufeff${json(victim)}`)}`, "invalid", gone("")],
  ["__proto__ in the JSON", () => `${K}=${base64('{"__proto__":{"access_token":"x","refresh_token":"y","expires_at":1}}')}`, "invalid", gone("")],
  ["expires_at in the far future does not keep a session alive, and does no harm", () => `${K}=${base64(json({ ...victim, expires_at: 1e15 }))}`, "valid", me],
  ["expires_at is text", () => `${K}=${base64(json({ ...victim, expires_at: "soon" as unknown as number }))}`, "valid", me],
  ["another user's object beside the victim's token: the token counts", () => `${K}=${base64(json({ ...victim, user: attacker.user }))}`, "valid", me],
  ["an encoding that is not known yet is kept for its own client", () => `${K}=base64x9-${own.slice(7)}`, "unavailable"],
  ["rubbish in front of an encoding that is not known yet", () => `${K}=rubbish; ${K}=base64x9-${own.slice(7)}`, "unavailable"],
  ["an empty value", () => `${K}=`, "anonymous"],
  ["the prefix alone", () => `${K}=base64-`, "anonymous"],
  ["null", () => `${K}=null`, "anonymous"],
  ["true", () => `${K}=true`, "invalid", gone("")],
  ["a number", () => `${K}=1`, "invalid", gone("")],
  ["a token without its JSON", () => `${K}=${victim.access_token}`, "invalid", gone("")],
]);

const ATTACKS = [...TOSSING, ...CHUNKS, ...SYNTAX, ...VALUES];

test("the table is whole", () => expectTable(ATTACKS, 90));

test.each(ATTACKS)("$attack [$source]", async ({ cookie, outcome, who, deletes = [], writes = [], forwarded }) => {
  const header = cookie();
  const answer = await stack.worker("main").fetch("/", { cookies: header });
  expect(outcomeOf(answer)).toBe(outcome);
  const received = stack.origin.only();
  expect(received.header("x-session-user-id")).toBe(who === undefined ? undefined : user(who).user.id);
  if (who === undefined) {
    expect(identityAt(received)).toEqual([]);
  }

  const lines = sessionSetCookies(answer, K);
  const named = (kind: boolean): string[] => [...new Set(lines.filter((line) => line.deletes === kind).map(({ name }) => name))].sort();
  expect(named(false)).toEqual(writes);
  expect(named(true).filter((name) => !writes.includes(name))).toEqual([...deletes].sort());
  await expectJar(header, answer.headers, outcome, who);

  // What was refused never reaches an origin that would read it for itself.
  const atOrigin = sessionCookiesAt(received, K);
  if (outcome === "invalid" || outcome === "unavailable") {
    expect(atOrigin).toEqual([]);
  }
  if (forwarded !== undefined) {
    expect(atOrigin.map(({ name, value }) => `${name}=${value}`).join("; ")).toBe(forwarded());
    expect(trimmedCookiesAt(received)).toBe(forwarded());
  }
  if (who !== undefined) {
    const seen = parseCookieHeader(received.header("cookie") ?? "").map(({ name, value: text }) => ({ name, value: text ?? "" }));
    expect((await readSession(stack.auth.url, seen))?.access_token).toBe(user(who).access_token);
  }
  expect(stack.authCalls()["token:refresh_token"]).toBeUndefined();

  const guarded = await stack.worker("main").fetch("/members", { cookies: header });
  expect(guarded.status).toBe({ valid: 200, invalid: 401, anonymous: 401, unavailable: 503 }[outcome]);
});

/** What a browser holds afterwards: the session that counted, or none that was refused. */
async function expectJar(header: string, answer: [string, string][], outcome: string, who?: "victim" | "attacker"): Promise<void> {
  const had = new Map(parseCookies(header).filter(({ name }) => isSessionName(name.trim(), K)).map(({ name, value }) => [name.trim(), value]));
  if (had.size === 0 || had.size > 64 || [...had.values()].some((text) => text === "" || text.length > 4_000 || /[^\x21-\x7e]/.test(text))) {
    return; // No browser would hold these.
  }
  const jar = await browserJar(SITE, [...had].map(([name, text]) => ({ name, value: text })), answer);
  const left = (await jarCookies(jar, SITE)).filter(({ name }) => isSessionName(name, K));
  if (outcome === "invalid") {
    expect(left).toEqual([]);
  }
  if (who !== undefined) {
    expect((await readSession(stack.auth.url, left))?.access_token).toBe(user(who).access_token);
  }
}

describe("RFC 6265bis 8.6: with COOKIE_DOMAIN a tossed twin is cleaned up at both scopes", () => {
  test("whatever a sibling subdomain set, the browser ends with one session", async () => {
    const email = `tossed-${randomUUID()}@example.com`;
    const [old, current] = [stack.signIn({ email, expiresIn: 900 }), stack.signIn({ email, expiresIn: 3_000 })];
    const [oldCookies, newCookies] = [await stack.cookies(old), await stack.cookies(current)];
    const jar = await browserJar(SITE, newCookies, []);
    for (const { name, value: text } of oldCookies) {
      await jar.setCookie(`${name}=${text}; Domain=example.com; Path=/`, "https://evil.example.com/");
    }
    const answer = await stack.worker("domain").fetch("/", { cookies: `${cookieHeader(oldCookies)}; ${cookieHeader(newCookies)}` });
    expect(outcomeOf(answer)).toBe("valid");
    expect(stack.origin.only().header("x-session-id")).toBe(current.session_id);
    for (const { line } of sessionSetCookies(answer, K)) {
      await jar.setCookie(line, SITE);
    }
    expect((await jarCookies(jar, SITE)).filter(({ name }) => isSessionName(name, K))).toEqual(newCookies);
  });
});

describe("RFC 9110 5.5: control bytes in a cookie are refused before anybody reads them", () => {
  test.each(["\x00", "\x01", "\x0b", "\x0c", "\x7f", "\r"])("%j", async (byte) => {
    for (const header of [`a=1; ${byte}${K}=${own}`, `${K}=${own.slice(0, 50)}${byte}${own.slice(50)}`]) {
      const received = await exchange(stack.worker("plain").socket, `GET /members HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\nCookie: ${header}\r\n\r\n`);
      expect([[400], [401]]).toContainEqual(statuses(received));
      expect(stack.origin.requests).toEqual([]);
    }
  });
});

describe("CWE-400: headers at the limit of the runtime", () => {
  test.each([
    ["10,000 chunk names", () => Array.from({ length: 10_000 }, (_, index) => `${K}.${index}=`).join("; ")],
    ["10,000 other names", () => Array.from({ length: 10_000 }, (_, index) => `n${index}=1`).join("; ")],
    ["200 KB of one cookie", () => `${K}=${"%7B".repeat(66_000)}`],
    ["commas and spaces", () => `${K}=x${", ".repeat(60_000)}`],
    ["commas in front of names", () => `a=1${`, ${K}`.repeat(9_000)}`],
  ])("%s: an answer within a second, and the next request is served", async (_, header) => {
    const started = performance.now();
    const answer = await stack.worker("main").fetch("/", { cookies: header() });
    expect([200, 431]).toContain(answer.status);
    expect(performance.now() - started).toBeLessThan(1_000);
    expect(outcomeOf(await stack.worker("main").fetch("/", { cookies: `${K}=${own}` }))).toBe("valid");
  });
});

/** The session's cookies for an origin that reads UTF-8 or single bytes and takes all white space off a name. */
function trimmedCookiesAt(received: Received): string {
  const bytes = received.header("cookie") ?? "";
  const cookies = [bytes, Buffer.from(bytes, "latin1").toString()].flatMap(parseCookies);
  const found = cookies.map(({ name, value: text }) => [name.trim(), text] as const).filter(([name]) => isSessionName(name, K));
  return [...new Set(found.map(([name, text]) => `${name}=${text}`))].join("; ");
}

function user(who: "victim" | "attacker"): SignedIn {
  return who === "victim" ? victim : attacker;
}

async function value(session: SignedIn): Promise<string> {
  const [cookie] = (await stack.cookies(session)) as [Cookie];
  return cookie.value;
}
