/** `withSession` in `wrangler dev`: the same contract with a Worker of each kind as the origin. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { open, upgrade } from "../support/http.ts";
import { cookieHeader, type SessionBody, writeCookies } from "../support/sessions.ts";
import { type Dev, type Packed, createFolder, navigate, pack, removeFolder, startDev } from "./install.ts";

/** What every app answers; a framework's own worker calls it where the framework would render. */
const PAGES = `
import { readSession } from "edge-session/origin";
export async function page(request, env, ctx) {
  const { pathname } = new URL(request.url);
  const headers = Object.fromEntries(request.headers);
  if (pathname === "/echo") return Response.json({ method: request.method, url: request.url, body: await request.text(), headers, session: readSession(request), name: env.NAME, origin: typeof env.ORIGIN });
  if (pathname === "/stream") {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    ctx.waitUntil((async () => {
      await writer.write(new TextEncoder().encode("first"));
      await new Promise((passed) => setTimeout(passed, 1_000));
      await writer.write(new TextEncoder().encode("last"));
      await writer.close();
    })());
    return new Response(readable);
  }
  if (pathname === "/socket") {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    server.addEventListener("message", ({ data }) => server.send(\`\${data} for \${request.headers.get("x-session-outcome")}\`));
    return new Response(null, { status: 101, webSocket: client });
  }
  if (pathname === "/later") {
    ctx.waitUntil(new Promise((passed) => setTimeout(passed, 50)).then(() => console.log("done later")));
    return new Response("now");
  }
  if (pathname === "/cached") {
    const key = new Request("https://cache.example.com/one");
    const held = await caches.default.match(key);
    if (held) return new Response(\`cached \${await held.text()}\`);
    await caches.default.put(key, new Response("value", { headers: { "cache-control": "max-age=60" } }));
    return new Response("made");
  }
  if (pathname === "/moved") return new Response(null, { status: 302, headers: { location: "/echo" } });
  if (pathname === "/cookies") return new Response("set", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/x"]] });
  if (pathname === "/assets.css") return env.ASSETS.fetch(request);
  throw new Error("the app broke");
}
`;

interface Kind {
  kind: string;
  worker: string;
  files?: Record<string, string>;
  packages?: string[];
  /** An app that can only answer at once. */
  onlyAtOnce?: boolean;
}

const WRAPPED = (app: string): string => `import { withSession, RefreshGate } from "edge-session";\n${app}\nexport { RefreshGate };\nexport default withSession(app);\n`;

const KINDS: Kind[] = [
  { kind: "a plain handler", worker: WRAPPED('import { page } from "./pages.js";\nconst app = { fetch: page };') },
  { kind: "a handler that uses this", worker: WRAPPED('import { page } from "./pages.js";\nclass App { #page = page; fetch(request, env, ctx) { return this.#page(request, env, ctx); } }\nconst app = new App();') },
  {
    kind: "Hono",
    packages: ["hono"],
    worker: WRAPPED('import { Hono } from "hono";\nimport { page } from "./pages.js";\nconst app = new Hono();\napp.onError((error) => { throw error; });\napp.all("*", (c) => page(c.req.raw, c.env, c.executionCtx));'),
  },
  {
    // As @sveltejs/adapter-cloudflare writes it: the assets and the cache asked by the worker itself.
    kind: "the worker of SvelteKit's adapter",
    files: {
      "src/_worker.js": `import { page } from "./pages.js";
const server = { respond: (request, { platform: { env, ctx } }) => page(request, env, ctx) };
const worker = {
  async fetch(req, env, ctx) {
    const pragma = req.headers.get("cache-control") || "";
    let res = !pragma.includes("no-cache") && (await caches.default.match(req));
    if (res) return res;
    const { pathname } = new URL(req.url);
    if (pathname.startsWith("/_app/")) return env.ASSETS.fetch(req);
    res = await server.respond(req, { platform: { env, ctx, caches, cf: req.cf } });
    if (req.method === "GET" && res.headers.get("cache-control")?.includes("s-maxage")) ctx.waitUntil(caches.default.put(req, res.clone()));
    return res;
  },
};
export { worker as default };`,
    },
    worker: WRAPPED('import app from "./_worker.js";'),
  },
  {
    // As @opennextjs/cloudflare writes it: a context of its own for each request, and Durable Objects beside the handler.
    kind: "the worker of OpenNext",
    files: {
      "src/open-next.js": `import { page } from "./pages.js";
import { AsyncLocalStorage } from "node:async_hooks";
const storage = new AsyncLocalStorage();
export default {
  fetch: (request, env, ctx) => storage.run({ env, ctx }, async () => {
    const { env, ctx } = storage.getStore();
    // A middleware of Next.js hands on a request of its own.
    return page(new Request(request.url, request), env, ctx);
  }),
};`,
    },
    worker: WRAPPED('import app from "./open-next.js";'),
  },
  {
    // As the templates of React Router and Astro have it: a request handler that gets the environment in an object.
    kind: "the worker of React Router and Astro",
    files: {
      "src/handler.js": `import { page } from "./pages.js";\nexport const createRequestHandler = () => (request, { cloudflare: { env, ctx } }) => page(request, env, ctx);`,
    },
    worker: WRAPPED('import { createRequestHandler } from "./handler.js";\nconst requestHandler = createRequestHandler();\nconst app = { async fetch(request, env, ctx) { return requestHandler(request, { cloudflare: { env, ctx } }); } };'),
  },
];

