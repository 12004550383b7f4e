/** Contract §4 with `REFRESH_GATE`: one refresh per session, and no session lost on the way. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDeleted, expectKept, outcomeOf, sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import type { HeaderList } from "../support/origin.ts";
import { type Cookie, claimsOf, type SessionBody } from "../support/sessions.ts";
import { SITE, type SignedIn, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const secretKey: WorkerSpec["vars"] = ({ auth }) => ({ SUPABASE_SECRET_KEY: auth.secretKey });
/** Four services whose requests meet at the same objects, as those of four data centres do. */
const WORKERS = {
  first: { bindings: { gate: true } },
  second: { bindings: { gate: "first" } },
  third: { bindings: { gate: "first" } },
  fourth: { bindings: { gate: "first" } },
  without: {},
  /** They refresh at every request, so that a session gets old quickly. */
  eager: { bindings: { gate: true }, vars: { REFRESH_MARGIN_SECONDS: "600" } },
  eagerTwin: { bindings: { gate: "eager" }, vars: { REFRESH_MARGIN_SECONDS: "600" } },
  eagerAlone: { vars: { REFRESH_MARGIN_SECONDS: "600" } },
  impatient: { bindings: { gate: true }, vars: { AUTH_TIMEOUT_MS: "1000" } },
  impatientAlone: { vars: { AUTH_TIMEOUT_MS: "1000" } },
  hasty: { bindings: { gate: true }, vars: { AUTH_PATH: "/auth", AUTH_TIMEOUT_MS: "1000", REFRESH_MARGIN_SECONDS: "600" } },
  hastyAlone: { vars: { AUTH_PATH: "/auth", AUTH_TIMEOUT_MS: "1000", REFRESH_MARGIN_SECONDS: "600" } },
  forgetful: { bindings: { gate: true }, vars: { REFRESH_REPLAY_SECONDS: "1" } },
  hanging: { bindings: { gate: true } },
  slow: { bindings: { gate: true } },
  /** Its objects find no configuration and answer nothing but errors. */
  broken: { bindings: { gate: true }, vars: { SUPABASE_URL: null } },
  stranded: { bindings: { gate: "broken" } },
  known: { bindings: { gate: true }, vars: secretKey },
  knownAlone: { vars: secretKey },
  unknown: { bindings: { gate: true } },
  unknownAlone: {},
  endsLate: { bindings: { gate: true, hindrance: "late" }, vars: { AUTH_PATH: "/auth" } },
  endsLateTwin: { bindings: { gate: "endsLate" } },
  endsFailing: { bindings: { gate: true, hindrance: "failing" }, vars: { AUTH_PATH: "/auth" } },
  silent: { bindings: { gate: true, hindrance: "silent" }, vars: { AUTH_TIMEOUT_MS: "600" } },
  silentTwin: { bindings: { gate: "silent" } },
  endsFailingTwin: { bindings: { gate: "endsFailing" } },
  operated: { bindings: { gate: true }, vars: { AUTH_PATH: "/auth", REVOCATION: "on", OPERATOR_TOKEN: "operator-of-the-gate-0123456789abcdef" } },
  operatedTwin: { bindings: { gate: "operated" } },
} satisfies Record<string, WorkerSpec>;
type Name = keyof typeof WORKERS;
const SERVICES: Name[] = ["first", "second", "third", "fourth"];

let stack: Stack<Name>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, bindings: { kv: "shared" }, workers: WORKERS });
  await warm();
}, 60_000);
afterAll(() => stack.close());
beforeEach(async () => {
  stack.clear();
  stack.auth.config({ jwtExp: 3600, reuseInterval: 10, rateLimits: null, algorithmVersion: 1 });
});

const TOKEN = { match: { path: "/token", grant: "refresh_token" } };
const refreshes = (): number => stack.authCalls()["token:refresh_token"] ?? 0;

