// The server client of the Supabase guide for Hono; the guide keeps it in a middleware, here a handler asks for it.
import { createServerClient, parseCookieHeader } from "@supabase/ssr";
import type { Context } from "hono";
import { setCookie } from "hono/cookie";
import type { CookieOptions } from "hono/utils/cookie";

export function getSupabase(c: Context) {
  return createServerClient(process.env.SUPABASE_URL!, process.env.SUPABASE_PUBLISHABLE_KEY!, {
    cookies: {
      getAll() {
        return parseCookieHeader(c.req.header("Cookie") ?? "");
      },
      setAll(cookiesToSet, headers) {
        cookiesToSet.forEach(({ name, value, options }) => setCookie(c, name, value, options as CookieOptions));
        Object.entries(headers).forEach(([name, value]) => c.header(name, value));
      },
    },
  });
}
