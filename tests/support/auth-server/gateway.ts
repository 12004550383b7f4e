import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { MiddlewareHandler } from "hono";
import { type CallRecord, endpointName } from "./calls.ts";
import { GatewayError } from "./errors.ts";
import { type Outcome, run } from "./faults.ts";
import { apiKey, type Ctx, type Env } from "./http.ts";
import type { State } from "./state.ts";

export const AUTH_BASE = "/auth/v1";

const OPEN_PATHS = ["/verify", "/callback", "/authorize", "/.well-known/jwks.json", "/sso/saml/acs", "/sso/saml/metadata"];

/** Counts each call, then applies the faults around whatever answers it. */
export function recordAndDisturb(state: State): MiddlewareHandler<Env> {
  return async (c, next) => {
    const grant = c.req.query("grant_type");
    const path = c.req.path.slice(AUTH_BASE.length);
    const record = callRecord(c, path, grant);
    state.calls.add(record);
    if (state.faults.empty) {
      await next();
      record.status = c.res.status;
      return;
    }
    const { before, after } = state.faults.claim({ path, method: c.req.method, grant });
    let outcome = await run(before);
    if (outcome.kind === "pass") {
      await next();
      outcome = await run(after);
    }
    if (outcome.kind !== "pass") {
      // Hono merges the headers of an earlier answer into a later one unless it is cleared first.
      c.res = undefined;
      c.res = disturbed(c, outcome);
    }
    record.status = outcome.kind === "cut" || outcome.kind === "hang" ? 0 : c.res.status;
  };
}

/** The check of the key that stands before everything but the open paths. */
export function checkApiKey(state: State): MiddlewareHandler<Env> {
  return async (c, next) => {
    const key = apiKey(c);
    if (!OPEN_PATHS.includes(c.req.path.slice(AUTH_BASE.length))) {
      refuseKey(c, state, key);
    } else if (key === state.secretKey) {
      refuseBrowser(c);
    }
    await next();
  };
}

function refuseKey(c: Ctx, state: State, key: string | undefined): void {
  if (key === undefined || key === "") {
    throw new GatewayError("No API key found in request", "No `apikey` request header or url param was found.");
  }
  if (key !== state.publishableKey && key !== state.secretKey) {
    throw new GatewayError("Invalid API key", "Double check your Supabase `anon` or `service_role` API key.");
  }
  if (key === state.secretKey) {
    refuseBrowser(c);
  }
  const bearer = /^bearer (sb_\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (bearer !== undefined && bearer !== key) {
    throw new GatewayError("Invalid API key", "A publishable or secret key as Bearer must equal the `apikey`.");
  }
}

function refuseBrowser(c: Ctx): void {
  if (/mozilla\//i.test(c.req.header("user-agent") ?? "")) {
    throw new GatewayError(
      "Forbidden use of secret API key in browser",
      "Secret API keys can only be used in a protected environment and should never be used in a browser.",
    );
  }
}

function disturbed(c: Ctx, outcome: Exclude<Outcome, { kind: "pass" }>): Response {
  switch (outcome.kind) {
    case "answer":
      return outcome.response;
    case "cut":
      cut(c, outcome.withBody);
      return RESPONSE_ALREADY_SENT;
    case "hang":
      return RESPONSE_ALREADY_SENT;
  }
}

/** Breaks the connection, before the answer or in the middle of its body. */
function cut(c: Ctx, withBody: boolean): void {
  const { incoming, outgoing } = c.env;
  if (!withBody) {
    incoming.socket.destroy();
    return;
  }
  outgoing.writeHead(200, { "Content-Type": "application/json", "Content-Length": "1000" });
  outgoing.write('{"access_token":"', () => incoming.socket.destroy());
}

function callRecord(c: Ctx, path: string, grant: string | undefined): CallRecord {
  return {
    at: Date.now(),
    endpoint: endpointName(path, grant),
    method: c.req.method,
    path,
    query: new URL(c.req.url).search,
    status: 0,
    headers: {
      apikey: c.req.header("apikey"),
      userAgent: c.req.header("user-agent"),
      sbForwardedFor: c.req.header("sb-forwarded-for"),
      clientInfo: c.req.header("x-client-info"),
      apiVersion: c.req.header("x-supabase-api-version"),
      authorization: c.req.header("authorization") !== undefined,
    },
  };
}