const configuration = (auth: AuthServer): string => `name = "site"
main = "src/worker.js"
compatibility_date = "2026-10-01"
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]
[assets]
directory = "./public"
binding = "ASSETS"
run_worker_first = true
[vars]
NAME = "the app's own"
# Of the app's, and not the Worker's: the app is the origin.
ORIGIN_URL = "https://elsewhere.invalid"
SUPABASE_URL = "${auth.url}"
SUPABASE_PUBLISHABLE_KEY = "${auth.publishableKey}"
AUTH_PATH = "/auth"
[[vars.RULES]]
path = ["/assets.css", "/members*"]
require = true
`;

let packed: Packed;
let auth: AuthServer;
beforeAll(async () => {
  packed = pack();
  auth = await startAuthServer();
});
afterAll(async () => {
  await auth.close();
  removeFolder(packed.folder.replace(/\/package$/, ""));
});

const signedIn = async (spec?: { expiresIn: number }) => {
  const session = auth.createSession(spec) as unknown as SessionBody & { user: { id: string } };
  return { id: session.user.id, cookie: cookieHeader(await writeCookies(auth.url, session)) };
};

describe.each(KINDS)("$kind", ({ worker, files = {}, packages = [] }) => {
  let folder: string;
  let dev: Dev;
  beforeAll(async () => {
    const own = { "wrangler.toml": configuration(auth), "src/worker.js": worker, "src/pages.js": PAGES, "public/assets.css": "css", ...files };
    folder = createFolder(packed, own, packages);
    dev = await startDev(folder);
  });
  afterAll(async () => {
    await dev?.stop();
    removeFolder(folder);
  });

  test("one request tells the app who is there, whatever the client claims", async () => {
    const { id, cookie } = await signedIn();
    const forged: [string, string][] = [["X-Session-User-Id", "somebody-else"], ["X-Session-Outcome", "valid"], ["X_Session_Role", "admin"]];
    const { session, headers, name, origin, url } = (await navigate(dev, "/echo?q=1", { cookie, headers: forged })).json();
    expect(session).toMatchObject({ userId: id, outcome: "valid", role: "authenticated", isAnonymous: false });
    expect(session.claims.sub).toBe(id);
    expect(headers.cookie).toBe(cookie);
    expect([name, origin, new URL(url).search]).toEqual(["the app's own", "undefined", "?q=1"]);
    const stranger = (await navigate(dev, "/echo", { headers: forged })).json();
    expect([stranger.session, stranger.headers["x-session-user-id"], stranger.headers["x-session-outcome"]]).toEqual([null, undefined, "anonymous"]);
  });

  test("a guarded page and a guarded file ask for a session", async () => {
    expect((await navigate(dev, "/members")).status).toBe(303);
    expect((await navigate(dev, "/assets.css")).header("location")).toBe("/login?next=%2Fassets.css");
    const { cookie } = await signedIn();
    expect((await navigate(dev, "/assets.css", { cookie })).text.trim()).toBe("css");
  });

  test("an expired token is refreshed, and the browser gets the cookies of it", async () => {
    const { id, cookie } = await signedIn({ expiresIn: -30 });
    const answer = await navigate(dev, "/echo", { cookie });
    expect(answer.json().session).toMatchObject({ userId: id, outcome: "refreshed" });
    expect(answer.all("set-cookie").join()).toContain("-auth-token");
  });

  test("bodies and methods arrive", async () => {
    const { cookie } = await signedIn();
    const body = "x".repeat(100_000);
    const echo = (await navigate(dev, "/echo", { method: "PUT", body, cookie })).json();
    expect([echo.method, echo.body.length]).toEqual(["PUT", body.length]);
  });

  test("a stream comes in pieces", async () => {
    const request = open({ socket: new URL(dev.url), target: "/stream" });
    request.end();
    const { next } = await request.response;
    const started = Date.now();
    expect(await next()).toBe("first");
    const early = Date.now() - started;
    expect(await next()).toBe("last");
    expect(Date.now() - started - early).toBeGreaterThan(500);
  });

  test("a WebSocket passes", async () => {
    const { cookie } = await signedIn();
    const headers: [string, string][] = [["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"], ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="], ["Cookie", cookie]];
    const { status, socket } = await upgrade({ socket: new URL(dev.url), target: "/socket", headers });
    expect(status).toBe(101);
    // One masked frame of text with a mask of zeros, and the answer's text behind two bytes of head.
    const said = new Promise<string>((resolve) => socket!.once("data", (data: Buffer) => resolve(data.subarray(2).toString())));
    socket!.write(Buffer.concat([Buffer.from([0x81, 0x80 + 5, 0, 0, 0, 0]), Buffer.from("hello")]));
    expect(await said).toBe("hello for valid");
    socket!.destroy();
  });

  test("waitUntil goes on behind the answer", async () => {
    expect((await navigate(dev, "/later")).text).toBe("now");
    await expect.poll(() => dev.printed(), { timeout: 5_000 }).toContain("done later");
  });

  test("caches.default is the app's", async () => {
    expect((await navigate(dev, "/cached")).text).toBe("made");
    expect((await navigate(dev, "/cached")).text).toBe("cached value");
  });

  test("an exception is a 500 that keeps a session which was just refreshed, and is printed", async () => {
    const { cookie } = await signedIn({ expiresIn: -30 });
    const answer = await navigate(dev, "/broken", { cookie });
    expect(answer.status).toBe(500);
    expect(answer.all("set-cookie").join()).toContain("-auth-token");
    expect(answer.text).not.toContain("the app broke");
    await expect.poll(() => dev.printed(), { timeout: 5_000 }).toContain("the app broke");
  });

  test("redirects and several cookies leave as the app made them", async () => {
    const moved = await navigate(dev, "/moved");
    expect([moved.status, moved.header("location")]).toEqual([302, "/echo"]);
    expect((await navigate(dev, "/cookies")).all("set-cookie")).toEqual(["a=1", "b=2; Path=/x"]);
  });

  test("the Worker's own routes answer before the app", async () => {
    expect((await navigate(dev, "/auth/session")).json()).toEqual({ user: null });
  });
});

describe("what else an app may be", () => {
  const worker = `import { withSession, RefreshGate } from "edge-session";
export { RefreshGate };
const atOnce = { fetch: (request) => new Response(request.headers.get("x-session-outcome")) };
const nothing = { fetch: () => undefined };
const thrown = { fetch: () => { throw new Error("at once"); } };
const failed = { fetch: () => Response.error() };
const used = { fetch: async () => { const response = new Response("x"); await response.text(); return response; } };
const scheduled = { fetch: atOnce.fetch, count: 0, scheduled() { this.count += 1; return this.count; } };
const apps = Object.fromEntries(Object.entries({ atOnce, nothing, thrown, failed, used, scheduled }).map(([name, app]) => [name, withSession(app)]));
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/keys") return Response.json([Object.keys(apps.atOnce), Object.keys(apps.scheduled), apps.scheduled.scheduled(), scheduled.count]);
    if (pathname === "/refused") return Response.json([undefined, {}, { fetch: 1 }, () => new Response()].map((app) => { try { withSession(app); return "taken"; } catch (error) { return error.name; } }));
    return apps[pathname.slice(1)].fetch(request, env, ctx);
  },
};`;
  let folder: string;
  let dev: Dev;
  beforeAll(async () => {
    folder = createFolder(packed, { "wrangler.toml": configuration(auth), "src/worker.js": worker, "public/assets.css": "css" });
    dev = await startDev(folder);
  });
  afterAll(async () => {
    await dev?.stop();
    removeFolder(folder);
  });

  test.each([
    ["/atOnce", 200, "anonymous"],
    ["/nothing", 500, "Internal Server Error"],
    ["/thrown", 500, "Internal Server Error"],
    ["/failed", 502, expect.stringContaining("origin")],
    ["/used", 502, expect.stringContaining("origin")],
    ["/keys", 200, '[["fetch"],["scheduled","fetch"],1,1]'],
    ["/refused", 200, '["TypeError","TypeError","TypeError","TypeError"]'],
  ])("%s", async (path, status, text) => {
    const answer = await navigate(dev, path);
    expect([answer.status, answer.text]).toEqual([status, text]);
  });
});
