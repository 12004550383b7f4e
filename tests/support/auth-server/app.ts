import { Hono, type MiddlewareHandler } from "hono";
import { cors } from "hono/cors";
import type { Controls } from "./controls.ts";
import { errorResponse } from "./errors.ts";
import { AUTH_BASE, checkApiKey, recordAndDisturb } from "./gateway.ts";
import type { Env } from "./http.ts";
import { adminRoutes } from "./routes/admin.ts";
import { controlApp } from "./routes/control.ts";
import { discoveryRoutes } from "./routes/discovery.ts";
import { factorRoutes } from "./routes/factors.ts";
import { oauthRoutes } from "./routes/oauth.ts";
import { pagesApp } from "./routes/pages.ts";
import { passkeyRoutes } from "./routes/passkeys.ts";
import { sessionRoutes } from "./routes/session.ts";
import { signupRoutes } from "./routes/signup.ts";
import { ssoRoutes } from "./routes/sso.ts";
import { tokenRoutes } from "./routes/token.ts";
import { userRoutes } from "./routes/user.ts";
import { verifyRoutes } from "./routes/verify.ts";
import type { State } from "./state.ts";

const CORS = cors({
  origin: "*",
  allowMethods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
  exposeHeaders: ["X-Total-Count", "Link", "X-Supabase-Api-Version", "x-sb-error-code"],
});

/** Everything that the server answers, as one application. */
export function createApp(state: State, controls: Controls): Hono<Env> {
  const app = new Hono<Env>();
  app.use("/control/*", CORS);
  app.route("/control", controlApp(state, controls));
  app.route("/", pagesApp(state));
  app.route(AUTH_BASE, authApp(state));
  return app;
}

function authApp(state: State): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, c) => errorResponse(error, c.req.header("x-supabase-api-version")));
  app.use(CORS);
  app.use(recordAndDisturb(state));
  app.use(checkApiKey(state));
  app.use(refuseHead);
  discoveryRoutes(app, state);
  tokenRoutes(app, state);
  userRoutes(app, state);
  sessionRoutes(app, state);
  signupRoutes(app, state);
  verifyRoutes(app, state);
  oauthRoutes(app, state);
  factorRoutes(app, state);
  passkeyRoutes(app, state);
  ssoRoutes(app, state);
  adminRoutes(app, state);
  unrouted(app);
  return app;
}

/** The framework would answer HEAD as GET, which Auth's router does not. */
const refuseHead: MiddlewareHandler<Env> = async (c, next) => {
  if (c.req.method === "HEAD") {
    return c.body(null, 405);
  }
  return next();
};

/** 405 with the methods that a known path has, before the plain 404 of the router. */
function unrouted(app: Hono<Env>): void {
  const methods = new Map<string, string[]>();
  for (const { path, method } of app.routes.filter((route) => route.method !== "ALL")) {
    methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  for (const [path, known] of methods) {
    app.all(path, (c) => c.body(null, 405, { Allow: known.join(", ") }));
  }
  app.all("*", (c) => c.body("404 page not found\n", 404, { "Content-Type": "text/plain; charset=utf-8" }));
}
