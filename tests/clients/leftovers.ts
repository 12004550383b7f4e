/** Cookies of older libraries that still sit in browsers, and what must become of them. */
import { expect } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import { type SignedIn, SITE, type Stack } from "../support/stack.ts";
import { DUE_SECONDS, HOUR } from "./times.ts";
import type { Visitor } from "./visitor.ts";

interface Surroundings {
  stack: Stack<"default" | "name" | "domain" | "both">;
  email: string;
  password: string;
}

export interface Leftover {
  name: string;
  check(who: Visitor, surroundings: Surroundings): Promise<void>;
}

/** As `@supabase/auth-helpers-*` wrote it: access, refresh, provider tokens, factors. */
const arrayOf = ({ access_token, refresh_token }: SignedIn): string => JSON.stringify([access_token, refresh_token, null, null, null]);

export function leftovers(key: string): Leftover[] {
  const verifiers: Record<string, string> = {
    [`${key}-code-verifier`]: "0123456789abcdef".repeat(7),
    [`${key}-flow-00112233445566778899aabbccddeeff-code-verifier`]: "base64-ImFiY2QiCg",
    [`${key}-flows-code-verifier`]: "base64-W10",
  };
  const beside: Record<string, Record<string, string>> = {
    "supabase-auth-token": { "supabase-auth-token": '["old.access.token","oldrefresh",null,null,null]' },
    "sb-access-token and sb-refresh-token": { "sb-access-token": "old.access.token", "sb-refresh-token": "oldrefresh" },
    "code verifiers": verifiers,
    "all of them": {
      "supabase-auth-token": "[]",
      "supabase-auth-token.0": "[",
      "sb-access-token": "",
      "sb-provider-token": "x",
      ...verifiers,
    },
  };
  return [
    { name: "a live array of auth-helpers", check: (who, around) => adopted(who, around, { expiresIn: 3600 }, "valid") },
    { name: "an expired array of auth-helpers", check: (who, around) => adopted(who, around, { expiresIn: -60 }, "refreshed") },
    { name: "a dead array of auth-helpers", check: (who, around) => cleared(who, around) },
    ...Object.entries(beside).map(([name, cookies]) => ({
      name,
      check: (who: Visitor, around: Surroundings) => untouched(who, around, cookies),
    })),
  ];
}

/** A session of auth-helpers that lives goes on in today's format, and the client reads it. */
async function adopted(who: Visitor, { stack }: Surroundings, age: { expiresIn: number }, outcome: string): Promise<void> {
  const session = stack.signIn(age);
  put(who, { [stack.key]: arrayOf(session) });
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, outcome]);
  const now = who.session();
  expect(now?.access_token === session.access_token).toBe(outcome === "valid");
  const client = who.client();
  const { data } = await client.auth.getSession();
  expect(data.session?.access_token).toBe(now?.access_token);
  expect((await client.auth.getUser()).data.user?.id).toBe(session.user.id);
  expect(outcomeOf(await who.visit("/members"))).toBe("valid");
}

/** One whose session is gone is deleted, after which the client signs in as if there had been nothing. */
async function cleared(who: Visitor, around: Surroundings): Promise<void> {
  const { stack } = around;
  const session = stack.signIn({ expiresIn: -60 });
  stack.auth.deleteSession(session.session_id);
  put(who, { [stack.key]: arrayOf(session) });
  expect(outcomeOf(await who.visit("/"))).toBe("expired");
  expect(who.sessionCookies()).toEqual([]);
  await signsIn(who, around);
}

/** Cookies of other names are nobody's session: the edge hands them on unchanged, whoever is signed in. */
async function untouched(who: Visitor, around: Surroundings, cookies: Record<string, string>): Promise<void> {
  const { stack } = around;
  put(who, cookies);
  const anonymous = await who.visit("/");
  expect(outcomeOf(anonymous)).toBe("anonymous");
  expect(anonymous.all("set-cookie")).toEqual([]);
  expectHandedOn(stack, cookies);

  const client = await signsIn(who, around);
  // Some versions delete verifiers themselves when they store a session.
  const kept = Object.fromEntries(Object.entries(cookies).filter(([name]) => isInJar(who, name)));
  stack.auth.config({ jwtExp: DUE_SECONDS, tokenAge: HOUR - DUE_SECONDS });
  expect((await client.auth.refreshSession()).error).toBeNull();
  stack.auth.config({ jwtExp: HOUR, tokenAge: 0 });
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, "refreshed"]);
  expectHandedOn(stack, kept);
  expect(Object.keys(kept).filter((name) => !isInJar(who, name))).toEqual([]);
}

function isInJar(who: Visitor, name: string): boolean {
  return who.jar.getCookiesSync(SITE).some(({ key }) => key === name);
}

async function signsIn(who: Visitor, { stack, email, password }: Surroundings): Promise<any> {
  const client = who.client();
  const { data, error } = await client.auth.signInWithPassword({ email, password });
  expect(error).toBeNull();
  stack.clear();
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, "valid"]);
  expect(stack.origin.only().header("x-session-user-id")).toBe(data.user.id);
  expect((await client.auth.getSession()).data.session?.access_token).toBe(who.session()?.access_token);
  return client;
}

function expectHandedOn(stack: Surroundings["stack"], cookies: Record<string, string>): void {
  const received = stack.origin.requests.at(-1)?.header("cookie") ?? "";
  for (const [name, value] of Object.entries(cookies)) {
    expect(received.split("; ")).toContain(`${name}=${encodeURIComponent(value)}`);
  }
}

function put(who: Visitor, cookies: Record<string, string>): void {
  for (const [name, value] of Object.entries(cookies)) {
    who.jar.setCookieSync(`${name}=${encodeURIComponent(value)}; Path=/; Max-Age=31536000; SameSite=Lax`, SITE);
  }
}
