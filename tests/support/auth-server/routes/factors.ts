import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { ApiError } from "../errors.ts";
import { challenge, enroll, ownFactor, totpOf, verifyFactor } from "../factors.ts";
import { type Ctx, type Env, limit, readBody, requestIp, text } from "../http.ts";
import { parseChannel, parsePhone } from "../phones.ts";
import { swapRefreshToken } from "../refresh.ts";
import type { State } from "../state.ts";
import type { Factor, Session, User } from "../store.ts";
import { tokenResponse } from "../tokens.ts";
import { signedIn } from "./token.ts";

const AMR_METHODS: Record<Factor["type"], string> = { totp: "totp", phone: "mfa/phone" };

/** Second factors: TOTP and phone. */
export function factorRoutes(app: Hono<Env>, state: State): void {
  app.post("/factors", async (c) => {
    const { user, session } = await requireMember(c, state);
    const body = await readBody(c);
    const type = factorType(state, text(body, "factor_type"), "enroll");
    const given = text(body, "phone");
    if (type === "phone" && given === "") {
      throw new ApiError(400, "validation_failed", "Phone number required to enroll Phone factor");
    }
    const phone = type === "phone" ? parsePhone(given) : "";
    const factor = enroll(state, user, { type, phone, friendlyName: text(body, "friendly_name"), aal: session.aal });
    return c.json(enrolled(state, user, factor, { issuer: text(body, "issuer"), phone: given }));
  });

  app.post("/factors/:id/challenge", async (c) => {
    const { user } = await requireMember(c, state);
    const factor = ownFactor(user, c.req.param("id"));
    limit(c, state, "factorChallenge");
    factorType(state, factor.type, "verify");
    const body = factor.type === "phone" ? await readBody(c) : {};
    const made = challenge(state, factor, { ip: requestIp(c, state), channel: parseChannel(state, text(body, "channel")) });
    const expiresAt = Math.floor(made.createdAtMs / 1000) + state.settings.mfaChallengeExp;
    return c.json({ id: made.id, type: factor.type, expires_at: expiresAt });
  });

  app.post("/factors/:id/verify", async (c) => {
    const { user, session } = await requireMember(c, state);
    const factor = ownFactor(user, c.req.param("id"));
    limit(c, state, "factorVerify");
    const body = await readBody(c);
    const [challengeId, code] = [text(body, "challenge_id"), text(body, "code")];
    if (code === "") {
      throw new ApiError(400, "validation_failed", "Code needs to be non-empty");
    }
    factorType(state, factor.type, "verify");
    verifyFactor(state, factor, { challengeId, code, ip: requestIp(c, state) });
    return stepUp(c, state, { user, session, factor });
  });

  app.delete("/factors/:id", async (c) => {
    const { user, session } = await requireMember(c, state);
    const factor = ownFactor(user, c.req.param("id"));
    if (factor.status === "verified" && session.aal !== "aal2") {
      throw new ApiError(422, "insufficient_aal", "AAL2 required to unenroll verified factor");
    }
    user.factors = user.factors.filter(({ id }) => id !== factor.id);
    stepDown(state, user, factor);
    return c.json({ id: factor.id });
  });
}

/** Sessions that the factor raised go back to what they were signed in with. */
function stepDown(state: State, user: User, factor: Factor): void {
  for (const session of state.store.sessionsOf(user.id)) {
    if (session.amr.some(({ method }) => method === AMR_METHODS[factor.type])) {
      session.amr = session.amr.filter(({ method }) => method !== AMR_METHODS[factor.type]);
      session.aal = "aal1";
    }
  }
}

async function requireMember(c: Ctx, state: State): Promise<{ user: User; session: Session }> {
  const { user, session, claims } = await requireBearer(c, state);
  if (claims.is_anonymous === true) {
    throw new ApiError(403, "no_authorization", "Anonymous user not allowed to perform these actions");
  }
  return { user, session };
}

function factorType({ settings }: State, type: string, what: "enroll" | "verify"): Factor["type"] {
  if (type !== "totp" && type !== "phone") {
    throw new ApiError(400, "validation_failed", "factor_type needs to be totp, phone, or webauthn");
  }
  const on = type === "totp" ? settings.mfaTotp : settings.mfaPhone;
  if (!on) {
    const name = type === "totp" ? "TOTP" : "Phone";
    const doing = what === "enroll" ? "enroll" : "verification";
    throw new ApiError(422, `mfa_${type}_${what}_not_enabled`, `MFA ${doing} is disabled for ${name}`);
  }
  return type;
}

function enrolled(state: State, user: User, factor: Factor, given: { issuer: string; phone: string }): object {
  const members = { id: factor.id, type: factor.type, friendly_name: factor.friendlyName };
  if (factor.type === "phone") {
    return { ...members, phone: given.phone };
  }
  const issuer = given.issuer === "" ? new URL(state.settings.siteUrl).host : given.issuer;
  const uri = totpOf(factor, issuer, user.email).toString();
  // A picture of the code is of no use to a test; the members are Auth's.
  const qr_code = `<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="100" height="100"></svg>`;
  return { ...members, totp: { qr_code, secret: factor.secret, uri } };
}

/** The session gains the factor's level and a new refresh token; the user's sessions of a lower level end. */
function stepUp(c: Ctx, state: State, { user, session, factor }: { user: User; session: Session; factor: Factor }): Response {
  const method = AMR_METHODS[factor.type];
  const timestamp = state.clock.now();
  session.amr = [{ method, timestamp }, ...session.amr.filter((entry) => entry.method !== method)];
  session.aal = "aal2";
  user.factors = user.factors.filter(({ id, type, status }) => id === factor.id || type !== factor.type || status === "verified");
  for (const other of state.store.sessionsOf(user.id).filter(({ aal }) => aal === "aal1")) {
    state.store.deleteSession(other.id);
  }
  return signedIn(c, tokenResponse(state, user, session, swapRefreshToken(state, session)), session.id);
}