/** Every test counts calls from a warm key set on. */
async function warm(): Promise<void> {
  for (const name of Object.keys(WORKERS) as Name[]) {
    if (name !== "broken") {
      const answer = await stack.worker(name).fetch("/", { cookies: await stack.cookies(stack.signIn({ expiresIn: 3600 })) });
      expect(outcomeOf(answer)).toBe("valid");
    }
  }
}

async function signIn(expiresIn: number): Promise<{ session: SignedIn; cookies: Cookie[] }> {
  const session = stack.signIn({ expiresIn });
  return { session, cookies: await stack.cookies(session) };
}

/** Tokens of these tests live eight seconds. */
const HALF_A_LIFE_MS = 4_100;

/** Leaves a browser's first cookies two refreshes behind. */
async function rotateTwice(name: Name): Promise<{ session: SignedIn; cookies: Cookie[]; newest: SessionBody }> {
  const { session, cookies } = await signIn(-30);
  let held = cookies;
  let newest: SessionBody = session;
  for (let step = 0; step < 2; step += 1) {
    // No token is refreshed in the first half of its life.
    await pause(HALF_A_LIFE_MS);
    newest = await given(await stack.worker(name).fetch("/", { cookies: held }));
    held = await stack.cookies(newest);
  }
  return { session, cookies, newest };
}

async function given(answer: Answer): Promise<SessionBody> {
  const session = await sessionIn(answer, stack.auth.url, stack.key);
  if (session === null) {
    throw new Error(`the answer (${outcomeOf(answer)}) carries no session`);
  }
  stack.secret(session.access_token, session.refresh_token);
  return session;
}

/** The records of all requests after this point of the output. */
async function records(from: number, count: number): Promise<Record<string, any>[]> {
  const read = (): Record<string, any>[] =>
    stack.printed().slice(from).split("\n").filter((line) => line.includes('"outcome"')).map((line) => JSON.parse(line));
  await expect.poll(() => read().length).toBe(count);
  return read();
}

const pause = (ms: number): Promise<void> => new Promise((passed) => setTimeout(passed, ms));

describe("§4 one refresh per session", () => {
  test.each([
    ["one service", ["first"] as Name[]],
    ["four services", SERVICES],
  ])("§4 50 parallel requests on one expired session cost one call to Auth: %s", async (_, services) => {
    const { cookies } = await signIn(-30);
    const from = stack.printed().length;
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => stack.worker(services[n % services.length]!).fetch("/", { cookies })),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(200));
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(["refreshed"]));
    expect(new Set(await Promise.all(answers.map(async (answer) => (await given(answer)).refresh_token))).size).toBe(1);
    expect(refreshes()).toBe(1);
    // The log tells the truth: one request led, the others cost nothing.
    const lines = await records(from, 50);
    expect(lines.filter(({ gate }) => gate === "led").map(({ auth_calls }) => auth_calls)).toEqual([1]);
    const others = lines.filter(({ gate }) => gate !== "led");
    expect(new Set(others.map(({ auth_calls }) => auth_calls))).toEqual(new Set([0]));
    expect(others.every(({ gate }) => gate === "shared" || gate === "replayed")).toBe(true);
  });

  test("§4 without the gate each of them calls Auth, and none is lost", async () => {
    const { cookies } = await signIn(-30);
    const answers = await Promise.all(Array.from({ length: 12 }, () => stack.worker("without").fetch("/", { cookies })));
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(["refreshed"]));
    expect(refreshes()).toBe(12);
  });

  test("§4 sessions do not wait for each other", async () => {
    stack.auth.faults.add({ ...TOKEN, delayMs: 800, times: 1 });
    const [slow, quick] = [await signIn(-30), await signIn(-30)];
    const first = stack.worker("first").fetch("/", { cookies: slow.cookies });
    await expect.poll(refreshes).toBe(1);
    const started = Date.now();
    expect((await given(await stack.worker("second").fetch("/", { cookies: quick.cookies }))).user?.id).toBe(quick.session.user.id);
    expect(Date.now() - started).toBeLessThan(500);
    expect((await given(await first)).user?.id).toBe(slow.session.user.id);
  });

  test("§4 an outage is met once for all who wait, and counts once", async () => {
    stack.auth.faults.add({ ...TOKEN, status: 500, body: "{}", delayMs: 150 });
    const { cookies } = await signIn(-30);
    const answers = await Promise.all(Array.from({ length: 30 }, () => stack.worker("first").fetch("/", { cookies })));
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(["unavailable"]));
    answers.forEach((answer) => expectKept(answer, stack.key));
    expect(refreshes()).toBe(2);
    stack.clear();
    expect(outcomeOf(await stack.worker("first").fetch("/", { cookies }))).toBe("refreshed");
  });

  test("§4 the end of a session is shared", async () => {
    stack.auth.faults.add({ ...TOKEN, delayMs: 300 });
    const { session, cookies } = await signIn(-30);
    stack.auth.deleteSession(session.session_id);
    const answers = await Promise.all(SERVICES.map((name) => stack.worker(name).fetch("/", { cookies })));
    for (const answer of answers) {
      expect(outcomeOf(answer)).toBe("expired");
      expectDeleted(answer, cookies, stack.key);
    }
    expect(refreshes()).toBe(1);
  });
});

