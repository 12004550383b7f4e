import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { ApiError } from "../errors.ts";
import type { Env } from "../http.ts";
import type { State } from "../state.ts";

const SCOPES = ["global", "local", "others"];

export function sessionRoutes(app: Hono<Env>, state: State): void {
  app.post("/logout", async (c) => {
    const scope = c.req.query("scope") ?? "global";
    const { user, session } = await requireBearer(c, state);
    if (!SCOPES.includes(scope)) {
      throw new ApiError(400, "validation_failed", `Unsupported logout scope "${scope}"`);
    }
    for (const other of state.store.sessionsOf(user.id)) {
      if (scope === "global" || (scope === "local") === (other.id === session.id)) {
        state.store.deleteSession(other.id);
      }
    }
    return c.body(null, 204);
  });
}
