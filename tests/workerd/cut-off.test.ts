/**
 * Contract §10: a request that the runtime cut off does no damage to the next one. V8 itself ends the request here, as
 * workerd does when the CPU time is over: no error, no unwinding, in the middle of the wasm, at steps all over the request.
 */
import { createContext, Script } from "node:vm";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { instrument } from "../support/instrument.ts";

const SECRET = "a-secret-of-the-project-that-is-long-enough";
const KEY = "sb-abc-auth-token";
/** Places at which a request is cut off; the last are in what runs behind promises. */
const CUTS = 40;
/** How long V8 waits before it ends a request that stands still. */
const PATIENCE_MS = 25;
const UNHURRIED_MS = 5_000;

interface Seen {
  status: number;
  user: string | null;
}

/** Runs inside the context, where the Worker is: the platform as far as a request needs it. */
const PLATFORM = `
  globalThis.self = globalThis;
  globalThis.addEventListener = () => {};
  globalThis.queueMicrotask = (task) => void Promise.resolve().then(task);
  globalThis.setTimeout = () => 0;
  globalThis.clearTimeout = () => {};
  globalThis.crypto = {
    getRandomValues: (bytes) => bytes.fill(7),
    subtle: { importKey: async () => ({}), verify: async () => true, sign: async () => new ArrayBuffer(32) },
  };
  // What was left behind a promise may fail when its turn comes: nobody waits for it any more.
  const then = Promise.prototype.then;
  Promise.prototype.then = function (...handlers) {
    const next = then.apply(this, handlers);
    then.call(next, undefined, () => {});
    return next;
  };
  globalThis.seen = {};
  globalThis.statuses = {};
  globalThis.steps = 0;
  globalThis.stopAt = Infinity;
  globalThis.fetch = async (target, init) => {
    const headers = new Headers(target instanceof Request ? target.headers : init?.headers);
    if (init?.headers) for (const [name, value] of new Headers(init.headers)) headers.set(name, value);
    globalThis.seen[new URL(target.url ?? target).pathname] = headers.get("x-session-user-id");
    return new Response("the page");
  };
`;

const STEP = "if(++globalThis.steps===globalThis.stopAt)for(;;);";

async function cookieOf(user: string): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const claims = { role: "authenticated", session_id: user, aal: "aal1" };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setIssuer("https://abc.supabase.co/auth/v1")
    .setAudience("authenticated")
    .setSubject(user)
    .setIssuedAt(now - 10)
    .setExpirationTime(now + 3600)
    .sign(new TextEncoder().encode(SECRET));
  const session = { access_token: token, refresh_token: "r", expires_at: now + 3600, token_type: "bearer", user: { id: user } };
  return `${KEY}=base64-${Buffer.from(JSON.stringify(session)).toString("base64url")}`;
}

/** The Worker in a context of its own. */
function start() {
  const { wasm, glue, inner } = instrument(STEP);
  const errors: string[] = [];
  let visits = 0;
  const context = createContext(
    {
      console: { error: (...parts: unknown[]) => errors.push(parts.join(" ")), log: () => undefined, warn: () => undefined, info: () => undefined },
      Headers,
      Request,
      Response,
      TextDecoder,
      TextEncoder,
      URL,
      reportError: (error: unknown) => errors.push(String(error)),
      wasm,
    },
    { microtaskMode: "afterEvaluate" },
  );
  const [statement, module] = /import ([\w$]+) from"\.\/index_bg\.wasm";?/.exec(glue) ?? [];
  if (statement === undefined) throw new Error("the build's JavaScript is not as expected");
  const body = glue.replace(statement, "").replace(/export\{[^}]*\};?\s*$/, `globalThis.worker=${inner};`);
  new Script(PLATFORM).runInContext(context);
  new Script(`{const ${module} = new WebAssembly.Module(wasm);\n${body}\n}`).runInContext(context);
  const call = new Script(`
    {
      steps = 0;
      const mine = path;
      worker.fetch(request, env, { waitUntil() {}, passThroughOnException() {} })
        .then((answer) => { statuses[mine] = answer.status; }, (error) => { statuses[mine] = String(error); });
    }
  `);
  context.env = { SUPABASE_URL: "https://abc.supabase.co", SUPABASE_PUBLISHABLE_KEY: "sb_publishable_x", SUPABASE_JWT_SECRET: SECRET };
  return {
    errors,
    context,
    /** Whom the origin saw; `undefined` where V8 ended the request. */
    visit(cookie: string, stopAt = Number.POSITIVE_INFINITY): Seen | undefined {
      visits += 1;
      context.path = `/page-${visits}`;
      context.request = new Request(`https://site.example${context.path}`, { headers: { cookie } });
      context.stopAt = stopAt;
      try {
        call.runInContext(context, { timeout: Number.isFinite(stopAt) ? PATIENCE_MS : UNHURRIED_MS });
      } catch (error) {
        if ((error as { code?: string }).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return undefined;
        throw error;
      }
      return { status: context.statuses[context.path], user: context.seen[context.path] };
    },
  };
}

test("a request that is cut off anywhere leaves the next visitor's as it is", async () => {
  const user = (index: number) => `11111111-1111-4111-8111-${String(index).padStart(12, "0")}`;
  const next = { user: user(1e6), cookie: await cookieOf(user(1e6)) };
  const worker = start();
  expect(worker.visit(next.cookie)).toEqual({ status: 200, user: next.user });
  // Of a token that the isolate has not seen: those that follow are cut off within as many steps.
  expect(worker.visit(await cookieOf(user(0)))).toEqual({ status: 200, user: user(0) });
  const total = worker.context.steps as number;
  expect(total).toBeGreaterThan(CUTS);
  let cut = 0;
  for (let index = 0; index < CUTS; index += 1) {
    const stopAt = 1 + Math.floor((index * total) / CUTS);
    cut += worker.visit(await cookieOf(user(index + 1)), stopAt) === undefined ? 1 : 0;
    expect(worker.visit(next.cookie), `after a request cut off at step ${stopAt} of ${total}`).toEqual({ status: 200, user: next.user });
  }
  expect(cut).toBe(CUTS);
  // On a busy machine the time is over in JavaScript now and then: there nothing is left open.
  expect(worker.errors.filter((line) => line.includes("new instance")).length).toBeGreaterThan(CUTS * 0.9);
}, 120_000);