describe("§4 the last rotated tokens are answered with the newest session", () => {
  test("§4 a late tab costs no call to Auth", async () => {
    const { cookies } = await signIn(-30);
    const newest = await given(await stack.worker("first").fetch("/", { cookies }));
    const from = stack.printed().length;
    const late = await stack.worker("third").fetch("/", { cookies });
    expect(await given(late)).toEqual(newest);
    expect(refreshes()).toBe(1);
    expect((await records(from, 1))[0]).toMatchObject({ gate: "replayed", auth_calls: 0, outcome: "refreshed" });
  });

  test.each([
    ["without the gate, a token two steps behind ends the session", "eagerAlone" as Name, "expired"],
    ["with it, the same tab gets the newest session", "eager" as Name, "refreshed"],
  ])("§4 %s", async (_, name, outcome) => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 0 });
    const { cookies, newest } = await rotateTwice(name);
    const late = await stack.worker(name).fetch("/", { cookies });
    expect(outcomeOf(late)).toBe(outcome);
    if (outcome === "refreshed") {
      expect((await given(late)).refresh_token).toBe(newest.refresh_token);
      expect(refreshes()).toBe(2);
    }
  });

  test("§4 the newest token itself is refreshed again when its access token ends", async () => {
    stack.auth.config({ jwtExp: 8 });
    const { newest } = await rotateTwice("eager");
    expect(newest.expires_at).toBeGreaterThan(Date.now() / 1000 + 5);
    expect(refreshes()).toBe(2);
  });

  test("§4 after REFRESH_REPLAY_SECONDS Auth decides again", async () => {
    const { cookies } = await signIn(-30);
    const first = await given(await stack.worker("forgetful").fetch("/", { cookies }));
    await pause(1_300);
    const again = await given(await stack.worker("forgetful").fetch("/", { cookies }));
    expect(again.refresh_token).toBe(first.refresh_token);
    expect(again.access_token).not.toBe(first.access_token);
    expect(refreshes()).toBe(2);
  });

  test("§4 a session that ended meanwhile is not revived by the tokens before", async () => {
    stack.auth.config({ jwtExp: 8 });
    const { session, cookies, newest } = await rotateTwice("eager");
    stack.auth.deleteSession(session.session_id);
    await pause(HALF_A_LIFE_MS);
    const ended = await stack.worker("eager").fetch("/", { cookies: await stack.cookies(newest) });
    expect(outcomeOf(ended)).toBe("expired");
    expect(outcomeOf(await stack.worker("eagerTwin").fetch("/", { cookies }))).toBe("revoked");
  });
});

