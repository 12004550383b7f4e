// The server client of the Supabase guide for Express.
import { createServerClient, parseCookieHeader, serializeCookieHeader } from "@supabase/ssr";
import type { IncomingMessage, ServerResponse } from "node:http";

export function createClient(context: { req: IncomingMessage; res: ServerResponse }) {
  return createServerClient(process.env.SUPABASE_URL!, process.env.SUPABASE_PUBLISHABLE_KEY!, {
    cookies: {
      getAll() {
        return parseCookieHeader(context.req.headers.cookie ?? "");
      },
      setAll(cookiesToSet, headers) {
        cookiesToSet.forEach(({ name, value, options }) =>
          context.res.appendHeader("Set-Cookie", serializeCookieHeader(name, value, options)),
        );
        Object.entries(headers).forEach(([name, value]) => context.res.setHeader(name, value));
      },
    },
  });
}
