/** The middleware as most sites have it: `getUser()` asks Auth about every visitor, and static files are left out. */
import { createServerClient, parseCookieHeader } from "@supabase/ssr";

interface Env {
  SUPABASE_URL: string;
  SUPABASE_PUBLISHABLE_KEY: string;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const cookies = parseCookieHeader(request.headers.get("Cookie") ?? "") as { name: string; value: string }[];
    const supabase = createServerClient(env.SUPABASE_URL, env.SUPABASE_PUBLISHABLE_KEY, {
      cookies: { getAll: () => cookies, setAll: () => undefined },
    });
    const { data } = await supabase.auth.getUser();
    const forwarded = new Request(request);
    forwarded.headers.set("X-User-Id", data.user?.id ?? "");
    return fetch(forwarded);
  },
};