describe("§4 no answer of Auth is lost", () => {
  test("§4 a visitor who hangs up: the next request gets what Auth answered", async () => {
    stack.auth.faults.add({ ...TOKEN, delayMs: 600 });
    const { cookies } = await signIn(-30);
    const request = stack.worker("first").open("/", { cookies });
    request.end();
    await expect.poll(refreshes).toBe(1);
    request.destroy();
    const answer = await stack.worker("second").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test("§4 the runtime is killed between Auth's answer and the response: the stored answer serves", async () => {
    stack.auth.config({ reuseInterval: 0 });
    stack.origin.on("/slow", { delayMs: 5_000 });
    const { cookies } = await signIn(-30);
    const lost = stack.worker("first").open("/slow", { cookies });
    lost.end();
    await expect.poll(() => stack.origin.requests.length).toBe(1);
    await stack.restart();
    await expect(lost.response).rejects.toThrow();
    const answer = await stack.worker("second").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test("§4 the runtime is killed before the gate has Auth's answer: the same token serves again", async () => {
    stack.auth.config({ reuseInterval: 0 });
    stack.auth.faults.add({ ...TOKEN, afterCommit: true, hang: true, times: 1 });
    const { session, cookies } = await signIn(-30);
    const lost = stack.worker("first").open("/", { cookies });
    lost.end();
    await expect.poll(refreshes).toBe(1);
    await stack.restart();
    await expect(lost.response).rejects.toThrow();
    const answer = await stack.worker("first").fetch("/", { cookies });
    expect((await given(answer)).refresh_token).not.toBe(session.refresh_token);
    expect(refreshes()).toBe(2);
  });

  test("§4 an object that was restarted knows the rotated tokens", async () => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 0 });
    const { cookies, newest } = await rotateTwice("eager");
    await stack.restart();
    const late = await given(await stack.worker("eagerTwin").fetch("/", { cookies }));
    expect(late.refresh_token).toBe(newest.refresh_token);
    expect(refreshes()).toBe(2);
  });
});

describe("§4 Auth hangs or is slow", () => {
  test("§4 alive: held for 2 s once, then not at all", async () => {
    stack.auth.faults.add({ ...TOKEN, hang: true });
    const { cookies } = await signIn(40);
    const times: number[] = [];
    for (let request = 0; request < 4; request += 1) {
      const started = Date.now();
      expect(outcomeOf(await stack.worker("hanging").fetch("/", { cookies }))).toBe("valid");
      times.push(Date.now() - started);
    }
    expect(times[0]).toBeGreaterThan(1_500);
    expect(times[0]).toBeLessThan(2_300);
    expect(Math.max(...times.slice(1))).toBeLessThan(300);
    expect(refreshes()).toBe(1);
    // Behind his back the answer, which may be lost, is asked for once more; the next test must not count it.
    await expect.poll(refreshes, { timeout: 8_000 }).toBe(2);
  });

  test("§4 alive: what Auth answers after the visitor went on serves the next request", async () => {
    stack.auth.faults.add({ ...TOKEN, delayMs: 2_600 });
    const { cookies } = await signIn(40);
    expect(outcomeOf(await stack.worker("slow").fetch("/", { cookies }))).toBe("valid");
    await pause(3_500);
    const answer = await stack.worker("slow").fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test.each(["impatient", "impatientAlone"] as const)("§4 alive: an answer after AUTH_TIMEOUT_MS is read on and serves the next request (%s)", async (name) => {
    stack.auth.config({ reuseInterval: 0 });
    stack.auth.faults.add({ ...TOKEN, delayMs: 2_500 });
    const { cookies } = await signIn(40);
    expect(outcomeOf(await stack.worker(name).fetch("/", { cookies }))).toBe("valid");
    await pause(5_500);
    const answer = await stack.worker(name).fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(1);
  });

  test.each(["impatient", "impatientAlone"] as const)("§4 dead: an answer after AUTH_TIMEOUT_MS is read on and serves the next request (%s)", async (name) => {
    stack.auth.faults.add({ ...TOKEN, delayMs: 1_500, afterCommit: true });
    const { cookies } = await signIn(-30);
    expect(outcomeOf(await stack.worker(name).fetch("/", { cookies }))).toBe("unavailable");
    const sent = refreshes();
    await pause(1_500);
    const answer = await stack.worker(name).fetch("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(refreshes()).toBe(sent);
  });

  test("§4 of two answers to a token that Auth upgrades the later one counts, although the first was given out", async () => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 2 });
    const { cookies } = await signIn(-30);
    stack.auth.config({ algorithmVersion: 2, upgradePercent: 100 });
    // The first answer comes when the second attempt is under way, and that one's after the visitor has gone on.
    stack.auth.faults.add({ ...TOKEN, times: 2, delayMs: 800, afterCommit: true });
    const first = await given(await stack.worker("hasty").fetch("/", { cookies }));
    expect(refreshes()).toBe(2);
    await pause(HALF_A_LIFE_MS);
    const next = await stack.worker("hasty").fetch("/", { cookies: await stack.cookies(first) });
    const second = await given(next);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(refreshes()).toBe(2);
    await pause(2 * HALF_A_LIFE_MS);
    expect(outcomeOf(await stack.worker("hasty").fetch("/", { cookies: await stack.cookies(second) }))).toBe("refreshed");
  });

  test.each([
    ["hasty", "after AUTH_TIMEOUT_MS"],
    ["hastyAlone", "after AUTH_TIMEOUT_MS"],
    ["hasty", "when its visitor has hung up"],
  ] as const)("§4 a second factor whose answer comes too late is read on and serves the next refresh (%s, %s)", async (name, how) => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 0, algorithmVersion: 2 });
    const email = `late-${randomUUID()}@example.com`;
    stack.auth.createUser({ email });
    const factor = stack.auth.factor({ email });
    const cookies = await stack.cookies(stack.signIn({ email }));
    const isHungUp = how.includes("hung up");
    stack.auth.faults.add({ match: { path: "/factors/*" }, delayMs: isHungUp ? 350 : 550, afterCommit: true });
    const headers: HeaderList = [["Origin", SITE], ["Content-Type", "application/json"]];
    const body = JSON.stringify({ code: stack.auth.totp(factor.secret) });
    const asked = { method: "POST", headers: [...headers, ["Content-Length", String(body.length)]] as HeaderList, cookies };
    if (isHungUp) {
      const request = stack.worker(name).open("/auth/mfa", asked);
      request.write(body);
      request.end();
      await expect.poll(() => stack.authCalls()["factors/:id/verify"]).toBe(1);
      request.destroy();
      await pause(400);
    } else {
      expect((await stack.worker(name).fetch("/auth/mfa", { ...asked, body })).status).toBe(503);
    }
    stack.auth.faults.clear();
    await pause(HALF_A_LIFE_MS);
    const raised = await given(await stack.worker(name).fetch("/", { cookies }));
    expect(claimsOf(raised.access_token).aal).toBe("aal2");
    expect(refreshes()).toBe(0);
  });

  test("§4 while Auth verifies a second factor, the refresh token of before is not sent", async () => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 0, algorithmVersion: 2 });
    const email = `meanwhile-${randomUUID()}@example.com`;
    stack.auth.createUser({ email });
    const factor = stack.auth.factor({ email });
    const session = stack.signIn({ email });
    const cookies = await stack.cookies(session);
    const untilDue = (ms: number) => pause(Number(claimsOf(session.access_token).iat) * 1000 + HALF_A_LIFE_MS + ms - Date.now());
    stack.auth.faults.add({ match: { path: `/factors/${factor.id}/verify` }, delayMs: 1_700, afterCommit: true });
    const headers: HeaderList = [["Origin", SITE], ["Content-Type", "application/json"]];
    await untilDue(-700);
    const body = JSON.stringify({ code: stack.auth.totp(factor.secret) });
    expect((await stack.worker("hasty").fetch("/auth/mfa", { method: "POST", headers, cookies, body })).status).toBe(503);
    await untilDue(0);
    const { answer, lines } = await stack.worker("hasty").logged("/", { cookies });
    expect([outcomeOf(answer), refreshes()]).toEqual(["valid", 0]);
    expect(lines).toMatchObject([{ gate: "shared", reason: "auth_conflict" }]);
    await untilDue(1_500);
    const raised = await given(await stack.worker("hasty").fetch("/", { cookies }));
    expect(claimsOf(raised.access_token).aal).toBe("aal2");
    expect(refreshes()).toBe(0);
  });

  test("§4 dead: that the first attempt used the token up ends nothing while its answer may still come", async () => {
    stack.auth.config({ jwtExp: 8, reuseInterval: 0 });
    const { cookies } = await signIn(-30);
    stack.auth.config({ algorithmVersion: 2, upgradePercent: 100 });
    stack.auth.faults.add({ ...TOKEN, times: 1, delayMs: 1_300, afterCommit: true });
    expect(outcomeOf(await stack.worker("hasty").fetch("/", { cookies }))).toBe("unavailable");
    expect(refreshes()).toBe(2);
    await pause(1_000);
    expect(outcomeOf(await stack.worker("hasty").fetch("/", { cookies }))).toBe("refreshed");
    expect(refreshes()).toBe(2);
  });

  test("§4 dead: answered within AUTH_TIMEOUT_MS, leader and followers alike", async () => {
    stack.auth.faults.add({ ...TOKEN, hang: true });
    const { cookies } = await signIn(-30);
    const started = Date.now();
    const answers = await Promise.all(Array.from({ length: 10 }, () => stack.worker("impatient").fetch("/", { cookies })));
    expect(Date.now() - started).toBeLessThan(1_400);
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(["unavailable"]));
    expect(refreshes()).toBeLessThanOrEqual(2);
  });
});

