/** `@supabase/server` without any client for cookies: behind `FORWARD_BEARER=on` it finds the visitor's token where it looks for it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../demo/worker.ts";
import { outcomeOf } from "../support/expectations.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { AUTH_PORT, PUBLISHABLE_KEY, QUIET_ENV, SUPABASE_ENV } from "./run/settings.ts";
import { buildWorker, installWorkers, WORKER_APPS, WORKERS } from "./run/workers.ts";

const BUILD_TIMEOUT_MS = 600_000;
const START_TIMEOUT_MS = 60_000;

const SERVERS = [
  { title: "Hono on Node.js", folder: "server", command: (_: number) => [join(WORKERS, "server", "server.ts")] },
  {
    title: "a route of Next.js on Node.js",
    folder: "opennext",
    command: (port: number) => [join(WORKERS, "node_modules", "next", "dist", "bin", "next"), "start", "--hostname", "127.0.0.1", "--port", String(port)],
  },
];

let stack: Stack<"edge" | "off">;
beforeAll(async () => {
  installWorkers();
  buildWorker(WORKER_APPS.find(({ name }) => name === "opennext")!);
}, BUILD_TIMEOUT_MS);

describe.each(SERVERS)("$title", ({ folder, command }) => {
  let child: ChildProcess;
  beforeAll(async () => {
    const port = await freePort();
    // Its middleware for Hono makes a client for administrators as well, and wants a key for it.
    const env = { ...process.env, ...QUIET_ENV, ...SUPABASE_ENV, SUPABASE_SECRET_KEY: "sb_secret_frameworks0123456789_abcdef", PORT: String(port) };
    child = spawn(process.execPath, command(port), { cwd: join(WORKERS, folder), env, stdio: "ignore" });
    const origin = `http://127.0.0.1:${port}`;
    const rules = [{ path: "/api/me", require: true }];
    stack = await startStack({
      auth: { port: AUTH_PORT, publishableKey: PUBLISHABLE_KEY },
      vars: { SERVER_TIMING: "on", ORIGIN_URL: origin },
      workers: { edge: { vars: { FORWARD_BEARER: "on", RULES: rules } }, off: {} },
    });
    await listening(port, child);
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await Promise.all([ended, stack?.close()]);
  });

  test.each([3_600, -30])("withSupabase({ auth: 'user' }) has the visitor of a token that lives %i s", async (expiresIn) => {
    const session = stack.signIn({ expiresIn });
    const answer = await stack.worker("edge").fetch("/api/me", { cookies: await stack.cookies(session) });
    expect([answer.status, outcomeOf(answer)]).toEqual([200, expiresIn > 0 ? "valid" : "refreshed"]);
    expect(answer.json()).toEqual({ id: session.user.id, email: session.user.email });
  });

  test("nobody gets there without a session, and a forged token never", async () => {
    expect((await stack.worker("edge").fetch("/api/me")).status).toBe(401);
    const forged = await stack.auth.sign({ key: "unknown" });
    expect((await stack.worker("edge").fetch("/api/me", { headers: [["Authorization", `Bearer ${forged}`]] })).status).toBe(401);
  });

  test("without FORWARD_BEARER it finds none", async () => {
    const answer = await stack.worker("off").fetch("/api/me", { cookies: await stack.cookies(stack.signIn()) });
    expect([answer.status, outcomeOf(answer)]).toEqual([401, "valid"]);
  });
});

async function listening(port: number, child: ChildProcess): Promise<void> {
  const accepts = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => (socket.destroy(), resolve(true)));
      socket.once("error", () => resolve(false));
    });
  for (const deadline = Date.now() + START_TIMEOUT_MS; !(await accepts()); ) {
    if (Date.now() > deadline || child.exitCode !== null) {
      throw new Error(`nothing listens on port ${port}`);
    }
    await new Promise((passed) => setTimeout(passed, 100));
  }
}
