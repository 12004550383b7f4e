import { createHash, randomBytes, randomUUID } from "node:crypto";
import { iso } from "./clock.ts";

export type Metadata = Record<string, unknown>;

export interface Identity {
  identity_id: string;
  id: string;
  user_id: string;
  identity_data: Metadata;
  provider: string;
  last_sign_in_at: string;
  created_at: string;
  updated_at: string;
  email?: string;
}

export interface User {
  id: string;
  aud: string;
  role: string;
  email: string;
  phone: string;
  passwordHash: string | null;
  emailConfirmedAt: string | null;
  phoneConfirmedAt: string | null;
  newPhone: string;
  phoneChangeSentAt: string | null;
  reauthenticationSentAt: string | null;
  invitedAt: string | null;
  factors: Factor[];
  passkeys: Passkey[];
  confirmationSentAt: string | null;
  recoverySentAt: string | null;
  newEmail: string;
  emailChangeSentAt: string | null;
  /** Which of the two addresses of a change has confirmed. */
  emailChangeHalf: boolean;
  lastSignInAt: string | null;
  appMetadata: Metadata;
  userMetadata: Metadata;
  identities: Identity[];
  createdAt: string;
  updatedAt: string;
  bannedUntilMs: number | null;
  isAnonymous: boolean;
}

export interface Factor {
  id: string;
  type: "totp" | "phone";
  friendlyName: string;
  status: "verified" | "unverified";
  /** Base32 of a TOTP factor; empty for a phone. */
  secret: string;
  phone: string;
  createdAt: string;
  updatedAt: string;
  lastChallengedAt: string | null;
  challenges: Challenge[];
}

/** A challenge of a second factor, bound to the address that asked for it. */
export interface Challenge {
  id: string;
  ip: string;
  /** The code that went out; empty for TOTP. */
  code: string;
  createdAtMs: number;
  verified: boolean;
}

export interface Passkey {
  id: string;
  friendlyName: string;
  credentialId: string;
  publicKey: Uint8Array<ArrayBuffer>;
  counter: number;
  createdAt: string;
  lastUsedAt: string | null;
}

/** The challenge of a passkey: of a registration if it has a user, else of a sign-in. */
export interface PasskeyChallenge {
  challenge: string;
  userId: string | null;
  expiresAtMs: number;
}

export interface Amr {
  method: string;
  timestamp: number;
  provider?: string;
}

export interface Session {
  id: string;
  userId: string;
  aal: "aal1" | "aal2";
  amr: Amr[];
  createdAtMs: number;
  refreshedAtMs: number | null;
  userAgent: string;
  ip: string;
  /** v1: every token of the session, oldest first. */
  tokens: RefreshRow[];
  /** v2: null while the session has v1 tokens. */
  hmacKey: Buffer | null;
  counter: number;
  /** The app that holds the session, where Auth's OAuth server gave it out. */
  client: { client_id: string; scope: string } | null;
}

/** A v1 refresh token. */
export interface RefreshRow {
  token: string;
  sessionId: string;
  parent: string | null;
  revoked: boolean;
  revokedAtMs: number;
}

export type MailedKind =
  | "confirmation"
  | "recovery"
  | "email_change_current"
  | "email_change_new"
  | "phone_confirmation"
  | "phone_change"
  | "reauthentication";

/** A token that went out by mail or SMS. */
export interface MailedToken {
  hash: string;
  kind: MailedKind;
  userId: string;
  /** The address or number to which the code was sent. */
  to: string;
  createdAtMs: number;
  flowId: string | null;
}

/** The state between the start of a PKCE or OAuth flow and the exchange of its code. */
export interface Flow {
  id: string;
  authCode: string | null;
  challenge: string | null;
  challengeMethod: "s256" | "plain" | null;
  method: string;
  provider: string | null;
  redirectTo: string;
  userId: string | null;
  createdAtMs: number;
  codeIssuedAtMs: number | null;
  /** Set once the provider came back, because a `state` is single use. */
  returned: boolean;
  providerToken: string | null;
}

export interface NewUser {
  email?: string;
  phone?: string;
  password?: string;
  role?: string;
  confirmed?: boolean;
  phoneConfirmed?: boolean;
  isAnonymous?: boolean;
  provider?: string;
  appMetadata?: Metadata;
  userMetadata?: Metadata;
}

/** Users, sessions, tokens and flows, all in memory. */
export class Store {
  readonly users = new Map<string, User>();
  readonly sessions = new Map<string, Session>();
  readonly refreshRows = new Map<string, RefreshRow>();
  readonly mailedTokens = new Map<string, MailedToken>();
  readonly passkeyChallenges = new Map<string, PasskeyChallenge>();
  readonly flows = new Map<string, Flow>();
  readonly flowsByCode = new Map<string, Flow>();
  readonly #userIdByEmail = new Map<string, string>();
  readonly #userIdByPhone = new Map<string, string>();
  readonly #sessionIdsByUser = new Map<string, Set<string>>();

  userByEmail(email: string): User | undefined {
    const id = this.#userIdByEmail.get(email.toLowerCase());
    return id === undefined ? undefined : this.users.get(id);
  }