describe("§4 the gate fails", () => {
  test("§4 the Worker refreshes by itself and says so", async () => {
    const { cookies } = await signIn(-30);
    const { answer, lines } = await stack.worker("stranded").logged("/", { cookies });
    expect(outcomeOf(answer)).toBe("refreshed");
    expect(lines).toMatchObject([{ gate: "failed", auth_calls: 1 }]);
    expect(refreshes()).toBe(1);
  });
});

describe("§4 what was refreshed past a gate", () => {
  test("§4 the gate learns: the next tab costs no call to Auth", async () => {
    stack.auth.config({ reuseInterval: 0 });
    const { cookies } = await signIn(-30);
    const { answer, lines } = await stack.worker("silent").logged("/", { cookies });
    const newest = await given(answer);
    expect(lines).toMatchObject([{ gate: "failed", auth_calls: 1 }]);
    const sent = refreshes();
    const { answer: late, lines: again } = await stack.worker("silentTwin").logged("/", { cookies });
    expect((await given(late)).refresh_token).toBe(newest.refresh_token);
    expect(again).toMatchObject([{ gate: "replayed", auth_calls: 0 }]);
    expect(refreshes()).toBe(sent);
  });
});

describe("§4 a sign-out reaches the gate", () => {
  test.each(["endsLate", "endsFailing"] as const)("§4 that does not hear of it at once (%s)", async (name) => {
    // Auth keeps the session, so that only the gate can know of the end.
    stack.auth.faults.add({ match: { path: "/logout" }, status: 500, body: "{}" });
    const { cookies } = await signIn(40);
    const headers: HeaderList = [["Origin", SITE], ["Content-Type", "application/json"]];
    const started = Date.now();
    const left = await stack.worker(name).fetch("/auth/signout", { method: "POST", headers, cookies, body: "{}" });
    expect(left.status).toBe(204);
    expect(Date.now() - started).toBeLessThan(2_400);
    await pause(1_500);
    const before = refreshes();
    expect(outcomeOf(await stack.worker(`${name}Twin`).fetch("/", { cookies }))).toBe("revoked");
    expect(refreshes()).toBe(before);
  });

  test("§9 nor to one whose session an operator names in capital letters", async () => {
    const { session, cookies } = await signIn(40);
    const path = `/auth/revocations/${session.session_id.toUpperCase()}`;
    const headers: HeaderList = [["Authorization", "Bearer operator-of-the-gate-0123456789abcdef"]];
    expect((await stack.worker("operated").fetch(path, { method: "PUT", headers })).status).toBe(204);
    expect(outcomeOf(await stack.worker("operatedTwin").fetch("/", { cookies }))).toBe("revoked");
    expect(refreshes()).toBe(0);
  });
});

