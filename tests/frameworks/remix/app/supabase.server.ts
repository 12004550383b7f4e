// The server client of the Supabase guide for Remix.
import { createServerClient, parseCookieHeader, serializeCookieHeader } from "@supabase/ssr";

export function createClient(request: Request) {
  const responseHeaders = new Headers();
  const supabase = createServerClient(process.env.SUPABASE_URL!, process.env.SUPABASE_PUBLISHABLE_KEY!, {
    cookies: {
      getAll() {
        return parseCookieHeader(request.headers.get("Cookie") ?? "");
      },
      setAll(cookiesToSet, headers) {
        cookiesToSet.forEach(({ name, value, options }) =>
          responseHeaders.append("Set-Cookie", serializeCookieHeader(name, value, options)),
        );
        Object.entries(headers).forEach(([name, value]) => responseHeaders.set(name, value));
      },
    },
  });
  return { supabase, headers: responseHeaders };
}

/** The user as the server client sees him, and what the browser client needs. */
export async function loadUser({ request }: { request: Request }) {
  const { supabase, headers } = createClient(request);
  const { data: verified } = await supabase.auth.getClaims();
  const { data: { user } } = await supabase.auth.getUser();
  const shown = {
    claims: verified === null ? "nobody" : `${verified.claims.sub} ${verified.claims.exp}`,
    user: user === null ? "nobody" : `${user.id} ${user.email}`,
    env: { SUPABASE_URL: process.env.SUPABASE_URL!, SUPABASE_PUBLISHABLE_KEY: process.env.SUPABASE_PUBLISHABLE_KEY! },
  };
  return { shown, headers };
}
