/** Real builds for Workers: each as the app of `withSession`, and two of them behind the Worker as `ORIGIN`. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Dev, navigate, removeFolder, startDev } from "../package/install.ts";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { open, upgrade } from "../support/http.ts";
import { cookieHeader, type SessionBody, writeCookies } from "../support/sessions.ts";
import { AUTH_PORT, PUBLISHABLE_KEY } from "./run/settings.ts";
import { BEHAVIOURS, buildWorker, installWorkers, variables, WORKER_APPS, type WorkerApp, WORKERS, workersTable } from "./run/workers.ts";

const BUILD_TIMEOUT_MS = 600_000;
const chosen = WORKER_APPS.filter(({ name }) => process.env.FRAMEWORKS_WORKERS === undefined || process.env.FRAMEWORKS_WORKERS.split(",").includes(name));

let auth: AuthServer;
beforeAll(async () => {
  installWorkers();
  auth = await startAuthServer({ port: AUTH_PORT, publishableKey: PUBLISHABLE_KEY });
}, BUILD_TIMEOUT_MS);
afterAll(() => auth?.close());

const signedIn = async (spec?: { expiresIn: number }) => {
  const session = auth.createSession(spec) as unknown as SessionBody & { user: { id: string; email: string } };
  return { ...session.user, cookie: cookieHeader(await writeCookies(auth.url, session)) };
};

describe.each(chosen)("$title, inside withSession", (app) => {
  let dev: Dev;
  beforeAll(async () => {
    dev = await startDev(join(WORKERS, app.name), ["--config", buildWorker(app)]);
  }, BUILD_TIMEOUT_MS);
  afterAll(() => dev?.stop());
  const tested: string[] = [];
  const behaviour = (name: string, run: () => Promise<void>): void => void (tested.push(name), app.without[name] === undefined ? test(name, run) : test.skip(`${name}: ${app.without[name]}`));

  behaviour("identity", async () => {
    const { id, cookie } = await signedIn();
    expect((await navigate(dev, "/", { cookie, headers: [["X-Session-User-Id", "somebody-else"]] })).text).toContain(id);
    expect((await navigate(dev, "/", { headers: [["X-Session-User-Id", id]] })).text).toContain("nobody");
    const { session, headers } = (await navigate(dev, "/echo?q=1", { cookie })).json();
    expect([session.userId, headers["x-session-outcome"], headers.cookie]).toEqual([id, "valid", cookie]);
  });

  behaviour("refresh", async () => {
    const { id, cookie } = await signedIn({ expiresIn: -30 });
    const answer = await navigate(dev, "/echo", { cookie });
    expect(answer.json().session).toMatchObject({ userId: id, outcome: "refreshed" });
    expect(answer.all("set-cookie").join()).toContain("-auth-token");
  });

  behaviour("bodies and methods", async () => {
    const body = "x".repeat(100_000);
    const echo = (await navigate(dev, "/echo", { method: "PUT", body, headers: [["Origin", dev.url]] })).json();
    expect([echo.method, echo.body.length]).toEqual(["PUT", body.length]);
  });

  behaviour("guarded files and pages", async () => {
    for (const path of ["/members", "/guarded.css", "/prerendered"]) {
      expect([path, (await navigate(dev, path)).status]).toEqual([path, 303]);
    }
    const { cookie } = await signedIn();
    expect((await navigate(dev, "/guarded.css", { cookie })).text.trim()).toBe("css");
  });

  behaviour("a page rendered at build time", async () => {
    const { cookie } = await signedIn();
    const page = await navigate(dev, "/prerendered", { cookie });
    const moved = page.status === 307 || page.status === 308;
    const shown = moved ? await navigate(dev, new URL(page.header("location") ?? "", dev.url).pathname, { cookie }) : page;
    expect(shown.text).toContain("made at build time");
  });

  behaviour("streams", async () => {
    const request = open({ socket: new URL(dev.url), target: "/stream" });
    request.end();
    const { next } = await request.response;
    expect(await next()).toBe("first");
    const early = Date.now();
    expect(await next()).toBe("last");
    expect(Date.now() - early).toBeGreaterThan(400);
  });

  behaviour("a WebSocket", async () => {
    const { cookie } = await signedIn();
    const headers: [string, string][] = [["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"], ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="], ["Cookie", cookie]];
    const { status, socket } = await upgrade({ socket: new URL(dev.url), target: "/socket", headers });
    expect(status).toBe(101);
    const said = new Promise<string>((resolve) => socket!.once("data", (data: Buffer) => resolve(data.subarray(2).toString())));
    socket!.write(Buffer.concat([Buffer.from([0x81, 0x80 + 5, 0, 0, 0, 0]), Buffer.from("hello")]));
    expect(await said).toBe("hello for valid");
    socket!.destroy();
  });

  behaviour("waitUntil", async () => {
    expect((await navigate(dev, "/later")).text).toBe("now");
    await expect.poll(() => dev.printed(), { timeout: 5_000 }).toContain("done later");
  });

  behaviour("caches.default", async () => {
    expect((await navigate(dev, "/cached")).text).toBe("made");
    expect((await navigate(dev, "/cached")).text).toBe("cached value");
  });

  behaviour("exceptions", async () => {
    const { cookie } = await signedIn({ expiresIn: -30 });
    const answer = await navigate(dev, "/broken", { cookie });
    expect(answer.status).toBe(500);
    expect(answer.all("set-cookie").join()).toContain("-auth-token");
  });

  behaviour("redirects and cookies", async () => {
    const moved = await navigate(dev, "/moved");
    expect([moved.status, moved.header("location")]).toEqual([302, "/echo"]);
    expect((await navigate(dev, "/cookies")).all("set-cookie")).toEqual(["a=1", "b=2; Path=/x"]);
  });

  test("the table has a column for each of these", () => {
    expect(tested).toEqual(BEHAVIOURS);
  });
});

test("docs/frameworks.md has the table", () => {
  const text = readFileSync(new URL("../../docs/frameworks.md", import.meta.url), "utf8");
  expect(text.split("<!-- workers -->")[1]?.split("<!-- /workers -->")[0]?.trim()).toBe(workersTable());
});

describe.each(chosen.filter(({ app }) => app !== ""))("$title, behind ORIGIN", (app: WorkerApp) => {
  let dev: Dev;
  let folder: string;
  beforeAll(async () => {
    buildWorker(app);
    folder = mkdtempSync(join(tmpdir(), "edge-session-origin-"));
    const inner = join(WORKERS, app.name, "wrangler.origin.toml");
    writeFileSync(inner, `name = "inner"\nmain = "${app.app}"\ncompatibility_date = "2026-10-01"\ncompatibility_flags = ["nodejs_compat"]\n[assets]\ndirectory = "${app.assets}"\nbinding = "ASSETS"\n[vars]\nSUPABASE_URL = "${auth.url}"\nSUPABASE_PUBLISHABLE_KEY = "${auth.publishableKey}"\n`);
    const outer = join(folder, "wrangler.toml");
    writeFileSync(outer, `name = "edge"\nmain = "${join(WORKERS, "node_modules/edge-session/build/index.js")}"\ncompatibility_date = "2026-10-01"\nservices = [{ binding = "ORIGIN", service = "inner" }]\ndurable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]\nmigrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]\n[vars]\n${variables()}`);
    dev = await startDev(folder, ["--config", outer, "--config", inner]);
  }, BUILD_TIMEOUT_MS);
  afterAll(async () => {
    await dev?.stop();
    removeFolder(folder);
  });

  test("identity, guard, refresh and files", async () => {
    const { id, cookie } = await signedIn({ expiresIn: -30 });
    const answer = await navigate(dev, "/", { cookie });
    expect(answer.text).toContain(id);
    expect(answer.all("set-cookie").join()).toContain("-auth-token");
    expect((await navigate(dev, "/")).text).toContain("nobody");
    expect((await navigate(dev, "/guarded.css")).status).toBe(303);
    expect((await navigate(dev, "/guarded.css", { cookie: (await signedIn()).cookie })).text.trim()).toBe("css");
    expect((await navigate(dev, "/echo", { method: "PUT", body: "body", headers: [["Origin", dev.url]] })).json()).toMatchObject({ method: "PUT", body: "body" });
  });

  if (app.name === "opennext") {
    test("@supabase/server in a route of Next.js gets its bearer token from the edge", async () => {
      const { id, email, cookie } = await signedIn({ expiresIn: -30 });
      expect((await navigate(dev, "/api/me", { cookie })).json()).toEqual({ id, email });
      expect((await navigate(dev, "/api/me")).status).toBe(401);
    });
  }
});
