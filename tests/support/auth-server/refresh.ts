import { createHash, createHmac, randomBytes, randomInt } from "node:crypto";
import { ApiError } from "./errors.ts";
import type { State } from "./state.ts";
import type { RefreshRow, Session, User } from "./store.ts";

const V1_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
const V1_LENGTH = 12;
const V2_VERSION = 0;
const SESSION_ID_BYTES = 16;
const HMAC_BYTES = 16;
const CHECKSUM_BYTES = 4;

export interface Refreshed {
  session: Session;
  user: User;
  token: string;
  headers: Record<string, string>;
}

/** The answer to one refresh token; throws the error of the first check that fails. */
export async function refresh(state: State, presented: string): Promise<Refreshed> {
  const sessionId = find(state, presented).session.id;
  const { refreshHoldMs, lockTimeoutMs } = state.settings;
  const times = { holdMs: refreshHoldMs, timeoutMs: lockTimeoutMs };
  // Another refresh may have changed everything while this one waited, so it looks again.
  return state.locks.run(sessionId, times, () => refreshLocked(state, presented));
}

/** The first refresh token of a new session. */
export function issueRefreshToken(state: State, session: Session): string {
  if (state.settings.algorithmVersion === 2) {
    session.hmacKey = randomBytes(32);
    return encodeV2(session);
  }
  return insertV1(state, session, null).token;
}

/** The refresh token after a verified factor; the one of before then counts as used. */
export function swapRefreshToken(state: State, session: Session): string {
  if (session.hmacKey !== null) {
    // By two, so that the token of before cannot be taken for one whose answer was lost.
    session.counter += 2;
    return encodeV2(session);
  }
  const current = session.tokens.find((row) => !row.revoked);
  if (current === undefined) {
    throw notFound();
  }
  current.revoked = true;
  current.revokedAtMs = state.clock.nowMs();
  return insertV1(state, session, current.token).token;
}

interface Found {
  session: Session;
  user: User;
  row: RefreshRow | null;
  counter: number;
}

function refreshLocked(state: State, presented: string): Refreshed {
  const found = find(state, presented);
  const { session, user } = found;
  checkSession(state, session);
  const { token, headers } = found.row === null ? rotateV2(state, found) : rotateV1(state, found.row, session);
  session.refreshedAtMs = state.clock.nowMs();
  return { session, user, token, headers };
}

function find(state: State, presented: string): Found {
  const { store } = state;
  const decoded = decode(presented);
  const row = decoded === null ? (store.refreshRows.get(presented) ?? null) : null;
  const session = store.sessions.get(decoded?.sessionId ?? row?.sessionId ?? "");
  const user = store.users.get(session?.userId ?? "");
  if (session === undefined || user === undefined) {
    throw notFound();
  }
  if (decoded !== null && (session.hmacKey === null || !decoded.mac.equals(mac(session.hmacKey, decoded.signed)))) {
    throw notFound();
  }
  if (user.bannedUntilMs !== null && user.bannedUntilMs > state.clock.nowMs()) {
    throw new ApiError(400, "user_banned", "Invalid Refresh Token: User Banned");
  }
  return { session, user, row, counter: decoded?.counter ?? 0 };
}

function checkSession(state: State, session: Session): void {
  const now = state.clock.nowMs();
  const { sessionTimebox, sessionInactivity, singleSessionPerUser } = state.settings;
  if (sessionTimebox !== null && now > session.createdAtMs + sessionTimebox * 1000) {
    throw expired("Session Expired");
  }
  const last = session.refreshedAtMs ?? session.createdAtMs;
  if (sessionInactivity !== null && now > last + sessionInactivity * 1000) {
    throw expired("Session Expired (Inactivity)");
  }
  const newer = (other: Session) => other.createdAtMs > session.createdAtMs;
  if (singleSessionPerUser && state.store.sessionsOf(session.userId).some(newer)) {
    throw expired("Session Expired (Revoked by Newer Login)");
  }
}

interface Rotated {
  token: string;
  headers: Record<string, string>;
}

function rotateV1(state: State, row: RefreshRow, session: Session): Rotated {
  const now = state.clock.nowMs();
  if (!row.revoked) {
    row.revoked = true;
    row.revokedAtMs = now;
    return upgrades(state) ? upgrade(session) : issuedV1(insertV1(state, session, row.token));
  }
  const active = session.tokens.findLast((candidate) => !candidate.revoked);
  if (active !== undefined && active.parent === row.token) {
    return issuedV1(active);
  }
  if (now <= row.revokedAtMs + state.settings.reuseInterval * 1000) {
    if (session.hmacKey === null) {
      return issuedV1(insertV1(state, session, row.token));
    }
    // An upgraded token is the parent of nothing: each time it is sent again, it gets another one.
    session.counter += 1;
    return issuedV2(session, "concurrent-refresh");
  }
  // After the upgrade no v1 token is left to revoke, and the newest v2 token goes on working.
  if (state.settings.rotation && session.hmacKey === null) {
    endFamily(session, now);
  }
  throw alreadyUsed();
}

