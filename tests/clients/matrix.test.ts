/**
 * Every version of the client in every format it can be set to: what it writes the edge reads, what the edge
 * refreshes the client reads back, and either follows the other to the end of the session.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf, sessionSetCookies } from "../support/expectations.ts";
import { storageKey } from "../support/sessions.ts";
import { type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { expectDocumented } from "./docs.ts";
import { leftovers } from "./leftovers.ts";
import { matrixTable, type Tally, tally } from "./report.ts";
import { DUE_SECONDS, HOUR, MARGIN_SECONDS } from "./times.ts";
import { type Version, versions } from "./versions.ts";
import { type Format, type Place, type Visitor, visitor } from "./visitor.ts";

const NAME = "harbour.session";
const DOMAIN = "example.com";
const PASSWORD = "correct horse battery";

/** `cookieOptions` of the client, and the edge's variables that say the same. */
const SCOPES = {
  default: { format: {}, vars: {} },
  name: { format: { name: NAME }, vars: { COOKIE_NAME: NAME } },
  domain: { format: { domain: DOMAIN }, vars: { COOKIE_DOMAIN: DOMAIN } },
  both: { format: { name: NAME, domain: DOMAIN }, vars: { COOKIE_NAME: NAME, COOKIE_DOMAIN: DOMAIN } },
} satisfies Record<string, { format: Partial<Format>; vars: Record<string, string> }>;
type Scope = keyof typeof SCOPES;
// The two places share the code that names cookies, so that one of them need not try each name and domain alone.
const SCOPES_AT: Record<Place, Scope[]> = { browser: ["default", "name", "domain", "both"], server: ["default", "both"] };

/** One cookie, and several with characters that must not be torn apart. */
const USERS = {
  small: { name: "Ada" },
  large: { name: "Zoë 🤦🏻‍♂️ 日本語", notes: "“%;,” déjà vu 🚢 ".repeat(120) },
};
type Size = keyof typeof USERS;

interface Cell {
  place: Place;
  scope: Scope;
  format: Format;
  size: Size;
}

let stack: Stack<Scope>;
const results = new Map<string, Tally>();

beforeAll(async () => {
  const worker = ({ vars }: { vars: Record<string, string> }): WorkerSpec => ({ vars });
  stack = await startStack({
    vars: {
      SERVER_TIMING: "on",
      REFRESH_MARGIN_SECONDS: String(MARGIN_SECONDS),
      RULES: [{ path: "/members*", require: true }],
    },
    bindings: { gate: true, kv: true },
    workers: {
      default: worker(SCOPES.default),
      name: worker(SCOPES.name),
      domain: worker(SCOPES.domain),
      both: worker(SCOPES.both),
    },
  });
  for (const [size, user_metadata] of Object.entries(USERS)) {
    stack.auth.createUser({ email: emailOf(size as Size), password: PASSWORD, user_metadata });
    stack.secret(emailOf(size as Size));
  }
});

afterAll(() => stack.close());

beforeEach(() => {
  stack.clear();
  stack.auth.config({ jwtExp: HOUR, tokenAge: 0 });
});

describe.each(versions().map((version) => [version.name, version] as const))("@supabase/ssr %s", (_, version) => {
  const results = resultsOf(version);

  test.each(cells(version).map((cell) => [titleOf(cell), cell] as const))("%s", async (_, cell) => {
    const who = visitor(version, cell.place, cell.format, projectOf(cell.scope));
    try {
      await results.count("read", () => read(who, cell));
      await results.count("refresh", () => refreshAtTheEdge(who, cell));
      await results.count("client", () => refreshInTheClient(who, cell));
      await results.count("signout", () => signOut(who));
    } finally {
      await who.leave();
    }
  });

  test.each(["browser", "server"] as const)("leftovers of older clients, %s", async (place) => {
    for (const leftover of leftovers(stack.key)) {
      stack.clear();
      const who = visitor(version, place, { tokens: "whole", encoding: "base64url" }, projectOf("default"));
      try {
        await results.count("leftovers", () => leftover.check(who, { stack, email: emailOf("small"), password: PASSWORD }));
      } catch (error) {
        throw new Error(`leftover: ${leftover.name}`, { cause: error });
      } finally {
        await who.leave();
      }
    }
  });
});

test("docs/clients.md says what was tested", () => {
  expectDocumented("matrix", matrixTable(versions(), results));
});

/** The client signs in; the edge lets the visitor in and touches nothing. */
async function read(who: Visitor, cell: Cell): Promise<void> {
  const { data, error } = await who.client().auth.signInWithPassword({ email: emailOf(cell.size), password: PASSWORD });
  expect(error).toBeNull();
  expectFormat(who, cell);
  const before = who.session();
  expect(before?.access_token).toBe(data.session.access_token);
  stack.clear();
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, "valid"]);
  expect(stack.origin.only().header("x-session-user-id")).toBe(data.user.id);
  expect(answer.all("set-cookie")).toEqual([]);
  expect(refreshes()).toBe(0);
}

