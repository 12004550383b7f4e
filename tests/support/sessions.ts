/**
 * Sessions as a browser holds them: cookies written by the real `@supabase/ssr`
 * and read back by it, and the cookies of an answer kept in a real cookie jar.
 */
import { createServerClient } from "@supabase/ssr";
import { CookieJar } from "tough-cookie";
import type { HeaderList } from "./origin.ts";

/** The token response that a client stores; members it does not know are kept. */
export interface SessionBody {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  expires_at: number;
  token_type: string;
  user?: Record<string, unknown>;
  [member: string]: unknown;
}

export interface CookieFormat {
  /** The storage key; default: that of the project's URL. */
  name?: string;
  encoding?: "base64url" | "raw";
  /** Leaves the `user` out. */
  tokensOnly?: boolean;
}

export interface Cookie {
  name: string;
  value: string;
}

/** One parsed `Set-Cookie` line. */
export interface SetCookie {
  line: string;
  name: string;
  value: string;
  /** Attribute names in lower case; flags have the value `true`. */
  attributes: Record<string, string | true>;
  deletes: boolean;
}

/** The storage key of a project, as every Supabase client computes it. */
export function storageKey(supabaseUrl: string): string {
  return `sb-${new URL(supabaseUrl).hostname.split(".")[0]}-auth-token`;
}

/** Lets the real client store `session` and hands out the cookies that it wrote. */
export async function writeCookies(supabaseUrl: string, session: SessionBody, format: CookieFormat = {}): Promise<Cookie[]> {
  const jar = new Map<string, string>();
  const client = createServerClient(supabaseUrl, "sb_publishable_client", {
    cookieEncoding: format.encoding ?? "base64url",
    ...(format.name === undefined ? {} : { cookieOptions: { name: format.name } }),
    cookies: {
      ...(format.tokensOnly === true ? { encode: "tokens-only" as const } : {}),
      getAll: () => [...jar].map(([name, value]) => ({ name, value })),
      setAll: (cookies) => {
        for (const { name, value, options } of cookies) {
          if (options.maxAge === 0) {
            jar.delete(name);
          } else {
            jar.set(name, value);
          }
        }
      },
    },
    // The sign-in is answered here, so that the client stores exactly this session.
    global: { fetch: () => Promise.resolve(Response.json(session)) },
  } as Parameters<typeof createServerClient>[2]);
  const { error } = await client.auth.signInWithPassword({ email: "any@example.com", password: "any" });
  if (error !== null || jar.size === 0) {
    throw new Error(`the client stored no session: ${String(error)}`);
  }
  return [...jar].map(([name, value]) => ({ name, value }));
}

/** Reads the session that a real server client finds in these cookies, without any network. */
export async function readSession(supabaseUrl: string, cookies: Cookie[], name?: string): Promise<SessionBody | null> {
  const client = createServerClient(supabaseUrl, "sb_publishable_client", {
    ...(name === undefined ? {} : { cookieOptions: { name } }),
    cookies: { getAll: () => cookies, setAll: () => undefined },
    // A client that finds little time left asks for a refresh; refused like this it hands out what it has.
    global: { fetch: () => Promise.resolve(Response.json({ code: "unknown" }, { status: 400 })) },
  });
  const { data } = await client.auth.getSession();
  return data.session as unknown as SessionBody | null;
}

/** The `Cookie` header that a browser sends: values percent-encoded as the serialiser does. */
export function cookieHeader(cookies: Cookie[]): string {
  return cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value)}`).join("; ");
}

/** Splits a `Cookie` header into its pairs, as they stand. */
export function parseCookies(header: string | undefined): Cookie[] {
  return (header ?? "")
    .split(/; */)
    .filter((pair) => pair.includes("="))
    .map((pair) => ({ name: pair.slice(0, pair.indexOf("=")), value: pair.slice(pair.indexOf("=") + 1) }));
}

export function parseSetCookies(headers: HeaderList): SetCookie[] {
  return headers.filter(([name]) => name.toLowerCase() === "set-cookie").map(([, line]) => parseSetCookie(line));
}

/** Keeps the cookies of an answer as a browser would, starting from those it had. */
export async function browserJar(url: string, had: Cookie[], answer: HeaderList): Promise<CookieJar> {
  const jar = new CookieJar();
  for (const { name, value } of had) {
    await jar.setCookie(`${name}=${value}; Path=/`, url);
  }
  for (const { line } of parseSetCookies(answer)) {
    await jar.setCookie(line, url);
  }
  return jar;
}

export async function jarCookies(jar: CookieJar, url: string): Promise<Cookie[]> {
  return (await jar.getCookies(url)).map(({ key, value }) => ({ name: key, value: decodeURIComponent(value) }));
}

/** The claims of a token, unverified. */
export function claimsOf(token: string): Record<string, any> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8"));
}

function parseSetCookie(line: string): SetCookie {
  const [pair = "", ...rest] = line.split(/; */);
  const attributes: SetCookie["attributes"] = {};
  for (const attribute of rest) {
    const [name = "", ...value] = attribute.split("=");
    attributes[name.toLowerCase()] = attribute.includes("=") ? value.join("=") : true;
  }
  const name = pair.slice(0, pair.indexOf("="));
  const value = pair.slice(pair.indexOf("=") + 1);
  return { line, name, value, attributes, deletes: value === "" && attributes["max-age"] === "0" };
}
