import { randomUUID } from "node:crypto";
import { enroll, totpOf } from "./factors.ts";
import type { Mail } from "./inbox.ts";
import { type Algorithm, createKey, type SigningKey, signJwt } from "./keys.ts";
import { type RateLimits, rateLimits } from "./limits.ts";
import { sendInvite } from "./mailer.ts";
import { parsePhone } from "./phones.ts";
import { issueRefreshToken, swapRefreshToken } from "./refresh.ts";
import type { RateLimitsInput, Settings } from "./settings.ts";
import type { State } from "./state.ts";
import type { Amr, Metadata, Session, User } from "./store.ts";
import { accessClaims, freshLifetime, type Lifetime, openSession, tokenResponse, type TokenResponse, userObject } from "./tokens.ts";

export interface UserSpec {
  email?: string;
  /** With `phone` alone the user has no address. */
  phone?: string;
  password?: string;
  app_metadata?: Metadata;
  user_metadata?: Metadata;
  role?: string;
  /** Default true. */
  confirmed?: boolean;
  /** Seconds from now until which the user is banned. */
  bannedFor?: number;
}

export interface SessionSpec extends UserSpec {
  aal?: "aal1" | "aal2";
  amr?: Amr[];
  /** The app to which Auth's OAuth server gave the session. */
  client?: { client_id: string; scope: string };
  /** How long ago the access token was issued. */
  ageSeconds?: number;
  /** Seconds until the access token expires; negative for one that has expired. */
  expiresIn?: number;
}

export interface SignSpec {
  /** Over the claims of a real access token. */
  claims?: Record<string, unknown>;
  /** Names of claims to leave out. */
  omit?: string[];
  /** Over `{alg, kid, typ}` of the key. */
  header?: Record<string, unknown>;
  /** Names of header members to leave out. */
  omitHeader?: string[];
  /** Algorithm of an unknown key. */
  alg?: Algorithm;
  /** `current` (default), `unknown` (a key that no key set lists) or the id of a key in any state. */
  key?: string;
  /** Whose session the claims describe; without it they describe nobody known. */
  email?: string;
}

export interface InviteSpec {
  email: string;
  data?: Metadata;
  /** Default the site. */
  redirectTo?: string;
}

export interface FactorSpec {
  email: string;
  /** With a number the factor is a phone, else TOTP. */
  phone?: string;
  friendlyName?: string;
  /** Default true. */
  verified?: boolean;
}

export type ConfigPatch = Partial<Omit<Settings, "rateLimits">> & { rateLimits?: RateLimitsInput };

const CONTROL_CALLER = { ip: "127.0.0.1", userAgent: "control" };

/** Everything that a test may do beside the wire; the control endpoints call the same functions. */
export function createControls(state: State) {
  return {
    clock: state.clock,
    faults: state.faults,
    calls: state.calls,
    keys: state.keys,
    inbox: state.inbox,
    messages: state.messages,
    invite: (spec: InviteSpec) => invite(state, spec),
    factor: (spec: FactorSpec) => factor(state, spec),
    totp: (secret: string) => totpOf({ secret }, "", "").generate({ timestamp: state.clock.nowMs() }),
    createUser: (spec: UserSpec) => userObject(insertUser(state, spec)),
    createSession: (spec: SessionSpec = {}) => createSession(state, spec),
    deleteSession: (id: string) => state.store.deleteSession(id),
    verifyFactor: (id: string) => verifyFactor(state, id),
    deleteUser: (id: string) => state.store.deleteUser(id),
    sessions: () => [...state.store.sessions.values()].map(sessionSummary),
    sign: (spec: SignSpec = {}) => sign(state, spec),
    config: (patch: ConfigPatch = {}) => config(state, patch),
    reset: () => reset(state),
  };
}

export type Controls = ReturnType<typeof createControls>;

function insertUser(state: State, spec: UserSpec): User {
  const phone = spec.phone === undefined ? "" : parsePhone(spec.phone);
  const email = spec.email ?? (phone === "" ? `user-${randomUUID().slice(0, 8)}@example.com` : "");
  if (state.store.userByEmail(email) !== undefined) {
    throw new Error(`a user with the address ${email} exists`);
  }
  if (state.store.userByPhone(phone) !== undefined) {
    throw new Error(`a user with the number ${phone} exists`);
  }
  const user = state.store.insertUser(
    {
      email,
      phone,
      confirmed: spec.confirmed ?? true,
      phoneConfirmed: phone !== "" && (spec.confirmed ?? true),
      ...(spec.password === undefined ? {} : { password: spec.password }),
      ...(spec.role === undefined ? {} : { role: spec.role }),
      appMetadata: spec.app_metadata ?? {},
      userMetadata: spec.user_metadata ?? {},
    },
    state.clock.nowMs(),
  );
  ban(state, user, spec);
  return user;
}

function ban(state: State, user: User, { bannedFor }: UserSpec): void {
  if (bannedFor !== undefined) {
    user.bannedUntilMs = state.clock.nowMs() + bannedFor * 1000;
  }
}

