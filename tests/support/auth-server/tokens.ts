import { randomUUID } from "node:crypto";
import { iso } from "./clock.ts";
import { issueRefreshToken } from "./refresh.ts";
import type { State } from "./state.ts";
import type { Amr, Factor, Session, User } from "./store.ts";

export interface TokenResponse {
  access_token: string;
  token_type: "bearer";
  expires_in: number;
  expires_at: number;
  refresh_token: string;
  user: Record<string, unknown>;
  provider_token?: string;
  provider_refresh_token?: string;
  weak_password?: null;
}

export interface Caller {
  ip: string;
  userAgent: string;
}

/** Times of an access token in Unix seconds. */
export interface Lifetime {
  iat: number;
  exp: number;
}

export interface SignedIn {
  sessionId: string;
  response: TokenResponse;
}

/** Opens a session and answers as every sign-in does. */
export function signIn(state: State, user: User, amr: Omit<Amr, "timestamp">, caller: Caller): SignedIn {
  const session = openSession(state, user, { amr: [{ ...amr, timestamp: state.clock.now() }], caller });
  const response = tokenResponse(state, user, session, issueRefreshToken(state, session));
  return { sessionId: session.id, response };
}

export function openSession(
  state: State,
  user: User,
  spec: { amr: Amr[]; aal?: "aal1" | "aal2"; caller: Caller; createdAtMs?: number; client?: Session["client"] },
): Session {
  const nowMs = spec.createdAtMs ?? state.clock.nowMs();
  const session: Session = {
    id: randomUUID(),
    userId: user.id,
    aal: spec.aal ?? "aal1",
    amr: spec.amr,
    createdAtMs: nowMs,
    refreshedAtMs: null,
    userAgent: spec.caller.userAgent,
    ip: spec.caller.ip,
    tokens: [],
    hmacKey: null,
    counter: 0,
    client: spec.client ?? null,
  };
  state.store.insertSession(session);
  user.lastSignInAt = iso(nowMs);
  return session;
}

export function tokenResponse(
  state: State,
  user: User,
  session: Session,
  refreshToken: string,
  lifetime: Lifetime = freshLifetime(state),
): TokenResponse {
  return {
    access_token: state.keys.sign(accessClaims(state, user, session, lifetime)),
    token_type: "bearer",
    expires_in: lifetime.exp - lifetime.iat,
    expires_at: lifetime.exp,
    refresh_token: refreshToken,
    user: userObject(user),
  };
}

export function freshLifetime(state: State): Lifetime {
  const iat = state.clock.now();
  return { iat: iat - state.settings.tokenAge, exp: iat + state.settings.jwtExp };
}

export function accessClaims(
  state: State,
  user: User,
  session: Session,
  lifetime: Lifetime,
): Record<string, unknown> {
  const { issuer } = state.settings;
  return {
    ...(issuer === "" ? {} : { iss: issuer }),
    sub: user.id,
    aud: user.aud,
    exp: lifetime.exp,
    iat: lifetime.iat,
    email: user.email,
    phone: user.phone,
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    role: user.role,
    aal: session.aal,
    amr: session.amr,
    session_id: session.id,
    is_anonymous: user.isAnonymous,
    ...session.client,
  };
}

/** The user as Auth shows it: members without a value are left out. */
export function userObject(user: User): Record<string, unknown> {
  const members: Record<string, unknown> = {
    id: user.id,
    aud: user.aud,
    role: user.role,
    email: user.email,
    email_confirmed_at: user.emailConfirmedAt,
    invited_at: user.invitedAt,
    phone: user.phone,
    phone_confirmed_at: user.phoneConfirmedAt,
    confirmation_sent_at: user.confirmationSentAt,
    confirmed_at: [user.emailConfirmedAt, user.phoneConfirmedAt].filter((at) => at !== null).sort()[0] ?? null,
    recovery_sent_at: user.recoverySentAt,
    new_email: user.newEmail === "" ? null : user.newEmail,
    email_change_sent_at: user.emailChangeSentAt,
    new_phone: user.newPhone === "" ? null : user.newPhone,
    phone_change_sent_at: user.phoneChangeSentAt,
    reauthentication_sent_at: user.reauthenticationSentAt,
    last_sign_in_at: user.lastSignInAt,
    app_metadata: user.appMetadata,
    user_metadata: user.userMetadata,
    factors: user.factors.length === 0 ? null : user.factors.map(factorObject),
    identities: user.identities,
    created_at: user.createdAt,
    updated_at: user.updatedAt,
    banned_until: user.bannedUntilMs === null ? null : iso(user.bannedUntilMs),
    is_anonymous: user.isAnonymous,
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

function factorObject(factor: Factor): Record<string, unknown> {
  return {
    id: factor.id,
    created_at: factor.createdAt,
    updated_at: factor.updatedAt,
    status: factor.status,
    ...(factor.friendlyName === "" ? {} : { friendly_name: factor.friendlyName }),
    factor_type: factor.type,
    phone: factor.phone === "" ? null : factor.phone,
    last_challenged_at: factor.lastChallengedAt,
  };
}
