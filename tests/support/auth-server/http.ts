import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { isIP } from "node:net";
import { ApiError } from "./errors.ts";
import type { BucketName } from "./limits.ts";
import type { State } from "./state.ts";

const BODY_LIMIT_BYTES = 1 << 20;

export type Env = { Bindings: HttpBindings };
export type Ctx = Context<Env>;

export type JsonObject = Record<string, unknown>;

/** Reads a JSON object whatever its content type says. */
export async function readBody(c: Ctx): Promise<JsonObject> {
  if (Number(c.req.header("content-length") ?? 0) > BODY_LIMIT_BYTES) {
    throw tooLarge();
  }
  const text = await c.req.text();
  if (Buffer.byteLength(text) > BODY_LIMIT_BYTES) {
    throw tooLarge();
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiError(400, "bad_json", "Could not parse request body as JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ApiError(400, "bad_json", "Could not parse request body as JSON: expected an object");
  }
  return value as JsonObject;
}

/** A member that has to be a string if it is there; absent and null read as "". */
export function text(body: JsonObject, name: string): string {
  const value = body[name];
  if (value === undefined || value === null) {
    return "";
  }
  if (typeof value !== "string") {
    throw new ApiError(400, "bad_json", `Could not parse request body as JSON: ${name} is not a string`);
  }
  return value;
}

export function object(body: JsonObject, name: string): JsonObject {
  const value = body[name];
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** The address by which the caller is limited. */
export function clientIp(c: Ctx, state: State): string {
  const named = c.req.header("sb-forwarded-for")?.split(",")[0]?.trim() ?? "";
  const trusted = state.settings.sbForwardedFor && apiKey(c) === state.secretKey;
  if (trusted && isIP(named) !== 0) {
    return named;
  }
  return c.env.incoming.socket.remoteAddress ?? "unknown";
}

/** The address that sessions and challenges keep; unlike the limits it believes a proxy. */
export function requestIp(c: Ctx, state: State): string {
  const forwarded = c.req.header("x-forwarded-for")?.split(",")[0]?.trim() ?? "";
  const own = c.env.incoming.socket.remoteAddress ?? "unknown";
  const named = clientIp(c, state);
  return named === own && isIP(forwarded) !== 0 ? forwarded : named;
}

export function apiKey(c: Ctx): string | undefined {
  return c.req.header("apikey") ?? c.req.query("apikey");
}

/** Takes from the caller's bucket before anything of the request is looked at. */
export function limit(c: Ctx, state: State, name: BucketName): void {
  const limits = state.settings.rateLimits;
  if (limits !== null && !state.limiter.take(name, clientIp(c, state), limits[name])) {
    throw new ApiError(429, "over_request_rate_limit", "Request rate limit reached");
  }
}

function tooLarge(): ApiError {
  return new ApiError(413, "request_entity_too_large", "Request body exceeds the limit of 1 MiB");
}