/** The session row of a v1 family stays, so that its access tokens live on until they expire. */
function endFamily(session: Session, now: number): void {
  for (const row of session.tokens.filter((candidate) => !candidate.revoked)) {
    row.revoked = true;
    row.revokedAtMs = now;
  }
}

function rotateV2(state: State, { session, counter }: Found): Rotated {
  const behind = session.counter - counter;
  if (behind < 0) {
    throw malformed("Invalid Refresh Token: Not Issued By This Server");
  }
  if (behind === 0) {
    session.counter += 1;
    return issuedV2(session, null);
  }
  if (behind === 1) {
    return issuedV2(session, "fail-to-save");
  }
  const last = session.refreshedAtMs ?? session.createdAtMs;
  if (state.clock.nowMs() < last + state.settings.reuseInterval * 1000) {
    return issuedV2(session, "concurrent-refresh");
  }
  if (state.settings.rotation) {
    state.store.deleteSession(session.id);
  }
  throw alreadyUsed();
}

function upgrades(state: State): boolean {
  const { algorithmVersion, upgradePercent } = state.settings;
  return algorithmVersion === 2 && Math.random() * 100 < upgradePercent;
}

function upgrade(session: Session): Rotated {
  session.hmacKey = randomBytes(32);
  session.counter = 0;
  return issuedV2(session, null);
}

function insertV1(state: State, session: Session, parent: string | null): RefreshRow {
  const letters = Array.from({ length: V1_LENGTH }, () => V1_ALPHABET[randomInt(V1_ALPHABET.length)]);
  const row: RefreshRow = {
    token: letters.join(""),
    sessionId: session.id,
    parent,
    revoked: false,
    revokedAtMs: 0,
  };
  state.store.insertRefreshRow(session, row);
  return row;
}

function issuedV1(row: RefreshRow): Rotated {
  return { token: row.token, headers: { "sb-auth-refresh-token-prefix": row.token.slice(0, 5) } };
}

function issuedV2(session: Session, reuse: string | null): Rotated {
  const counter = { "sb-auth-refresh-token-counter": String(session.counter) };
  const detail: Record<string, string> =
    reuse === null
      ? { "sb-auth-refresh-token-reuse": "false", "sb-auth-refresh-token-rotated": "true" }
      : { "sb-auth-refresh-token-reuse-cause": reuse };
  return { token: encodeV2(session), headers: { ...counter, ...detail } };
}

/** `00 ‖ session id ‖ uvarint counter ‖ HMAC ‖ checksum`, base64url without padding. */
export function encodeV2(session: Session): string {
  if (session.hmacKey === null) {
    throw new Error("the session has no key for v2 tokens");
  }
  const id = Buffer.from(session.id.replaceAll("-", ""), "hex");
  const signed = Buffer.concat([Buffer.from([V2_VERSION]), id, uvarint(session.counter)]);
  const body = Buffer.concat([signed, mac(session.hmacKey, signed)]);
  return Buffer.concat([body, checksum(body)]).toString("base64url");
}

interface DecodedV2 {
  sessionId: string;
  counter: number;
  signed: Buffer;
  mac: Buffer;
}

/** null for a well-formed v1 token. */
function decode(token: string): DecodedV2 | null {
  if (/^[a-z0-9]{12}$/.test(token)) {
    return null;
  }
  if (!/^[A-Za-z0-9_-]{51,62}$/.test(token)) {
    throw malformed();
  }
  const bytes = Buffer.from(token, "base64url");
  const body = bytes.subarray(0, -CHECKSUM_BYTES);
  if (bytes[0] !== V2_VERSION || !checksum(body).equals(bytes.subarray(-CHECKSUM_BYTES))) {
    throw malformed();
  }
  const signed = body.subarray(0, -HMAC_BYTES);
  const id = signed.subarray(1, 1 + SESSION_ID_BYTES).toString("hex");
  return {
    sessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"),
    counter: readUvarint(signed.subarray(1 + SESSION_ID_BYTES)),
    signed,
    mac: body.subarray(-HMAC_BYTES),
  };
}

function uvarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) + 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

function readUvarint(bytes: Buffer): number {
  return bytes.reduce((sum, byte, index) => sum + (byte & 0x7f) * 0x80 ** index, 0);
}

function mac(key: Buffer, signed: Buffer): Buffer {
  return createHmac("sha256", key).update(signed).digest().subarray(0, HMAC_BYTES);
}

function checksum(body: Buffer): Buffer {
  return createHash("sha256").update(body).digest().subarray(0, CHECKSUM_BYTES);
}

function malformed(message = "Refresh token is not valid"): ApiError {
  return new ApiError(400, "validation_failed", message);
}

function notFound(): ApiError {
  return new ApiError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found");
}

function alreadyUsed(): ApiError {
  return new ApiError(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used");
}

function expired(reason: string): ApiError {
  return new ApiError(400, "session_expired", `Invalid Refresh Token: ${reason}`);
}
