/** `X-Session-Explanation` through the runtime: who gets it, and that the secret ends at the Worker. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { UNCACHEABLE } from "../support/expectations.ts";
import type { HeaderList } from "../support/origin.ts";
import { type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const SECRET = "sb_secret_of_the_operator_0000000000";
const ASKING: HeaderList = [["X-Session-Explain", SECRET]];
const RULES = [{ path: "/members*", require: true }, { path: "/static*", bypass: true }, { path: "/shared*", cache: "shared" }];

const WORKERS = {
  enforced: { vars: { SUPABASE_SECRET_KEY: SECRET, RULES } },
  observed: { vars: { SUPABASE_SECRET_KEY: SECRET, RULES, MODE: "observe" } },
  debug: { vars: { LOG_LEVEL: "debug", RULES } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

/** The members of the dictionary (RFC 9651); parameters stay with their member. */
function explanation(answer: { header(name: string): string | undefined }): Record<string, string> {
  const text = answer.header("x-session-explanation") ?? "";
  return Object.fromEntries(text.split(", ").map((member) => [member.split("=")[0], member.slice(member.indexOf("=") + 1)]));
}

test("explain: outcome, reason, rule, key source, gate and times of a request", async () => {
  const cookies = await stack.cookies(stack.signIn());
  const answer = await stack.worker("enforced").fetch("/members", { cookies, headers: ASKING });
  const { ms, ...rest } = explanation(answer);
  expect(rest).toEqual({ outcome: "valid", reason: "token_valid", status: "200", rule: "0", keys: "network", gate: "none", auth_calls: "1", cookies: "0" });
  expect(ms).toMatch(/^\d+;keys=\d+;verify=\d+;auth=\d+;origin=\d+$/);
  const warm = await stack.worker("enforced").fetch("/members", { cookies, headers: ASKING });
  expect(explanation(warm)).toMatchObject({ auth_calls: "0", keys: "none" });
});

test("explain: a denial says what was missed", async () => {
  const answer = await stack.worker("enforced").fetch("/members", { headers: ASKING });
  expect(answer.status).toBe(401);
  expect(explanation(answer)).toMatchObject({ outcome: "anonymous", reason: "no_session", denied: "session", rule: "0" });
});

test.each(["/", "/static/a", "/shared"])("explain: nobody may keep it, and the origin never sees the secret: %s", async (path) => {
  stack.origin.on(path, { body: "x", headers: [["Cache-Control", "public, max-age=60"], ["CDN-Cache-Control", "max-age=60"]] });
  for (const name of ["enforced", "observed"] as const) {
    stack.origin.requests.length = 0;
    const answer = await stack.worker(name).fetch(path, { headers: ASKING });
    expect(explanation(answer).outcome).toBeDefined();
    expect([answer.header("cache-control"), answer.header("cdn-cache-control"), answer.text]).toEqual([UNCACHEABLE, undefined, "x"]);
    expect(JSON.stringify(stack.origin.only().headers).toLowerCase()).not.toContain("explain");
  }
});

test("explain: another secret, or none, changes nothing", async () => {
  for (const headers of [[], [["X-Session-Explain", `${SECRET}x`]], [["X-Session-Explain", ""]]] as HeaderList[]) {
    for (const name of ["enforced", "observed"] as const) {
      stack.origin.requests.length = 0;
      const answer = await stack.worker(name).fetch("/", { headers });
      expect([answer.header("x-session-explanation"), answer.header("cache-control")]).toEqual([undefined, undefined]);
      expect(JSON.stringify(stack.origin.only().headers).toLowerCase()).not.toContain("explain");
    }
  }
});

test("explain: while observing, it says what would be done", async () => {
  const answer = await stack.worker("observed").fetch("/members", { headers: ASKING });
  expect([answer.status, explanation(answer).would, explanation(answer).denied]).toEqual([200, "deny", "session"]);
});

test("explain: no log level shows it to a visitor", async () => {
  for (const path of ["/", "/members"]) {
    expect((await stack.worker("debug").fetch(path)).header("x-session-explanation")).toBeUndefined();
  }
});
