/** Traps of the platform between the Worker's code and the wire. */
import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { outcomeOf, sessionSetCookies } from "../support/expectations.ts";
import { bytes, utf8 } from "../support/origin.ts";
import { cookieHeader } from "../support/sessions.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack<"main" | "cold">;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: { main: {}, cold: {} } });
  await stack.worker("main").fetch("/", { cookies: await stack.cookies(stack.signIn()) });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

test("platform: a valid session in a warm isolate causes the origin's subrequest alone", async () => {
  const cookies = await stack.cookies(stack.signIn());
  await stack.worker("main").fetch("/", { cookies });
  stack.clear();
  await stack.worker("main").fetch("/", { cookies });
  expect([stack.authCalls(), stack.origin.requests.length]).toEqual([{}, 1]);
});

test("platform: an expired session in a warm isolate causes exactly one Auth call", async () => {
  const cookies = await stack.cookies(stack.signIn({ expiresIn: -30 }));
  await stack.worker("main").fetch("/", { cookies });
  expect([stack.authCalls(), stack.origin.requests.length]).toEqual([{ "token:refresh_token": 1 }, 1]);
});

test("platform: several Cookie lines, which the runtime joins with a comma", async () => {
  const session = stack.signIn();
  const cookie = cookieHeader(await stack.cookies(session));
  const lines = (...values: string[]): [string, string][] => values.map((value) => ["Cookie", value]);
  const answer = await stack.worker("main").fetch("/", { headers: lines(cookie, "a=1", "b=2") });
  expect(outcomeOf(answer)).toBe("valid");
  expect(stack.origin.only().header("x-session-user-id")).toBe(session.user.id);
  // Behind the line of another cookie it cannot be told from what that cookie holds. No browser sends two lines, and
  // those of HTTP/2 are joined with a semicolon (RFC 9113 8.2.3).
  stack.origin.clear();
  expect(outcomeOf(await stack.worker("main").fetch("/", { headers: lines("a=1", cookie) }))).toBe("anonymous");
  expect(stack.origin.only().header("x-session-user-id")).toBeUndefined();
});

test("platform: UTF-8 in cookies, headers and metadata, both ways", async () => {
  const session = stack.signIn({ expiresIn: -30, user_metadata: { name: "Žofie 🤦🏻‍♂️ 東京" } });
  const cookies = `${cookieHeader(await stack.cookies(session, { encoding: "raw" }))}; city=${bytes("Zürich")}`;
  stack.origin.on("/x", { body: "ok", headers: [["X-Name", bytes("Žofie")], ["Set-Cookie", `n=${bytes("é")}; Path=/`]] });
  const answer = await stack.worker("main").fetch("/x", { cookies, headers: [["CF-IPCity", bytes("São Paulo")]] });
  expect(outcomeOf(answer)).toBe("refreshed");
  expect(utf8(stack.origin.only().header("cf-ipcity") ?? "")).toBe("São Paulo");
  expect(utf8(stack.origin.only().header("cookie") ?? "")).toContain("city=Zürich");
  expect(utf8(answer.header("x-name") ?? "")).toBe("Žofie");
  expect(answer.all("set-cookie").map(utf8)).toContain("n=é; Path=/");
  const claims = JSON.parse(Buffer.from(stack.origin.only().header("x-session-claims") ?? "", "base64url").toString());
  expect(claims.user_metadata.name).toBe("Žofie 🤦🏻‍♂️ 東京");
});

test("platform: three cookies of the origin and our own stay separate lines", async () => {
  const lines = ["a=1; Path=/", "b=2; Path=/", "c=3; Path=/"];
  stack.origin.on("/x", { body: "ok", headers: lines.map((line) => ["Set-Cookie", line]) });
  const answer = await stack.worker("main").fetch("/x", { cookies: await stack.cookies(stack.signIn({ expiresIn: -30 })) });
  const own = sessionSetCookies(answer, stack.key).length;
  expect(own).toBeGreaterThan(0);
  expect(answer.all("set-cookie")).toHaveLength(own + 3);
});

test("platform: methods that the bindings do not name reach the origin as they are", async () => {
  for (const method of ["PROPFIND", "QUERY", "PURGE", "REPORT", "SEARCH"]) {
    stack.origin.clear();
    const answer = await stack.worker("main").fetch("/m", { method, cookies: await stack.cookies(stack.signIn({ expiresIn: -30 })) });
    expect([method, stack.origin.only().method, answer.status]).toEqual([method, method, 200]);
  }
});

test("platform: a large body in both directions at once", async () => {
  const body = randomBytes(3_000_000);
  stack.origin.on("/big", { body: Buffer.from(body).reverse() });
  const answer = await stack.worker("main").fetch("/big", { method: "POST", body });
  expect(answer.raw.equals(Buffer.from(body).reverse())).toBe(true);
  expect(stack.origin.only().body.equals(body)).toBe(true);
});

test("platform: the answer can begin while the request still arrives", async () => {
  stack.origin.on("/duplex", { early: true, chunks: [{ data: "early" }] });
  const request = stack.worker("main").open("/duplex", { method: "POST", headers: [["Transfer-Encoding", "chunked"]] });
  request.write("part");
  const response = await request.response;
  expect(await response.next()).toBe("early");
  request.end();
});

test("platform: a visitor who leaves in the middle of a download does no harm", async () => {
  stack.origin.on("/slow", { chunks: [{ data: "first" }, { data: "last", after: new Promise((passed) => setTimeout(passed, 300)) }] });
  const request = stack.worker("main").open("/slow");
  request.end();
  expect(await (await request.response).next()).toBe("first");
  request.destroy();
  expect((await stack.worker("main").fetch("/")).status).toBe(200);
});

test("platform: 100 parallel requests into a cold isolate", async () => {
  const cookies = await stack.cookies(stack.signIn());
  const answers = await Promise.all(Array.from({ length: 100 }, () => stack.worker("cold").fetch("/", { cookies })));
  expect(answers.map(outcomeOf)).toEqual(Array.from({ length: 100 }, () => "valid"));
  expect(stack.origin.requests).toHaveLength(100);
});

test("platform: a URL that is long and full of odd characters", async () => {
  const path = `/${"a".repeat(8_000)}?q=${"%F0%9F%A4%A6".repeat(200)}&t=\`|^{}~[]@!$*()`;
  const answer = await stack.worker("main").fetch(path);
  expect(answer.status).toBe(200);
  expect(stack.origin.only().url.startsWith(`/${"a".repeat(8_000)}?q=%F0%9F%A4%A6`)).toBe(true);
});
