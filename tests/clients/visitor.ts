/**
 * A visitor: one cookie jar with a browser's rules, the page's client of some version of
 * `@supabase/ssr` on it, and requests through the edge with it.
 */
import { CookieJar } from "tough-cookie";
import type { Answer } from "../support/http.ts";
import { isSessionName } from "../support/expectations.ts";
import { parseSetCookies, type SessionBody } from "../support/sessions.ts";
import { type FetchInit, SITE, type WorkerHandle } from "../support/stack.ts";
import { sessionOf } from "./cookies.ts";
import type { Version } from "./versions.ts";

/** Where the client keeps its cookies: `document.cookie`, or the adapters of a server. */
export type Place = "browser" | "server";

export interface Format {
  tokens: "whole" | "tokens-only";
  encoding: "base64url" | "raw";
  name?: string;
  domain?: string;
}

export interface Visitor {
  jar: CookieJar;
  /** A client as a page gets it when it is loaded. */
  client(): any;
  /** Requests a page through the edge and keeps the cookies of the answer. */
  visit(path: string, init?: FetchInit): Promise<Answer>;
  /** The session's cookies in the jar. */
  sessionCookies(): ReturnType<CookieJar["getCookiesSync"]>;
  /** The session in the jar, decoded without any client. */
  session(): SessionBody | null;
  /** Stops the timers of its clients. */
  leave(): Promise<void>;
}

interface Project {
  url: string;
  publishableKey: string;
  worker: WorkerHandle;
  key: string;
}

export function visitor(version: Version, place: Place, format: Format, { url, publishableKey, worker, key }: Project): Visitor {
  const jar = new CookieJar();
  const clients: any[] = [];
  const stored = new Map<string, string>();
  const sessionCookies = () => jar.getCookiesSync(SITE).filter(({ key: name }) => isSessionName(name, key));
  return {
    jar,
    client() {
      openPage(jar, stored);
      const ssr = version.load();
      const create = place === "browser" ? ssr.createBrowserClient : ssr.createServerClient;
      const client = create(url, publishableKey, clientOptions(ssr, place, format, jar));
      clients.push(client);
      return client;
    },
    async visit(path, init = {}) {
      const answer = await worker.fetch(path, { ...init, cookies: jar.getCookieStringSync(SITE) });
      for (const { line } of parseSetCookies(answer.headers)) {
        jar.setCookieSync(line, SITE);
      }
      return answer;
    },
    sessionCookies,
    session: () => sessionOf(sessionCookies().map(({ key: name, value }) => ({ name, value: decodeURIComponent(value) })), key),
    async leave() {
      await Promise.all(clients.map((client) => client.auth.stopAutoRefresh()));
      closePage();
    },
  };
}

/** What the guides give a client, plus the cell's format. */
function clientOptions(ssr: any, place: Place, { tokens, encoding, name, domain }: Format, jar: CookieJar): object {
  const adapters = {
    getAll: () => ssr.parseCookieHeader(jar.getCookieStringSync(SITE)),
    setAll(cookies: { name: string; value: string; options: object }[]) {
      for (const each of cookies) {
        jar.setCookieSync(ssr.serializeCookieHeader(each.name, each.value, each.options), SITE, { ignoreError: true });
      }
    },
  };
  const encode = tokens === "tokens-only" ? { encode: tokens } : {};
  return {
    // Every page load is another client.
    ...(place === "browser" ? { isSingleton: false } : {}),
    ...(place === "server" || tokens === "tokens-only" ? { cookies: { ...encode, ...adapters } } : {}),
    cookieEncoding: encoding,
    cookieOptions: { ...(name === undefined ? {} : { name }), ...(domain === undefined ? {} : { domain }) },
  };
}

/** As much of a page as a client looks at. */
function openPage(jar: CookieJar, stored: Map<string, string>): void {
  const listen = { addEventListener: () => undefined, removeEventListener: () => undefined };
  const document = {
    ...listen,
    visibilityState: "visible",
    get cookie() {
      return jar.getCookieStringSync(SITE, { http: false });
    },
    set cookie(line: string) {
      jar.setCookieSync(line, SITE, { http: false, ignoreError: true });
    },
  };
  const localStorage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  const window = { ...listen, document, localStorage, location: new URL(SITE) };
  // Other pages of this process are other visitors: nothing is told to them.
  Object.assign(globalThis, { document, window, localStorage, BroadcastChannel: undefined });
}

function closePage(): void {
  for (const name of ["document", "window", "localStorage"]) {
    Reflect.deleteProperty(globalThis, name);
  }
}