/** The session is due: the edge refreshes it once, and the running page and a new one both find the new one. */
async function refreshAtTheEdge(who: Visitor, cell: Cell): Promise<void> {
  const running = await shortLived(who);
  const due = who.session();
  stack.clear();
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, "refreshed"]);
  expect(refreshes()).toBe(1);

  const fresh = who.session();
  expect(fresh?.access_token).not.toBe(due?.access_token);
  expect(fresh?.refresh_token).not.toBe(due?.refresh_token);
  expectFormat(who, cell);
  // A server makes a client per request; one that has written keeps what it wrote.
  const readers = cell.place === "browser" ? [running, who.client()] : [who.client()];
  for (const client of readers) {
    const { data, error } = await client.auth.getSession();
    expect(error).toBeNull();
    const { access_token, refresh_token, expires_at } = data.session;
    expect({ access_token, refresh_token, expires_at }).toEqual({
      access_token: fresh?.access_token,
      refresh_token: fresh?.refresh_token,
      expires_at: fresh?.expires_at,
    });
    const { data: known } = await client.auth.getUser();
    expect(known.user.user_metadata).toEqual(USERS[cell.size]);
  }
  expect(refreshes()).toBe(1);
  expect(who.session()).toEqual(fresh);
  expect(outcomeOf(await who.visit("/members"))).toBe("valid");
  expect(refreshes()).toBe(1);
}

/** The client refreshes what the edge has written, and the edge takes what it finds then. */
async function refreshInTheClient(who: Visitor, cell: Cell): Promise<void> {
  const before = who.session();
  const { error } = await who.client().auth.refreshSession();
  expect(error).toBeNull();
  expectFormat(who, cell);
  expect(who.session()?.refresh_token).not.toBe(before?.refresh_token);
  stack.clear();
  const answer = await who.visit("/members");
  expect([answer.status, outcomeOf(answer)]).toEqual([200, "valid"]);
  expect(answer.all("set-cookie")).toEqual([]);
  expect(refreshes()).toBe(0);
}

/** The client signs out: nothing of the session is left, and the edge denies. */
async function signOut(who: Visitor): Promise<void> {
  const { error } = await who.client().auth.signOut();
  expect(error).toBeNull();
  expect(who.sessionCookies()).toEqual([]);
  const answer = await who.visit("/members", { navigate: true });
  expect([answer.status, outcomeOf(answer)]).toEqual([303, "anonymous"]);
  expect(answer.all("set-cookie")).toEqual([]);
}

/** A client whose session is due at the edge; what comes next lives for an hour again. */
async function shortLived(who: Visitor): Promise<any> {
  stack.auth.config({ jwtExp: DUE_SECONDS, tokenAge: HOUR - DUE_SECONDS });
  const client = who.client();
  const { error } = await client.auth.refreshSession();
  expect(error).toBeNull();
  stack.auth.config({ jwtExp: HOUR, tokenAge: 0 });
  return client;
}

/** The jar holds one session in the cell's format, and no cookie of another scope beside it. */
function expectFormat(who: Visitor, { scope, format, size }: Cell): void {
  const cookies = who.sessionCookies();
  expect(cookies.length > 1).toBe(size === "large");
  expect(cookies.map(({ key }) => key).sort()).toEqual(
    cookies.length === 1 ? [keyOf(scope)] : cookies.map((_, index) => `${keyOf(scope)}.${index}`),
  );
  for (const { domain, hostOnly, path, httpOnly } of cookies) {
    expect([domain, hostOnly, path, httpOnly]).toEqual([
      format.domain ?? "app.example.com",
      format.domain === undefined,
      "/",
      false,
    ]);
  }
  const first = decodeURIComponent(cookies.find(({ key }) => key === keyOf(scope) || key.endsWith(".0"))?.value ?? "");
  expect(first.slice(0, 7)).toBe(format.encoding === "raw" ? '{"acces' : "base64-");
  expect("user" in (who.session() ?? {})).toBe(format.tokens === "whole");
}

function cells(version: Version): Cell[] {
  const tokens: Format["tokens"][] = version.tokensOnly ? ["whole", "tokens-only"] : ["whole"];
  const all: Cell[] = [];
  for (const place of ["browser", "server"] as const) {
    for (const each of tokens) {
      for (const encoding of ["base64url", "raw"] as const) {
        for (const scope of SCOPES_AT[place]) {
          for (const size of Object.keys(USERS) as Size[]) {
            all.push({ place, scope, size, format: { tokens: each, encoding, ...SCOPES[scope].format } });
          }
        }
      }
    }
  }
  return all;
}

function titleOf({ place, scope, format, size }: Cell): string {
  return [place, format.tokens, format.encoding, `cookieOptions ${scope}`, size].join(", ");
}

function keyOf(scope: Scope): string {
  return scope === "name" || scope === "both" ? NAME : storageKey(stack.auth.url);
}

function projectOf(scope: Scope) {
  const { url, publishableKey } = stack.auth;
  return { url, publishableKey, worker: stack.worker(scope), key: keyOf(scope) };
}

function resultsOf(version: Version): Tally {
  const known = results.get(version.name) ?? tally();
  results.set(version.name, known);
  return known;
}

function emailOf(size: Size): string {
  return `${size}@harbour.example`;
}

function refreshes(): number {
  return stack.authCalls()["token:refresh_token"] ?? 0;
}
