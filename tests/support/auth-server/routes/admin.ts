import type { Hono } from "hono";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { apiKey, type Ctx, type Env, object, readBody, text } from "../http.ts";
import { sendConfirmation, sendInvite, sendRecovery } from "../mailer.ts";
import { parsePhone } from "../phones.ts";
import { redirectTarget } from "../redirects.ts";
import type { State } from "../state.ts";
import type { User } from "../store.ts";
import { userObject } from "../tokens.ts";
import { checkEmail } from "./signup.ts";

/** The few calls of an administrator without which a test of any Auth cannot begin. */
export function adminRoutes(app: Hono<Env>, state: State): void {
  app.post("/admin/users", async (c) => {
    requireSecret(c, state);
    const body = await readBody(c);
    const phone = text(body, "phone") === "" ? "" : parsePhone(text(body, "phone"));
    const email = text(body, "email");
    if (state.store.userByEmail(email) !== undefined || state.store.userByPhone(phone) !== undefined) {
      throw new ApiError(422, email === "" ? "phone_exists" : "email_exists", "A user with this email address has already been registered");
    }
    const password = text(body, "password");
    const user = state.store.insertUser(
      {
        email,
        phone,
        ...(password === "" ? {} : { password }),
        confirmed: body.email_confirm === true,
        phoneConfirmed: body.phone_confirm === true,
        userMetadata: object(body, "user_metadata"),
        appMetadata: object(body, "app_metadata"),
      },
      state.clock.nowMs(),
    );
    return c.json(userObject(user));
  });

  app.get("/admin/users", (c) => {
    requireSecret(c, state);
    return c.json({ users: [...state.store.users.values()].map(userObject), aud: "authenticated" });
  });

  app.put("/admin/users/:id", async (c) => {
    requireSecret(c, state);
    const user = requireUser(state, c.req.param("id"));
    user.bannedUntilMs = bannedUntil(state, text(await readBody(c), "ban_duration"), user);
    user.updatedAt = iso(state.clock.nowMs());
    return c.json(userObject(user));
  });

  app.delete("/admin/users/:id", (c) => {
    requireSecret(c, state);
    state.store.deleteUser(requireUser(state, c.req.param("id")).id);
    return c.json({});
  });

  app.post("/invite", async (c) => {
    requireSecret(c, state);
    const body = await readBody(c);
    const email = text(body, "email");
    checkEmail(email);
    if (state.store.userByEmail(email) !== undefined) {
      throw new ApiError(422, "email_exists", "A user with this email address has already been registered");
    }
    const user = state.store.insertUser({ email, userMetadata: object(body, "data") }, state.clock.nowMs());
    sendInvite(state, user, redirectTarget(c, state.settings));
    return c.json(userObject(user));
  });

  app.post("/admin/generate_link", async (c) => {
    requireSecret(c, state);
    const body = await readBody(c);
    return c.json(generateLink(c, state, { type: text(body, "type"), email: text(body, "email") }));
  });
}

function requireSecret(c: Ctx, state: State): void {
  const bearer = /^bearer (\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (apiKey(c) !== state.secretKey || (bearer !== undefined && bearer !== state.secretKey)) {
    throw new ApiError(403, "not_admin", "User not allowed");
  }
}

function requireUser(state: State, id: string): User {
  const user = state.store.users.get(id);
  if (user === undefined) {
    throw new ApiError(404, "user_not_found", "User not found");
  }
  return user;
}

/** `none`, or hours such as `24h`. */
function bannedUntil(state: State, duration: string, user: User): number | null {
  if (duration === "") {
    return user.bannedUntilMs;
  }
  const hours = /^(\d+)h$/.exec(duration)?.[1];
  if (hours === undefined && duration !== "none") {
    throw new ApiError(400, "validation_failed", `invalid format for ban duration: ${duration}`);
  }
  return hours === undefined ? null : state.clock.nowMs() + Number(hours) * 3_600_000;
}

/** Makes the token of a mail without sending it; an invited or signed-up user is made as well. */
function generateLink(c: Ctx, state: State, { type, email }: { type: string; email: string }): object {
  checkEmail(email);
  const known = state.store.userByEmail(email);
  const redirectTo = redirectTarget(c, state.settings);
  const back = { redirectTo, challenge: null };
  const user = known ?? (type === "recovery" ? undefined : state.store.insertUser({ email }, state.clock.nowMs()));
  if (user === undefined) {
    throw new ApiError(404, "user_not_found", "User with this email not found");
  }
  const before = state.inbox.list();
  switch (type) {
    case "signup":
      sendConfirmation(state, user, back);
      break;
    case "invite":
      sendInvite(state, user, redirectTo);
      break;
    case "magiclink":
    case "recovery":
      sendRecovery(state, user, type, back);
      break;
    default:
      throw new ApiError(400, "validation_failed", `Invalid email action link type requested: ${type}`);
  }
  const mail = state.inbox.latest(email)!;
  state.inbox.restore(before);
  return {
    ...userObject(user),
    action_link: mail.link,
    email_otp: mail.token,
    hashed_token: mail.tokenHash,
    verification_type: type,
    redirect_to: redirectTo,
  };
}
