import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { type Ctx, type Env, type JsonObject, limit, object, readBody, text } from "../http.ts";
import { sendEmailChange } from "../mailer.ts";
import type { State } from "../state.ts";
import { hashPassword, passwordMatches, type Session, type User } from "../store.ts";
import { userObject } from "../tokens.ts";
import { checkEmail, checkPassword, wayBack } from "./signup.ts";

export function userRoutes(app: Hono<Env>, state: State): void {
  app.get("/user", async (c) => {
    const { user, claims } = await requireBearer(c, state);
    const expected = c.req.header("x-jwt-aud") ?? "authenticated";
    if (claims.aud !== expected) {
      throw new ApiError(400, "validation_failed", "Token audience doesn't match request audience");
    }
    return c.json(userObject(user));
  });

  app.put("/user", async (c) => {
    limit(c, state, "user");
    const { user, session } = await requireBearer(c, state);
    const body = await readBody(c);
    // Everything is checked before anything is changed, as in one transaction.
    const password = newPassword(state, user, text(body, "password"));
    const email = newEmail(state, user, text(body, "email"));
    if (email !== null) {
      changeEmail(c, state, user, email, body);
    }
    if (password !== null) {
      user.passwordHash = hashPassword(password);
      endOtherSessions(state, user, session);
    }
    mergeMetadata(user, object(body, "data"));
    user.updatedAt = iso(state.clock.nowMs());
    return c.json(userObject(user));
  });
}

function newPassword(state: State, user: User, password: string): string | null {
  if (password === "") {
    return null;
  }
  checkPassword(state, password);
  if (passwordMatches(user, password)) {
    throw new ApiError(422, "same_password", "New password should be different from the old password.");
  }
  return password;
}

function newEmail(state: State, user: User, email: string): string | null {
  if (email === "" || email.toLowerCase() === user.email) {
    return null;
  }
  checkEmail(email);
  if (state.store.userByEmail(email) !== undefined) {
    throw new ApiError(422, "email_exists", "A user with this email address has already been registered");
  }
  return email.toLowerCase();
}

function changeEmail(c: Ctx, state: State, user: User, email: string, body: JsonObject): void {
  const back = wayBack(c, state, body);
  if (state.settings.autoconfirm) {
    state.store.changeEmail(user, email);
    user.isAnonymous = false;
    user.emailConfirmedAt ??= iso(state.clock.nowMs());
    return;
  }
  user.newEmail = email;
  sendEmailChange(state, user, back);
}

function endOtherSessions(state: State, user: User, kept: Session): void {
  for (const other of state.store.sessionsOf(user.id).filter(({ id }) => id !== kept.id)) {
    state.store.deleteSession(other.id);
  }
}

/** null takes a member away. */
function mergeMetadata(user: User, data: JsonObject): void {
  const merged = Object.entries({ ...user.userMetadata, ...data });
  user.userMetadata = Object.fromEntries(merged.filter(([, value]) => value !== null));
}
