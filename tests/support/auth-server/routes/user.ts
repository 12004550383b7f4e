import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { ApiError } from "../errors.ts";
import type { Env } from "../http.ts";
import type { State } from "../state.ts";
import { userObject } from "../tokens.ts";

export function userRoutes(app: Hono<Env>, state: State): void {
  app.get("/user", async (c) => {
    const { user, claims } = await requireBearer(c, state);
    const expected = c.req.header("x-jwt-aud") ?? "authenticated";
    if (claims.aud !== expected) {
      throw new ApiError(400, "validation_failed", "Token audience doesn't match request audience");
    }
    return c.json(userObject(user));
  });
}
