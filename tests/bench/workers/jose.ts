/** What a careful developer writes by hand: verifies the session's token with jose and forwards; it never refreshes. */
import { createRemoteJWKSet, jwtVerify } from "jose";

interface Env {
  SUPABASE_URL: string;
}

let keys: ReturnType<typeof createRemoteJWKSet> | undefined;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const token = accessToken(request.headers.get("Cookie") ?? "", storageKey(env));
    const subject = token === undefined ? undefined : await verify(token, env);
    if (subject === undefined && new URL(request.url).pathname.startsWith("/members")) {
      return new Response('{"error":"unauthorized"}', { status: 401, headers: { "Content-Type": "application/json" } });
    }
    const forwarded = new Request(request);
    forwarded.headers.delete("X-User-Id");
    if (subject !== undefined) {
      forwarded.headers.set("X-User-Id", subject);
    }
    return fetch(forwarded);
  },
};

async function verify(token: string, env: Env): Promise<string | undefined> {
  keys ??= createRemoteJWKSet(new URL(`${env.SUPABASE_URL}/auth/v1/.well-known/jwks.json`));
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: `${env.SUPABASE_URL}/auth/v1`,
      audience: "authenticated",
      algorithms: ["ES256"],
    });
    return payload.sub;
  } catch {
    return undefined;
  }
}

function accessToken(header: string, key: string): string | undefined {
  const values = new Map<string, string>();
  for (const pair of header.split("; ")) {
    const at = pair.indexOf("=");
    if (pair.startsWith(key)) {
      values.set(pair.slice(0, at), decodeURIComponent(pair.slice(at + 1)));
    }
  }
  let joined = values.get(key) ?? "";
  for (let index = 0; joined.length === 0 || index > 0; index += 1) {
    const chunk = values.get(`${key}.${index}`);
    if (chunk === undefined) {
      break;
    }
    joined += chunk;
  }
  if (!joined.startsWith("base64-")) {
    return undefined;
  }
  try {
    const text = atob(joined.slice("base64-".length).replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).access_token;
  } catch {
    return undefined;
  }
}

function storageKey(env: Env): string {
  return `sb-${new URL(env.SUPABASE_URL).hostname.split(".")[0]}-auth-token`;
}
