import { Hono } from "hono";
import { decodeJwt } from "jose";
import type { AuthServer } from "../../support/auth-server/server.ts";
import { CallCounter } from "./call-counter.ts";
import { identityOf } from "./identity.ts";

/** How Auth behaves. */
export type Weather = "hang" | "limited" | "ok" | "down";

const ONE_HOUR_SECONDS = 3600;
// Past any leeway that the Worker may be configured with.
const EXPIRED_FOR_SECONDS = 120;

/**
 * The endpoints behind the panel. They reach into the local Auth by its controls, which no real project offers; only
 * `GET /panel` is what an ordinary site would do: it answers what the Worker said about the request.
 */
export function controlsApp(auth: AuthServer): Hono {
  const app = new Hono();
  const calls = new CallCounter(auth);

  app.use(async (c, next) => {
    // Another site open in the same browser must not press the buttons.
    const site = c.req.header("Sec-Fetch-Site");
    if (c.req.method === "POST" && site !== undefined && site !== "same-origin") {
      return c.json({ error: "cross-site" }, 403);
    }
    await next();
    c.header("Cache-Control", "no-store");
  });

  app.get("/panel", (c) => c.json(identityOf(c.req.raw.headers)));
  app.get("/auth", (c) => c.json({ calls: calls.count(), weather: weatherOf(auth) }));
  app.post("/auth", async (c) => {
    setWeather(auth, (await c.req.json<{ weather: Weather }>()).weather);
    return c.json({ calls: calls.count(), weather: weatherOf(auth) });
  });
  app.post("/expire", async (c) => {
    const { accessToken } = await c.req.json<{ accessToken: string }>();
    return c.json(await expired(auth, accessToken));
  });
  app.post("/end-session", async (c) => {
    const { sessionId } = await c.req.json<{ sessionId: string }>();
    return c.json({ ended: auth.deleteSession(sessionId) });
  });
  return app;
}

function weatherOf(auth: AuthServer): Weather {
  const [fault] = auth.faults.list();
  if (fault === undefined) {
    return "ok";
  }
  return fault.hang === true ? "hang" : fault.status === 429 ? "limited" : "down";
}

function setWeather(auth: AuthServer, weather: Weather): void {
  auth.faults.clear();
  switch (weather) {
    case "ok":
      return;
    case "limited":
      auth.faults.add({ status: 429, body: JSON.stringify({ code: "over_request_rate_limit", message: "Request rate limit reached" }) });
      return;
    case "down":
      auth.faults.add({ status: 503, body: "upstream connect error", contentType: "text/plain" });
      return;
    case "hang":
      auth.faults.add({ hang: true });
  }
}

/** The same access token as Auth would have signed it an hour earlier: genuine, and expired. */
async function expired(auth: AuthServer, accessToken: string): Promise<{ accessToken: string; expiresAt: number }> {
  const claims = decodeJwt(accessToken);
  const exp = auth.clock.now() - EXPIRED_FOR_SECONDS;
  const token = await auth.sign({ claims: { ...claims, iat: exp - ONE_HOUR_SECONDS, exp } });
  return { accessToken: token, expiresAt: exp };
}
