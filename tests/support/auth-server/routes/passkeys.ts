import {
  type AuthenticationResponseJSON,
  generateAuthenticationOptions,
  generateRegistrationOptions,
  type RegistrationResponseJSON,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from "@simplewebauthn/server";
import { randomUUID } from "node:crypto";
import type { Hono } from "hono";
import { requireBearer } from "../bearer.ts";
import { iso } from "../clock.ts";
import { ApiError } from "../errors.ts";
import { hasVerifiedFactor } from "../factors.ts";
import { type Ctx, type Env, type JsonObject, limit, readBody, text } from "../http.ts";
import type { State } from "../state.ts";
import type { Passkey, PasskeyChallenge, User } from "../store.ts";
import { signIn } from "../tokens.ts";
import { caller, signedIn } from "./token.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LONGEST_NAME = 120;

/** Passkeys: registered by a member, used by anybody to sign in. */
export function passkeyRoutes(app: Hono<Env>, state: State): void {
  app.post("/passkeys/authentication/options", async (c) => {
    requireEnabled(state);
    limit(c, state, "passkey");
    const options = await generateAuthenticationOptions({
      rpID: state.settings.passkeyRpId,
      timeout: state.settings.passkeyChallengeExp * 1000,
      userVerification: "preferred",
    });
    const { challenge, timeout, rpId, userVerification } = options;
    return c.json(keepChallenge(state, { challenge, timeout, rpId, userVerification }, null));
  });

  app.post("/passkeys/authentication/verify", async (c) => {
    requireEnabled(state);
    const answer = await readAnswer(c);
    return authenticate(c, state, redeem(state, answer.challengeId, null), answer.credential);
  });

  app.post("/passkeys/registration/options", async (c) => {
    const user = await requireManager(c, state);
    const options = await generateRegistrationOptions({
      rpID: state.settings.passkeyRpId,
      rpName: "Local",
      userName: user.email === "" ? user.phone : user.email,
      userID: new TextEncoder().encode(user.id),
      timeout: state.settings.passkeyChallengeExp * 1000,
      excludeCredentials: user.passkeys.map(({ credentialId }) => ({ id: credentialId })),
      authenticatorSelection: { residentKey: "required", requireResidentKey: true, userVerification: "preferred" },
    });
    return c.json(keepChallenge(state, options, user.id));
  });

  app.post("/passkeys/registration/verify", async (c) => {
    const user = await requireManager(c, state);
    const answer = await readAnswer(c);
    return c.json(summary(await register(state, user, redeem(state, answer.challengeId, user.id), answer.credential)));
  });

  app.get("/passkeys", async (c) => {
    requireEnabled(state);
    const { user } = await requireBearer(c, state);
    return c.json(user.passkeys.map(summary));
  });

  app.patch("/passkeys/:id", async (c) => {
    requireEnabled(state);
    const { user } = await requireBearer(c, state);
    const name = text(await readBody(c), "friendly_name");
    if (name === "" || name.length > LONGEST_NAME) {
      throw new ApiError(400, "validation_failed", name === "" ? "friendly_name is required" : "friendly_name must be 120 characters or less");
    }
    const passkey = ownPasskey(user, c.req.param("id"));
    passkey.friendlyName = name;
    return c.json(summary(passkey));
  });

  app.delete("/passkeys/:id", async (c) => {
    const user = await requireManager(c, state);
    const passkey = ownPasskey(user, c.req.param("id"));
    user.passkeys = user.passkeys.filter(({ id }) => id !== passkey.id);
    return c.body(null, 204);
  });
}

function requireEnabled({ settings }: State): void {
  if (!settings.passkeys) {
    throw new ApiError(404, "passkey_disabled", "Passkeys are disabled");
  }
}

async function requireManager(c: Ctx, state: State): Promise<User> {
  requireEnabled(state);
  const { user, session, claims } = await requireBearer(c, state);
  if (claims.is_anonymous === true) {
    throw new ApiError(403, "no_authorization", "Anonymous user not allowed to perform these actions");
  }
  if (hasVerifiedFactor(user) && session.aal !== "aal2") {
    throw new ApiError(403, "insufficient_aal", "AAL2 session is required to manage passkeys when MFA is enabled.");
  }
  return user;
}

function keepChallenge(state: State, options: { challenge: string }, userId: string | null): object {
  const challengeId = randomUUID();
  const expiresAtMs = state.clock.nowMs() + state.settings.passkeyChallengeExp * 1000;
  state.store.passkeyChallenges.set(challengeId, { challenge: options.challenge, userId, expiresAtMs });
  return { challenge_id: challengeId, options, expires_at: Math.floor(expiresAtMs / 1000) };
}

async function readAnswer(c: Ctx): Promise<{ challengeId: string; credential: JsonObject }> {
  const body = await readBody(c);
  const challengeId = text(body, "challenge_id");
  if (challengeId === "") {
    throw new ApiError(400, "validation_failed", "challenge_id is required");
  }
  if (body.credential === undefined) {
    throw new ApiError(400, "validation_failed", "credential is required");
  }
  if (!UUID.test(challengeId)) {
    throw new ApiError(400, "validation_failed", "challenge_id must be a valid UUID");
  }
  return { challengeId, credential: body.credential as JsonObject };
}

/** A challenge is used up by the first answer, right or wrong. */
function redeem(state: State, id: string, userId: string | null): PasskeyChallenge {
  const challenge = state.store.passkeyChallenges.get(id);
  if (challenge === undefined || challenge.userId !== userId) {
    throw new ApiError(400, "webauthn_challenge_not_found", "Challenge not found or already used");
  }
  state.store.passkeyChallenges.delete(id);
  if (state.clock.nowMs() > challenge.expiresAtMs) {
    throw new ApiError(400, "webauthn_challenge_expired", "Challenge has expired");
  }
  return challenge;
}

async function authenticate(c: Ctx, state: State, asked: PasskeyChallenge, credential: JsonObject): Promise<Response> {
  const { user, passkey } = credentialOwner(state, credential);
  const { verified, authenticationInfo } = await verifyAuthenticationResponse({
    response: credential as unknown as AuthenticationResponseJSON,
    ...expectations(state, asked),
    credential: { id: passkey.credentialId, publicKey: passkey.publicKey, counter: passkey.counter },
  }).catch(() => ({ verified: false, authenticationInfo: { newCounter: 0 } }));
  if (!verified) {
    throw new ApiError(400, "webauthn_verification_failed", "Credential verification failed");
  }
  if (user.email !== "" && user.emailConfirmedAt === null) {
    throw new ApiError(403, "email_not_confirmed", "Email not confirmed");
  }
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(403, "user_banned", "User is banned");
  }
  passkey.counter = authenticationInfo.newCounter;
  passkey.lastUsedAt = iso(state.clock.nowMs());
  const { sessionId, response } = signIn(state, user, { method: "passkey" }, caller(c, state));
  return signedIn(c, response, sessionId);
}

