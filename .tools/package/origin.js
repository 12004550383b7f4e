// For the origin: who the visitor is. Web standards alone, so that it runs wherever JavaScript does.

const ISSUER = "edge-session";
// How far two clocks may be apart.
const LEEWAY_SECONDS = 5;
const KEYS_FRESH_MS = 600_000;
// An unknown key id has the set fetched anew, and whoever invents some costs one request in this time.
const REFETCH_PAUSE_MS = 30_000;
const TOKEN_LIMIT = 8_192;
const KEYS_TIMEOUT_MS = 5_000;

/** Why an assertion is not believed; `code` never changes. */
export class AssertionError extends Error {
  constructor(code) {
    super(`the assertion is not believed: ${code}`);
    this.name = "AssertionError";
    this.code = code;
  }
}

export function readSession(source, options) {
  if (options === undefined) return sessionIn(source);
  return verifyAssertion(source, options).then(
    (assertion) => sessionOf(source, assertion),
    (error) => {
      if (error instanceof AssertionError) return null;
      throw error;
    },
  );
}

export async function verifyAssertion(source, { secret, jwksUrl, jwks, audience, now = Date.now() / 1000 }) {
  if ([secret, jwksUrl, jwks].filter((one) => one !== undefined && one !== "").length !== 1) throw new TypeError("give one of secret, jwksUrl and jwks");
  if (audience === undefined || audience.length === 0) throw new TypeError("give the audience: the host that the Worker asks, such as origin.example.com");
  const token = typeof source === "string" ? source : header(source, "x-session-assertion");
  if (token === undefined) throw new AssertionError("missing");
  const { head, claims, signed, signature } = parse(token);
  const check = secret ? await checkBySecret(head, secret) : await checkByKey(head, jwks ?? jwksUrl);
  if (!(await check(signature, signed))) throw new AssertionError("signature");
  judge(claims, audience, now);
  return claims;
}

function parse(token) {
  const parts = token.length > TOKEN_LIMIT ? [] : token.split(".");
  if (parts.length !== 3) throw new AssertionError("malformed");
  try {
    const [head, claims] = parts.slice(0, 2).map((part) => object(JSON.parse(text(part))));
    return { head, claims, signed: new TextEncoder().encode(`${parts[0]}.${parts[1]}`), signature: bytes(parts[2]) };
  } catch {
    throw new AssertionError("malformed");
  }
}

/** The key decides which algorithm is right, never the token. */
async function checkBySecret({ alg }, secret) {
  if (alg !== "HS256") throw new AssertionError("algorithm");
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  return (signature, signed) => crypto.subtle.verify("HMAC", key, signature, signed);
}

async function checkByKey({ alg, kid }, place) {
  if (alg !== "ES256") throw new AssertionError("algorithm");
  const known = typeof place === "string" ? await fetchedKeys(place, kid) : place.keys;
  const jwk = known.find((one) => one?.kid === kid && one.kty === "EC" && one.crv === "P-256");
  if (typeof kid !== "string" || jwk === undefined) throw new AssertionError("key");
  const { kty, crv, x, y } = jwk;
  const key = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return (signature, signed) => crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, signature, signed);
}

// Finished sets only: a promise of one request must not be awaited by another in some runtimes.
const sets = new Map();

async function fetchedKeys(url, kid) {
  const held = sets.get(url);
  const age = held === undefined ? Infinity : Date.now() - held.fetchedAt;
  const isKnown = held?.keys.some((one) => one?.kid === kid);
  if (age < (isKnown ? KEYS_FRESH_MS : REFETCH_PAUSE_MS)) return held.keys;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(KEYS_TIMEOUT_MS) });
    const { keys } = object(await response.json());
    if (!response.ok || !Array.isArray(keys)) throw new Error(`${url} answered ${response.status} without a key set`);
    sets.set(url, { keys, fetchedAt: Date.now() });
    return keys;
  } catch (error) {
    // The last good set serves until there is another.
    if (held === undefined) throw error;
    return held.keys;
  }
}

function judge({ iss, aud, exp, iat }, audience, now) {
  if (iss !== ISSUER) throw new AssertionError("issuer");
  if (typeof aud !== "string" || ![audience].flat().includes(aud)) throw new AssertionError("audience");
  if (!Number.isFinite(exp) || exp + LEEWAY_SECONDS <= now) throw new AssertionError("expired");
  if (!Number.isFinite(iat) || iat - LEEWAY_SECONDS > now) throw new AssertionError("early");
}

/** What the headers say, for an origin that nobody reaches but through the Worker. */
function sessionIn(source) {
  const read = (name) => header(source, `x-session-${name}`);
  const [outcome, userId, sessionId, role] = ["outcome", "user-id", "id", "role"].map(read);
  if (!["valid", "refreshed"].includes(outcome) || !userId) return null;
  return withDetails(source, { outcome, userId, sessionId: sessionId ?? "", role: role ?? "", aal: read("aal") ?? "" });
}

/** What the assertion proves, and the headers beside it if they speak of the same visitor. */
function sessionOf(source, { sub, session_id: sessionId, role, aal, outcome }) {
  if (typeof sub !== "string" || sub === "") return null;
  const text = (value) => (typeof value === "string" ? value : "");
  const proven = { outcome: text(outcome), userId: sub, sessionId: text(sessionId), role: text(role), aal: text(aal) };
  if (typeof source === "string" || header(source, "x-session-user-id") !== sub) return { ...proven, expiresAt: 0, isAnonymous: false, clientId: null, claims: null };
  return withDetails(source, proven);
}

function withDetails(source, session) {
  const read = (name) => header(source, `x-session-${name}`);
  return {
    ...session,
    expiresAt: Number(read("expires-at") ?? 0) || 0,
    isAnonymous: read("anonymous") === "true",
    clientId: read("client-id") ?? null,
    claims: claimsIn(read("claims")),
  };
}

/** Absent where the Worker left them out: too long, or not asked for. */
function claimsIn(value) {
  if (value === undefined) return null;
  try {
    return object(JSON.parse(text(value)));
  } catch {
    return null;
  }
}

/** A header of a `Request`, of `Headers`, or of the plain object that Node.js has; one that came twice is none. */
function header(source, name) {
  const headers = source.headers ?? source;
  const value = typeof headers.get === "function" ? headers.get(name) : headers[name];
  return typeof value === "string" && value !== "" ? value : undefined;
}

function object(value) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new TypeError("no object");
  return value;
}

function text(base64url) {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes(base64url));
}

function bytes(base64url) {
  if (!/^[\w-]*$/.test(base64url)) throw new TypeError("no base64url");
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
}
