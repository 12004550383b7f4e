import { ApiError } from "./errors.ts";
import type { Ctx } from "./http.ts";
import type { State } from "./state.ts";
import type { Session, User } from "./store.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export interface Bearer {
  user: User;
  session: Session;
  claims: Record<string, unknown>;
}

/** The user and session of the access token, with the checks in Auth's order. */
export async function requireBearer(c: Ctx, state: State): Promise<Bearer> {
  const token = /^bearer (\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (token === undefined) {
    throw new ApiError(401, "no_authorization", "This endpoint requires a valid Bearer token");
  }
  const claims = await verify(state, token);
  const user = state.store.users.get(subject(claims));
  if (user === undefined) {
    throw new ApiError(403, "user_not_found", "User from sub claim in JWT does not exist");
  }
  const session = state.store.sessions.get(String(claims.session_id ?? ""));
  if (session === undefined || session.userId !== user.id) {
    throw new ApiError(403, "session_not_found", "Session from session_id claim in JWT does not exist");
  }
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(403, "user_banned", "User is banned");
  }
  return { user, session, claims };
}

async function verify(state: State, token: string): Promise<Record<string, unknown>> {
  try {
    return await state.keys.verify(token);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError(403, "bad_jwt", `invalid JWT: unable to parse or verify signature, ${reason}`);
  }
}

function subject({ sub }: Record<string, unknown>): string {
  if (typeof sub !== "string" || sub === "") {
    throw new ApiError(403, "bad_jwt", "invalid claim: missing sub claim");
  }
  if (!UUID.test(sub)) {
    throw new ApiError(400, "bad_jwt", "invalid claim: sub claim must be a UUID");
  }
  return sub;
}
