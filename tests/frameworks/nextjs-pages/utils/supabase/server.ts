// The server client of the Supabase guide for getServerSideProps and API routes.
import { createServerClient, serializeCookieHeader } from "@supabase/ssr";
import type { IncomingMessage, ServerResponse } from "node:http";

interface Context {
  req: IncomingMessage & { cookies: Partial<Record<string, string>> };
  res: ServerResponse;
}

export function createClient({ req, res }: Context) {
  return createServerClient(process.env.NEXT_PUBLIC_SUPABASE_URL!, process.env.NEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY!, {
    cookies: {
      getAll() {
        return Object.keys(req.cookies).map((name) => ({ name, value: req.cookies[name] ?? "" }));
      },
      setAll(cookiesToSet, headers) {
        res.setHeader("Set-Cookie", cookiesToSet.map(({ name, value, options }) => serializeCookieHeader(name, value, options)));
        Object.entries(headers).forEach(([name, value]) => res.setHeader(name, value));
      },
    },
  });
}

export interface Shown {
  claims: string;
  user: string;
}

/** The user as the server client sees him. */
export async function showUser(context: Context): Promise<{ props: Shown }> {
  const { auth } = createClient(context);
  const { data } = await auth.getClaims();
  const {
    data: { user },
  } = await auth.getUser();
  return {
    props: {
      claims: data === null ? "nobody" : `${data.claims.sub} ${data.claims.exp}`,
      user: user === null ? "nobody" : `${user.id} ${user.email}`,
    },
  };
}
