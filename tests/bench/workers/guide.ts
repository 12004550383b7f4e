/**
 * The middleware of the Supabase guides ("Server-side auth", `updateSession`) as a Worker: a server client per request,
 * `getClaims()`, the cookies it sets put on the forwarded request and on the answer, static files left out by the matcher.
 */
import { createServerClient, parseCookieHeader, serializeCookieHeader } from "@supabase/ssr";

interface Env {
  SUPABASE_URL: string;
  SUPABASE_PUBLISHABLE_KEY: string;
}

const MATCHER = /^\/(?!_next\/static|_next\/image|favicon.ico|.*\.(?:svg|png|jpg|jpeg|gif|webp)$).*/;

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (!MATCHER.test(pathname)) {
      return fetch(request);
    }
    const cookies = parseCookieHeader(request.headers.get("Cookie") ?? "");
    const lines: string[] = [];
    const added = new Headers();
    const supabase = createServerClient(env.SUPABASE_URL, env.SUPABASE_PUBLISHABLE_KEY, {
      cookies: {
        getAll: () => cookies as { name: string; value: string }[],
        setAll(toSet, headers) {
          for (const { name, value, options } of toSet) {
            const at = cookies.findIndex((cookie) => cookie.name === name);
            cookies.splice(at < 0 ? cookies.length : at, at < 0 ? 0 : 1, { name, value });
            lines.push(serializeCookieHeader(name, value, options));
          }
          for (const [name, value] of Object.entries(headers ?? {})) {
            added.set(name, value);
          }
        },
      },
    });
    const { data } = await supabase.auth.getClaims();
    if (data === null && pathname.startsWith("/members")) {
      return new Response('{"error":"unauthorized"}', { status: 401, headers: { "Content-Type": "application/json" } });
    }
    if (lines.length === 0) {
      return fetch(request);
    }
    const forwarded = new Request(request);
    const header = cookies.map(({ name, value }) => `${name}=${encodeURIComponent(value ?? "")}`).join("; ");
    forwarded.headers.set("Cookie", header);
    const answer = await fetch(forwarded);
    const response = new Response(answer.body, answer);
    lines.forEach((line) => response.headers.append("Set-Cookie", line));
    added.forEach((value, name) => response.headers.set(name, value));
    return response;
  },
};
