/** What stands around the Workers: a page of 2 KB, a local Auth, and visitors with sessions of known sizes. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { cookieHeader, storageKey, writeCookies, type SessionBody } from "../support/sessions.ts";

/** Cookies that a real site's visitor has beside the session. */
const OTHER_COOKIES =
  "_ga=GA1.1.1034112907.1763600000; _ga_8QZK2L7V4M=GS2.1.s1763600000$o4$g1$t1763600321$j60$l0$h0; theme=dark; locale=en-GB; " +
  "consent=%7B%22analytics%22%3Atrue%2C%22ads%22%3Afalse%7D; ab=checkout-7.b; _fbp=fb.1.1763600000000.1098115397";

/** What a browser sends with a navigation. */
const BROWSER_HEADERS = {
  Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  "Accept-Encoding": "gzip, deflate, br",
  "Accept-Language": "en-GB,en;q=0.9",
  "Sec-Fetch-Dest": "document",
  "Sec-Fetch-Mode": "navigate",
  "Sec-Fetch-Site": "same-origin",
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
};

/** Whoever sends it gets 304. */
export const ETAG = '"page"';

export interface Site {
  auth: AuthServer;
  /** Headers of a visitor, with this `Cookie`. */
  headers(cookie?: string): Record<string, string>;
  /** A `Cookie` header of a new session, as the real client writes it, whose length is near `bytes`. */
  session(bytes: number): Promise<string>;
  withOthers(cookie: string): string;
  /** A `Cookie` header of a new session; `expired`: whose access token has run out. */
  newSession(expired?: boolean): string;
  close(): Promise<void>;
}

export async function startSite(): Promise<Site> {
  const auth = await startAuthServer({ algorithm: "ES256" });
  const page = Buffer.from(`<!doctype html><title>Page</title><p>${"tide ".repeat(400)}`.slice(0, 2048));
  const server = createServer({ maxHeaderSize: 64 * 1024, keepAliveTimeout: 60_000 }, (request, response) => {
    if (request.headers["if-none-match"] === ETAG) {
      response.writeHead(304, { ETag: ETAG }).end();
      return;
    }
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Length": page.length });
    response.end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const key = storageKey(auth.url);
  let visitors = 0;
  return {
    auth,
    // The Worker takes the URL from `Host`, so what it forwards goes to the origin, as on a route.
    headers: (cookie) => ({ ...BROWSER_HEADERS, Host: host, ...(cookie === undefined ? {} : { Cookie: cookie }) }),
    session: (bytes) => sessionOf(auth, bytes),
    withOthers: (cookie) => `${OTHER_COOKIES}; ${cookie}`,
    newSession(expired = false) {
      visitors += 1;
      const email = `visitor-${visitors}@example.com`;
      const session = auth.createSession(expired ? { email, expiresIn: -60 } : { email });
      return `${key}=${encoded(stored(session))}`;
    },
    async close() {
      server.closeAllConnections();
      await Promise.all([auth.close(), new Promise((resolve) => server.close(resolve))]);
    },
  };
}

async function sessionOf(auth: AuthServer, bytes: number): Promise<string> {
  let bio = 0;
  for (;;) {
    const metadata = bio === 0 ? {} : { user_metadata: { bio: "b".repeat(bio) } };
    const session = auth.createSession({ email: `visitor-${bytes}-${bio}@example.com`, ...metadata });
    const cookie = cookieHeader(await writeCookies(auth.url, stored(session)));
    if (cookie.length > bytes - 40) {
      return cookie;
    }
    // Metadata stands in the token and in the user, each encoded: some four bytes for one.
    bio += Math.max(8, Math.floor((bytes - cookie.length) / 4));
  }
}

/** The session as a client gets and stores it; the user's identities are left out, so that it can be as small as 1.9 KB. */
function stored(created: ReturnType<AuthServer["createSession"]>): SessionBody {
  const { session_id: _, ...session } = created as unknown as SessionBody;
  return { ...(session as SessionBody), user: { ...session.user, identities: [] } };
}

/** The value that the client writes for a session that fits into one cookie. */
function encoded(session: SessionBody): string {
  return `base64-${Buffer.from(JSON.stringify(session)).toString("base64url")}`;
}