/** Signs in the user of that address, who is created when unknown and changed when known. */
function createSession(state: State, spec: SessionSpec): TokenResponse & { session_id: string } {
  const known = state.store.userByEmail(spec.email ?? "") ?? state.store.userByPhone(spec.phone ?? "");
  const user = known ?? insertUser(state, spec);
  if (known !== undefined) {
    ban(state, known, spec);
    known.role = spec.role ?? known.role;
    Object.assign(known.appMetadata, spec.app_metadata);
    Object.assign(known.userMetadata, spec.user_metadata);
  }
  const lifetime = lifetimeOf(state, spec);
  const session = openSession(state, user, {
    amr: spec.amr ?? [{ method: "password", timestamp: lifetime.iat }],
    aal: spec.aal ?? "aal1",
    caller: CONTROL_CALLER,
    ...(spec.client === undefined ? {} : { client: spec.client }),
    createdAtMs: lifetime.iat * 1000,
  });
  const response = tokenResponse(state, user, session, issueRefreshToken(state, session), lifetime);
  return { ...response, session_id: session.id };
}

/** Raises a session to `aal2`, as the page does that verifies a second factor at Auth itself. */
function verifyFactor(state: State, sessionId: string): TokenResponse {
  const session = state.store.sessions.get(sessionId);
  const user = state.store.users.get(session?.userId ?? "");
  if (session === undefined || user === undefined) {
    throw new Error(`there is no session ${sessionId}`);
  }
  session.aal = "aal2";
  session.amr = [{ method: "totp", timestamp: state.clock.now() }, ...session.amr];
  return tokenResponse(state, user, session, swapRefreshToken(state, session));
}

function lifetimeOf(state: State, { ageSeconds, expiresIn }: SessionSpec): Lifetime {
  const now = state.clock.now();
  const { jwtExp } = state.settings;
  if (expiresIn === undefined) {
    const iat = now - (ageSeconds ?? 0);
    return { iat, exp: iat + jwtExp };
  }
  const exp = now + expiresIn;
  return { iat: ageSeconds === undefined ? Math.min(now, exp - jwtExp) : now - ageSeconds, exp };
}

/** Invites an unknown address, as an administrator does. */
function invite(state: State, { email, data, redirectTo }: InviteSpec): Mail {
  if (state.store.userByEmail(email) !== undefined) {
    throw new Error(`a user with the address ${email} exists`);
  }
  const user = state.store.insertUser({ email, userMetadata: data ?? {} }, state.clock.nowMs());
  sendInvite(state, user, redirectTo ?? state.settings.siteUrl);
  return state.inbox.latest(email)!;
}

/** A factor that the user has enrolled and verified; `secret` is what an authenticator app would keep. */
function factor(state: State, spec: FactorSpec): { id: string; secret: string } {
  const user = state.store.userByEmail(spec.email);
  if (user === undefined) {
    throw new Error(`no user has the address ${spec.email}`);
  }
  const type = spec.phone === undefined ? "totp" : "phone";
  const phone = spec.phone === undefined ? "" : parsePhone(spec.phone);
  const made = enroll(state, user, { type, phone, friendlyName: spec.friendlyName ?? type, aal: "aal2" });
  made.status = spec.verified === false ? "unverified" : "verified";
  return { id: made.id, secret: made.secret };
}

async function sign(state: State, spec: SignSpec): Promise<string> {
  const key = await signingKey(state, spec);
  const kid = key.kid === null ? {} : { kid: key.kid };
  const header = without({ alg: key.alg, ...kid, typ: "JWT", ...spec.header }, spec.omitHeader);
  const claims = without({ ...baseClaims(state, spec.email), ...spec.claims }, spec.omit);
  return signJwt(key, header, claims);
}

async function signingKey(state: State, { key, alg }: SignSpec): Promise<SigningKey> {
  if (key === undefined || key === "current") {
    return state.keys.current;
  }
  return key === "unknown" ? createKey(alg ?? state.keys.current.alg) : state.keys.find(key);
}

function baseClaims(state: State, email: string | undefined): Record<string, unknown> {
  const user = email === undefined ? undefined : state.store.userByEmail(email);
  const session = user === undefined ? undefined : state.store.sessionsOf(user.id).at(-1);
  if (user !== undefined && session !== undefined) {
    return accessClaims(state, user, session, freshLifetime(state));
  }
  const lifetime = freshLifetime(state);
  return {
    iss: state.settings.issuer,
    sub: randomUUID(),
    aud: "authenticated",
    exp: lifetime.exp,
    iat: lifetime.iat,
    email: "nobody@example.com",
    phone: "",
    app_metadata: { provider: "email", providers: ["email"] },
    user_metadata: {},
    role: "authenticated",
    aal: "aal1",
    amr: [{ method: "password", timestamp: lifetime.iat }],
    session_id: randomUUID(),
    is_anonymous: false,
  };
}

function without(members: Record<string, unknown>, names: string[] = []): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)));
}

function config(state: State, patch: ConfigPatch): Settings {
  const { rateLimits: limits, ...rest } = patch;
  for (const name of Object.keys(rest)) {
    if (!(name in state.settings)) {
      throw new Error(`there is no setting named ${name}`);
    }
  }
  Object.assign(state.settings, rest);
  if (limits !== undefined) {
    state.settings.rateLimits = rateLimits(limits) satisfies RateLimits | null;
    state.limiter.clear();
  }
  return { ...state.settings };
}

function reset(state: State): void {
  state.clock.set(0);
  state.keys.reset();
  state.store.clear();
  state.inbox.clear();
  state.messages.clear();
  state.limiter.clear();
  state.faults.clear();
  state.calls.clear();
  state.settings = { ...state.initial };
}

function sessionSummary(session: Session) {
  const { id, userId, aal, amr, createdAtMs, refreshedAtMs, userAgent, ip, counter } = session;
  return { id, userId, aal, amr, createdAtMs, refreshedAtMs, userAgent, ip, counter, version: session.hmacKey === null ? 1 : 2 };
}
