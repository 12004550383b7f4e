/** What several test files ask of an answer or of a request that reached the origin. */
import { expect } from "vitest";
import type { Answer } from "./http.ts";
import type { HeaderList, Received } from "./origin.ts";
import { type Cookie, parseCookies, parseSetCookies, readSession, type SessionBody, type SetCookie } from "./sessions.ts";

/** Every response that carries a session cookie has exactly this. */
export const UNCACHEABLE = "private, no-cache, no-store, must-revalidate, max-age=0";

/** The outcome in `Server-Timing`, for Workers with `SERVER_TIMING=on`. */
export function outcomeOf(answer: { headers: HeaderList }): string | undefined {
  const values = answer.headers.filter(([name]) => name.toLowerCase() === "server-timing").map(([, value]) => value);
  return /edge-session;desc="([a-z]+)";dur=[0-9.]+/.exec(values.join(", "))?.[1];
}

/** Whether a cookie name belongs to the session itself: `K`, `K.0`, `K.1`… */
export function isSessionName(name: string, key: string): boolean {
  return name === key || (name.startsWith(`${key}.`) && /^(0|[1-9]\d*)$/.test(name.slice(key.length + 1)));
}

export function sessionSetCookies(answer: { headers: HeaderList }, key: string): SetCookie[] {
  return parseSetCookies(answer.headers).filter(({ name }) => isSessionName(name, key));
}

/** The cookies of the session's family that reached the origin. */
export function sessionCookiesAt(received: Received, key: string): Cookie[] {
  return parseCookies(received.header("cookie")).filter(({ name }) => isSessionName(name, key));
}

/** The session that an origin with `@supabase/ssr` finds in the request. */
export function sessionAt(received: Received, url: string): Promise<SessionBody | null> {
  return readSession(
    url,
    parseCookies(received.header("cookie")).map(({ name, value }) => ({ name, value: decodeURIComponent(value) })),
  );
}

/** The session that the answer gives to a browser which had none. */
export function sessionIn(answer: { headers: HeaderList }, url: string, key: string): Promise<SessionBody | null> {
  const sets = sessionSetCookies(answer, key).filter(({ deletes }) => !deletes);
  return readSession(
    url,
    sets.map(({ name, value }) => ({ name, value: decodeURIComponent(value) })),
  );
}

export function expectUncacheable(answer: Answer): void {
  expect(answer.header("cache-control")).toBe(UNCACHEABLE);
  expect(answer.header("expires")).toBe("0");
  expect(answer.header("pragma")).toBe("no-cache");
  expect(answer.header("vary") ?? "").toMatch(/\bcookie\b/i);
  for (const name of ["cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control", "surrogate-key", "etag", "last-modified", "age"]) {
    expect(answer.header(name), name).toBeUndefined();
  }
}

/** A denial is never stored and never shared. */
export function expectDenialHeaders(answer: Answer): void {
  const cacheControl = answer.header("cache-control") ?? "";
  expect(cacheControl).toContain("private");
  expect(cacheControl).toContain("no-store");
  expect(answer.header("vary") ?? "").toMatch(/\bcookie\b/i);
}

/** Every name of the session that the browser sent is deleted, and nothing is set. */
export function expectDeleted(answer: Answer, cookies: Cookie[], key: string): void {
  const lines = sessionSetCookies(answer, key);
  expect(lines.filter(({ deletes }) => !deletes)).toEqual([]);
  expect(new Set(lines.map(({ name }) => name))).toEqual(
    new Set(cookies.map(({ name }) => name).filter((name) => isSessionName(name, key))),
  );
  expectUncacheable(answer);
}

/** The browser keeps what it has. */
export function expectKept(answer: Answer, key: string): void {
  expect(sessionSetCookies(answer, key)).toEqual([]);
}
