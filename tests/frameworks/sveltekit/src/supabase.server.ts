// The server client of the Supabase guide for SvelteKit; the guide makes it in hooks.server.ts, here who needs it does.
import { createServerClient } from "@supabase/ssr";
import type { RequestEvent } from "@sveltejs/kit";
import { PUBLIC_SUPABASE_PUBLISHABLE_KEY, PUBLIC_SUPABASE_URL } from "$app/env/public";

export function createClient(event: Pick<RequestEvent, "cookies" | "setHeaders">) {
  return createServerClient(PUBLIC_SUPABASE_URL, PUBLIC_SUPABASE_PUBLISHABLE_KEY, {
    cookies: {
      getAll() {
        return event.cookies.getAll();
      },
      setAll(cookiesToSet, headers) {
        cookiesToSet.forEach(({ name, value, options }) => event.cookies.set(name, value, { ...options, path: "/" }));
        event.setHeaders(headers);
      },
    },
  });
}

/** The user as the server client sees him. */
export async function showUser(event: Pick<RequestEvent, "cookies" | "setHeaders">) {
  const { auth } = createClient(event);
  const { data } = await auth.getClaims();
  const {
    data: { user },
  } = await auth.getUser();
  return {
    claims: data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`,
    user: user === null ? "nobody" : `${user.id} ${user.email}`,
  };
}