  /** Numbers are kept without `+`, as Auth keeps them. */
  userByPhone(phone: string): User | undefined {
    return this.users.get(this.#userIdByPhone.get(phone) ?? "");
  }

  insertUser(spec: NewUser, nowMs: number): User {
    const at = iso(nowMs);
    const email = (spec.email ?? "").toLowerCase();
    const provider = spec.provider ?? (email === "" ? "phone" : "email");
    const origin = spec.isAnonymous === true ? {} : { provider, providers: [provider] };
    const user: User = {
      id: randomUUID(),
      aud: "authenticated",
      role: spec.role ?? "authenticated",
      email,
      phone: spec.phone ?? "",
      passwordHash: spec.password === undefined ? null : hashPassword(spec.password),
      emailConfirmedAt: spec.confirmed === true && email !== "" ? at : null,
      phoneConfirmedAt: spec.phoneConfirmed === true ? at : null,
      newPhone: "",
      phoneChangeSentAt: null,
      reauthenticationSentAt: null,
      invitedAt: null,
      factors: [],
      passkeys: [],
      confirmationSentAt: null,
      recoverySentAt: null,
      newEmail: "",
      emailChangeSentAt: null,
      emailChangeHalf: false,
      lastSignInAt: null,
      appMetadata: { ...origin, ...spec.appMetadata },
      userMetadata: { ...spec.userMetadata },
      identities: [],
      createdAt: at,
      updatedAt: at,
      bannedUntilMs: null,
      isAnonymous: spec.isAnonymous === true,
    };
    this.users.set(user.id, user);
    if (email !== "") {
      this.#userIdByEmail.set(email, user.id);
    }
    if (user.phone !== "") {
      this.#userIdByPhone.set(user.phone, user.id);
    }
    if (!user.isAnonymous) {
      addIdentity(user, provider, nowMs);
    }
    return user;
  }

  changeEmail(user: User, email: string): void {
    this.#userIdByEmail.delete(user.email);
    user.email = email.toLowerCase();
    this.#userIdByEmail.set(user.email, user.id);
  }

  changePhone(user: User, phone: string): void {
    this.#userIdByPhone.delete(user.phone);
    user.phone = phone;
    this.#userIdByPhone.set(phone, user.id);
  }

  deleteUser(id: string): boolean {
    const user = this.users.get(id);
    if (user === undefined) {
      return false;
    }
    for (const session of this.sessionsOf(id)) {
      this.deleteSession(session.id);
    }
    this.#userIdByEmail.delete(user.email);
    this.#userIdByPhone.delete(user.phone);
    return this.users.delete(id);
  }

  insertSession(session: Session): void {
    this.sessions.set(session.id, session);
    const ids = this.#sessionIdsByUser.get(session.userId) ?? new Set();
    this.#sessionIdsByUser.set(session.userId, ids.add(session.id));
  }

  sessionsOf(userId: string): Session[] {
    const ids = [...(this.#sessionIdsByUser.get(userId) ?? [])];
    return ids.flatMap((id) => this.sessions.get(id) ?? []);
  }

  deleteSession(id: string): boolean {
    const session = this.sessions.get(id);
    if (session === undefined) {
      return false;
    }
    for (const row of session.tokens) {
      this.refreshRows.delete(row.token);
    }
    this.#sessionIdsByUser.get(session.userId)?.delete(id);
    return this.sessions.delete(id);
  }

  insertRefreshRow(session: Session, row: RefreshRow): void {
    session.tokens.push(row);
    this.refreshRows.set(row.token, row);
  }

  clear(): void {
    this.users.clear();
    this.sessions.clear();
    this.refreshRows.clear();
    this.mailedTokens.clear();
    this.flows.clear();
    this.flowsByCode.clear();
    this.passkeyChallenges.clear();
    this.#userIdByPhone.clear();
    this.#userIdByEmail.clear();
    this.#sessionIdsByUser.clear();
  }
}

export function addIdentity(user: User, provider: string, nowMs: number): void {
  const at = iso(nowMs);
  user.identities.push({
    identity_id: randomUUID(),
    id: user.id,
    user_id: user.id,
    identity_data: identityData(user),
    provider,
    last_sign_in_at: at,
    created_at: at,
    updated_at: at,
    ...(user.email === "" ? {} : { email: user.email }),
  });
}

function identityData(user: User): Metadata {
  return {
    ...(user.email === "" ? {} : { email: user.email }),
    email_verified: user.emailConfirmedAt !== null,
    ...(user.phone === "" ? {} : { phone: user.phone }),
    phone_verified: user.phoneConfirmedAt !== null,
    sub: user.id,
  };
}

/** A quick salted hash: these passwords protect nothing, and sign-in must not be the bottleneck. */
export function hashPassword(password: string): string {
  const salt = randomBytes(8).toString("hex");
  return `${salt}:${digest(salt, password)}`;
}

export function passwordMatches(user: User, password: string): boolean {
  const [salt = "", expected] = (user.passwordHash ?? "").split(":");
  return expected !== undefined && digest(salt, password) === expected;
}

function digest(salt: string, password: string): string {
  return createHash("sha256").update(salt).update(password).digest("hex");
}