function credentialOwner(state: State, credential: JsonObject): { user: User; passkey: Passkey } {
  const { id, response } = credential;
  if (typeof id !== "string" || typeof response !== "object" || response === null) {
    throw new ApiError(400, "webauthn_verification_failed", "Invalid credential response");
  }
  for (const user of state.store.users.values()) {
    const passkey = user.passkeys.find(({ credentialId }) => credentialId === id);
    if (passkey !== undefined) {
      return { user, passkey };
    }
  }
  throw new ApiError(400, "webauthn_verification_failed", "Credential verification failed");
}

async function register(state: State, user: User, asked: PasskeyChallenge, credential: JsonObject): Promise<Passkey> {
  const { verified, registrationInfo } = await verifyRegistrationResponse({
    response: credential as unknown as RegistrationResponseJSON,
    ...expectations(state, asked),
  }).catch(() => ({ verified: false, registrationInfo: undefined }));
  if (!verified || registrationInfo === undefined) {
    throw new ApiError(400, "webauthn_verification_failed", "Credential verification failed");
  }
  const { id, publicKey, counter } = registrationInfo.credential;
  if ([...state.store.users.values()].some(({ passkeys }) => passkeys.some(({ credentialId }) => credentialId === id))) {
    throw new ApiError(422, "webauthn_credential_exists", "This credential is already registered");
  }
  const createdAt = iso(state.clock.nowMs());
  const made: Passkey = { id: randomUUID(), friendlyName: "Passkey", credentialId: id, publicKey, counter, createdAt, lastUsedAt: null };
  user.passkeys.push(made);
  return made;
}

function expectations({ settings }: State, { challenge }: PasskeyChallenge) {
  return {
    expectedChallenge: challenge,
    expectedOrigin: settings.passkeyOrigins,
    expectedRPID: settings.passkeyRpId,
    requireUserVerification: false,
  };
}

function ownPasskey(user: User, id: string): Passkey {
  const passkey = user.passkeys.find((candidate) => candidate.id === id);
  if (passkey === undefined) {
    throw new ApiError(404, "validation_failed", "Passkey not found");
  }
  return passkey;
}

function summary({ id, friendlyName, createdAt, lastUsedAt }: Passkey): object {
  const used = lastUsedAt === null ? {} : { last_used_at: lastUsedAt };
  return { id, friendly_name: friendlyName, created_at: createdAt, ...used };
}
