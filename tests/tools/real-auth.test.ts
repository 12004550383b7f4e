/** A server that is none, cannot be reached, has other keys or users: one line, and nothing is made there. */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test, vi } from "vitest";
import { checkServer } from "../real-auth/server.ts";
import { startOrigin } from "../support/origin.ts";
import { startAuthServer } from "../support/auth-server/server.ts";

const MAIN = fileURLToPath(new URL("../real-auth/main.ts", import.meta.url));
const auth = await startAuthServer();
const origin = await startOrigin();

afterAll(async () => {
  await Promise.all([auth.close(), origin.close()]);
});

async function refused(environment: Record<string, string>, ...args: string[]): Promise<{ status: number; lines: string[] }> {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => void (output += chunk.toString()));
  }
  const [status] = await once(child, "close");
  return { status, lines: output.trim().split("\n") };
}

const keys = { AUTH_PUBLISHABLE_KEY: auth.publishableKey, AUTH_SECRET_KEY: auth.secretKey };

test.each([
  ["nothing named", {}, /set AUTH_URL .* or AUTH_BIN/],
  ["a program without a database", { AUTH_BIN: "/nowhere" }, /needs DATABASE_URL/],
  ["a database that is none", { AUTH_BIN: "/nowhere", DATABASE_URL: "postgres://nobody@127.0.0.1:9/none" }, /cannot be reached/],
  ["an address where nothing listens", { AUTH_URL: "http://127.0.0.1:9", ...keys }, /cannot be reached/],
  ["a server that is no Auth", { AUTH_URL: origin.url, ...keys }, /no Supabase Auth/],
  ["another publishable key", { AUTH_URL: auth.authUrl, ...keys, AUTH_PUBLISHABLE_KEY: "sb_publishable_other" }, /AUTH_PUBLISHABLE_KEY/],
  ["another secret key", { AUTH_URL: auth.authUrl, ...keys, AUTH_SECRET_KEY: "sb_secret_other" }, /AUTH_SECRET_KEY/],
])("%s", async (_name, environment, message) => {
  const { status, lines } = await refused(environment);
  expect([status, lines.length]).toEqual([2, 1]);
  expect(lines[0]).toMatch(message);
  expect(auth.sessions()).toEqual([]);
});

test("a project with users is refused, and its users stay", async () => {
  const { id } = auth.createUser({ email: "customer@example.com" });
  const { status, lines } = await refused({ AUTH_URL: auth.authUrl, ...keys });
  expect([status, lines]).toEqual([2, [expect.stringContaining("has users")]]);
  expect(auth.deleteUser(String(id))).toBe(true);
});

test("users that an interrupted run left are removed first, and only those", async () => {
  const left = auth.createUser({ email: `${randomUUID()}@example.com` });
  const customer = auth.createUser({ email: "another@example.com" });
  vi.stubEnv("AUTH_PUBLISHABLE_KEY", auth.publishableKey);
  vi.stubEnv("AUTH_SECRET_KEY", auth.secretKey);
  await checkServer(auth.authUrl, true);
  expect([auth.deleteUser(String(left.id)), auth.deleteUser(String(customer.id))]).toEqual([false, true]);
});

test("in a run without a server it says that it was left out", async () => {
  const { status, lines } = await refused({}, "--if-given");
  expect([status, lines]).toEqual([0, [expect.stringContaining("left out")]]);
});