describe("§4 the answer is verified although it comes through the gate", () => {
  test.each([
    ["another user", () => ({ sub: randomUUID() })],
    ["another session", () => ({ session_id: randomUUID() })],
    ["another issuer", () => ({ iss: "https://evil.example" })],
  ] as [string, () => object][])("§4 an answer for %s is used by nobody, and the next request recovers", async (_, change) => {
    const { session, cookies } = await signIn(-30);
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const access_token = await stack.auth.sign({ claims: { ...claimsOf(session.access_token), exp, ...change() } });
    stack.secret(access_token);
    stack.auth.faults.add({ ...TOKEN, times: 1, delayMs: 200, status: 200, body: JSON.stringify({ ...session, access_token, expires_in: 3600, expires_at: exp, refresh_token: "someelsetokn" }) });
    const answers = await Promise.all(SERVICES.map((name) => stack.worker(name).fetch("/", { cookies })));
    expect(new Set(answers.map(outcomeOf))).toEqual(new Set(["unavailable"]));
    answers.forEach((answer) => expectKept(answer, stack.key));
    await expect
      .poll(async () => outcomeOf(await stack.worker("first").fetch("/", { cookies })), { timeout: 2_000 })
      .toBe("refreshed");
  });
});

describe("§1 SUPABASE_SECRET_KEY", () => {
  const VISITORS = 200;

  async function visit(name: Name): Promise<(string | undefined)[]> {
    const visitors = await Promise.all(Array.from({ length: VISITORS }, () => signIn(-30)));
    stack.auth.config({ rateLimits: true });
    const outcomes: (string | undefined)[] = [];
    for (let from = 0; from < VISITORS; from += 20) {
      const group = visitors.slice(from, from + 20).map(async ({ cookies }, n) => {
        const headers: [string, string][] = [["CF-Connecting-IP", `203.0.${Math.floor((from + n) / 250)}.${((from + n) % 250) + 1}`]];
        return outcomeOf(await stack.worker(name).fetch("/", { cookies, headers }));
      });
      outcomes.push(...(await Promise.all(group)));
    }
    return outcomes;
  }

  test.each(["known", "knownAlone"] as Name[])("§1 with it, 200 visitors refresh within a minute: %s", async (name) => {
    const started = Date.now();
    expect((await visit(name)).filter((outcome) => outcome !== "refreshed")).toEqual([]);
    expect(Date.now() - started).toBeLessThan(60_000);
    expect(refreshes()).toBe(VISITORS);
  });

  test.each(["unknown", "unknownAlone"] as Name[])("§1 without it, they share one bucket of Auth: %s", async (name) => {
    const outcomes = await visit(name);
    const refreshed = outcomes.filter((outcome) => outcome === "refreshed").length;
    expect(refreshed).toBeGreaterThanOrEqual(30);
    expect(refreshed).toBeLessThan(100);
    // Nobody is signed out for it.
    expect(outcomes.filter((outcome) => outcome !== "refreshed" && outcome !== "unavailable")).toEqual([]);
  });
});
