import { combineChunks, createChunks, DEFAULT_COOKIE_OPTIONS, isChunkLike, parseCookieHeader, serializeCookieHeader, stringFromBase64URL, stringToBase64URL } from "@supabase/ssr";
import { settings } from "./settings.ts";

export interface Session {
  access_token: string;
  expires_at: number;
  user?: { email?: string; user_metadata?: { name?: string } };
}

export interface TokenClaims {
  exp: number;
  iat: number;
  session_id: string;
}

const KEY = `sb-${new URL(settings.supabaseUrl).hostname.split(".")[0]}-auth-token`;
const PREFIX = "base64-";

/**
 * The session in this page's cookies. It is read with the library's own pieces and not with its client, which would
 * renew an expired session as soon as it is made, and the demo wants to see the edge do that.
 */
export async function readSession(): Promise<Session | null> {
  const cookies = cookiesByName();
  const value = await combineChunks(KEY, (name) => cookies.get(name) ?? null);
  if (!value) {
    return null;
  }
  try {
    return JSON.parse(value.startsWith(PREFIX) ? stringFromBase64URL(value.slice(PREFIX.length)) : value) as Session;
  } catch {
    return null;
  }
}

/** Writes the session as the client writes it. */
export function writeSession(session: Session): void {
  const chunks = createChunks(KEY, PREFIX + stringToBase64URL(JSON.stringify(session)));
  const kept = new Set(chunks.map(({ name }) => name));
  for (const name of cookiesByName().keys()) {
    if (isChunkLike(name, KEY) && !kept.has(name)) {
      document.cookie = serializeCookieHeader(name, "", { ...DEFAULT_COOKIE_OPTIONS, maxAge: 0 });
    }
  }
  for (const { name, value } of chunks) {
    document.cookie = serializeCookieHeader(name, value, DEFAULT_COOKIE_OPTIONS);
  }
}

export function claimsOf({ access_token }: Session): TokenClaims | null {
  try {
    return JSON.parse(stringFromBase64URL(access_token.split(".")[1] ?? "")) as TokenClaims;
  } catch {
    return null;
  }
}

function cookiesByName(): Map<string, string> {
  return new Map(parseCookieHeader(document.cookie).map(({ name, value }) => [name, value ?? ""]));
}
