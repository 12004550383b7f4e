/** Every token of the table, presented as a bearer's and as a cookie's: what visitor, origin and cookie jar see. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectDeleted, expectKept, outcomeOf, sessionCookiesAt } from "../support/expectations.ts";
import { browserJar, type Cookie, jarCookies } from "../support/sessions.ts";
import { type FetchInit, SITE, type Stack, startStack } from "../support/stack.ts";
import { keySet, PAIRS } from "./forge.ts";
import { expectTable, identityAt } from "./support.ts";
import { at, JWKS_TRAP, JWT_SECRET, ofAnApp, type TokenAttack, TOKENS } from "./tokens.ts";

const RULES = [{ path: "/members*", require: true }];
let stack: Stack<"plain" | "secret">;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on", RULES }, workers: { plain: {}, secret: { vars: { SUPABASE_JWT_SECRET: JWT_SECRET } } } });
  Object.assign(at, { issuer: stack.auth.authUrl, origin: stack.origin.url });
  stack.auth.faults.add({ match: { path: "/.well-known/jwks.json" }, status: 200, body: JSON.stringify(await keySet()) });
});
afterAll(() => stack.close());
beforeEach(() => {
  stack.auth.calls.clear();
  stack.origin.clear();
  const trap = { keys: [{ ...PAIRS.evil.publicKey.export({ format: "jwk" }), kid: "evil", alg: "ES256" }] };
  stack.origin.on(JWKS_TRAP, { body: JSON.stringify(trap) });
});

test("the table is whole", () => expectTable(TOKENS, 200));

test.each(TOKENS)("$attack [$source]", async ({ token, verdict, withSecret, asksAuth, bearerOnly }) => {
  const raw = token();
  const worker = stack.worker(withSecret === true ? "secret" : "plain");
  const isValid = verdict.startsWith("valid");

  const ray = randomUUID();
  const { headers = [] } = bearer(raw);
  const answer = await worker.fetch("/", { headers: [...headers, ["CF-Ray", ray]] });
  expect(await logged(ray)).toBe(verdict);
  expectOrigin(isValid);
  expectKept(answer, stack.key);

  stack.origin.requests.length = 0;
  const guarded = await worker.fetch("/members", bearer(raw));
  expect(guarded.status).toBe(isValid ? 200 : 401);
  expect(stack.origin.requests).toHaveLength(isValid ? 1 : 0);

  // The key set may be fetched; what is said of one token may be asked; nothing else.
  expect(Object.keys(stack.authCalls()).filter((call) => call !== "jwks")).toEqual(asksAuth === true ? ["user"] : []);
  if (bearerOnly !== true) {
    await expectInCookie(raw, verdict, isValid, worker.name as "plain" | "secret");
  }
  // Whatever a header named, nobody went there.
  expect(stack.origin.requests.map(({ path }) => path)).not.toContain(JWKS_TRAP);
});

async function expectInCookie(raw: string, verdict: string, isValid: boolean, name: "plain" | "secret"): Promise<void> {
  stack.origin.requests.length = 0;
  const cookies = withToken(raw);
  const answer = await stack.worker(name).fetch("/", { cookies });
  expect(outcomeOf(answer)).toBe(verdict.split(" ")[0]);
  expectOrigin(isValid);
  expect(sessionCookiesAt(stack.origin.only(), stack.key).length > 0).toBe(isValid);
  // The refresh token beside it is good, and a forged token is never a reason to use it.
  expect(stack.authCalls()["token:refresh_token"]).toBeUndefined();
  if (isValid) {
    expectKept(answer, stack.key);
    return;
  }
  expectDeleted(answer, cookies, stack.key);
  expect(await jarCookies(await browserJar(SITE, cookies, answer.headers), SITE)).toEqual([]);
}

function expectOrigin(isValid: boolean): void {
  const received = stack.origin.only();
  expect(received.header("x-session-user-id") !== undefined).toBe(isValid);
  if (!isValid) {
    expect(identityAt(received)).toEqual([]);
  }
}

test("a token of somebody else's app meets no guard that does not name the app [RFC 8725 3.12]", async () => {
  const token = ofAnApp();
  const worker = stack.worker("plain");
  const open = await worker.fetch("/", bearer(token));
  expect([open.status, outcomeOf(open)]).toEqual([200, "valid"]);
  expect(stack.origin.only().header("x-session-client-id")).toBeDefined();
  const guarded = await worker.fetch("/members", bearer(token));
  expect([guarded.status, JSON.parse(guarded.text).reason]).toEqual([403, "client"]);
});

test("a verdict belongs to one signature: a twin of a verified token is refused [RFC 8725 3.3]", async () => {
  const [good] = TOKENS.filter(({ attack }) => attack === "RS256 good") as [TokenAttack];
  const raw = good.token();
  const worker = stack.worker("plain");
  for (const [token, outcome] of [[raw, "valid"], [`${raw.slice(0, -8)}AAAAAAAA`, "invalid"], [raw.split(".").slice(0, 2).join("."), "invalid"], [raw, "valid"]] as const) {
    expect(outcomeOf(await worker.fetch("/", bearer(token)))).toBe(outcome);
  }
});

test("200 made-up key ids cost Auth one fetch of the key set [RFC 8725 3.10, CWE-406]", async () => {
  const worker = stack.worker("plain");
  for (let round = 0; round < 200; round += 1) {
    const [header, ...rest] = TOKENS.find(({ attack }) => attack === "EdDSA good")!.token().split(".");
    const made = { ...JSON.parse(Buffer.from(header!, "base64url").toString()), kid: `made-up-${round}` };
    const answer = await worker.fetch("/", bearer([Buffer.from(JSON.stringify(made)).toString("base64url"), ...rest].join(".")));
    expect(outcomeOf(answer)).toBe("invalid");
  }
  expect(stack.authCalls().jwks ?? 0).toBeLessThanOrEqual(1);
  expect(stack.authCalls().user).toBeUndefined();
});

/** Outcome and reason in the log line of one request: its output arrives on another stream than its answer. */
async function logged(ray: string): Promise<string> {
  const line = (): string | undefined => new RegExp(`^.*"${ray}".*$`, "m").exec(stack.printed())?.[0];
  await expect.poll(line, { interval: 2, timeout: 2_000 }).toBeDefined();
  const { outcome, reason } = JSON.parse(line() ?? "{}") as Record<string, unknown>;
  return `${outcome} ${reason}`;
}

function bearer(token: string): FetchInit {
  return { headers: [["Authorization", `Bearer ${Buffer.from(token).toString("latin1")}`]] };
}

/** The token in a session beside a refresh token that Auth issued. */
function withToken(token: string): Cookie[] {
  const value = `base64-${Buffer.from(JSON.stringify({ ...stack.signIn(), access_token: token })).toString("base64url")}`;
  if (value.length <= 3180) {
    return [{ name: stack.key, value }];
  }
  return Array.from({ length: Math.ceil(value.length / 3180) }, (_, index) => ({
    name: `${stack.key}.${index}`,
    value: value.slice(index * 3180, (index + 1) * 3180),
  }));
}
