/**
 * A browser: a cookie jar, tabs that sleep, the page's own Supabase client, and
 * what the model knows about it.
 */
import { createBrowserClient } from "@supabase/ssr";
import { CookieJar } from "tough-cookie";
import { claimsOf, type SessionBody } from "../support/sessions.ts";

/** What one response said. */
export interface Visit {
  status: number;
  outcome: string;
  /** The reason, the gate's part and the calls to Auth. */
  why: string;
  text: string;
  /** The user that the origin was told of; null if the request did not reach it or nobody was signed in. */
  user: string | null;
  setCookies: string[];
}

/** A refresh token that the jar held, and who brought it. */
interface Generation {
  token: string;
  by: "sign-in" | "edge" | "client";
  /** When Auth made its access token, in whole seconds: the gate counts from then, and the browser may get it later. */
  atMs: number;
}

export interface Snapshot {
  header: string;
  token: string;
  issuedAtMs: number;
  expiresAtMs: number;
  session: string;
}

/** A second factor of a user. */
export interface Factor {
  id: string;
  secret: string;
}

/** The last lines of a browser's story that are kept. */
const STORY_LINES = 80;

export class Browser {
  readonly index: number;
  /** Who signs in here next. */
  email: string;
  readonly site: string;
  jar = new CookieJar();
  /** The model: whether this browser has to be signed in. */
  signedIn = false;
  /** True while its client signs out. */
  leaving = false;
  userId = "";
  sessionId = "";
  /** No token of a session that was signed out lives longer than this. */
  deadline = 0;
  readonly tabs: Snapshot[] = [];
  /** The cookies from before a sign-out, as a thief or a forgotten tab has them. */
  readonly ghosts: { snapshot: Snapshot; deadline: number }[] = [];
  readonly pending = new Set<Promise<unknown>>();
  /** What the page's own client does: it writes cookies whatever the Worker says. */
  readonly clientTasks = new Set<Promise<unknown>>();
  /** What nothing else may happen beside. */
  alone: Promise<unknown> = Promise.resolve();
  /** Sessions that were signed out through the Worker, and when that was done. */
  readonly left = new Map<string, number>();
  readonly factors = new Map<string, Factor>();
  readonly story: string[] = [];
  #generations: Generation[] = [];
  /** The session of which Auth told the browser's own client that a token was used twice. */
  #ended = "";

  constructor(index: number, site: string) {
    this.index = index;
    this.email = `browser-${index}@example.com`;
    this.site = site;
  }

  tell(line: string): void {
    this.story.push(`${new Date().toISOString().slice(14, 23)} ${line}`);
    if (this.story.length > STORY_LINES) {
      this.story.shift();
    }
  }

  cookies(): string {
    return this.jar.getCookieStringSync(this.site);
  }

  /** The session in the jar, or null. */
  session(key: string): SessionBody | null {
    const chunks = new Map(this.jar.getCookiesSync(this.site).map(({ key: name, value }) => [name, decodeURIComponent(value)]));
    let joined = chunks.get(key) ?? "";
    for (let n = 0; joined === "" || chunks.has(`${key}.${n}`); n += 1) {
      const chunk = chunks.get(`${key}.${n}`);
      if (chunk === undefined) {
        break;
      }
      joined += chunk;
    }
    if (!joined.startsWith("base64-")) {
      return null;
    }
    return JSON.parse(Buffer.from(joined.slice("base64-".length), "base64url").toString("utf8"));
  }

  /** Takes the cookies of a response, as browsers do in the order of arrival. */
  keep(setCookies: string[], key: string): void {
    for (const line of setCookies) {
      this.jar.setCookieSync(line, this.site, { ignoreError: true });
    }
    if (setCookies.length > 0) {
      this.noteGeneration("edge", key);
    }
  }

  noteGeneration(by: Generation["by"], key: string): void {
    const session = this.session(key);
    const token = session?.refresh_token;
    if (session !== null && token !== undefined && !this.#generations.some((known) => known.token === token)) {
      this.#generations.push({ token, by, atMs: Number(claimsOf(session.access_token).iat) * 1000 });
      this.tell(`jar holds ${short(token)} by ${by}`);
    }
  }

  /** Takes in what Auth answered to one of its tokens. */
  hear(line: string): void {
    this.tell(line);
    if (line.includes("to the client") && line.includes("refresh_token_already_used")) {
      this.#ended = this.sessionId;
    }
  }

  /** True if the client of the page itself made Auth end the session: the edge cannot prevent that. */
  get isEndedByClient(): boolean {
    return this.#ended !== "" && this.#ended === this.sessionId;
  }

  /** Whether the jar held this refresh token since the last sign-in. */
  holds(token: string): boolean {
    return this.#generations.some((known) => known.token === token);
  }

  /** Another person at the same browser. */
  switchUser(): void {
    const own = `browser-${this.index}@example.com`;
    this.email = this.email === own ? `guest-of-${own}` : own;
  }

  startOver(): void {
    this.jar.removeAllCookiesSync();
    this.#generations = [];
    this.tabs.length = 0;
  }

  snapshot(key: string): Snapshot | null {
    const session = this.session(key);
    if (session === null) {
      return null;
    }
    return {
      header: this.cookies(),
      token: session.refresh_token,
      issuedAtMs: Number(claimsOf(session.access_token).iat) * 1000,
      expiresAtMs: expiryMs(session),
      session: String(claimsOf(session.access_token).session_id),
    };
  }

  /**
   * Whether the Worker promises that this tab gets its session: for the replay
   * time after the last rotation that a gate has seen, whoever made those
   * before, if the tab's access token is older than what the gate got then. One
   * of the same second the gate knows by its refresh token, unless the page's own
   * client rotated it: no gate has seen that.
   */
  isPromised(snapshot: Snapshot, replayMs: number, marginMs: number, slackMs: number): boolean {
    if (snapshot.expiresAtMs > Date.now() + marginMs + slackMs) {
      return true;
    }
    const index = this.#generations.findIndex(({ token }) => token === snapshot.token);
    const later = this.#generations.slice(index + 1);
    if (index < 0 || snapshot.session !== this.sessionId) {
      return false;
    }
    if (later.length === 0) {
      return true;
    }
    const newest = later.at(-1)!;
    if (newest.by === "edge" && snapshot.issuedAtMs < newest.atMs) {
      return Date.now() - newest.atMs < replayMs - slackMs;
    }
    // Each rotation has to have come while the gate still knew the one before.
    let known = later[0]!.atMs;
    for (const generation of later) {
      if (generation.by !== "edge" || generation.atMs - known > replayMs - slackMs) {
        return false;
      }
      known = generation.atMs;
    }
    return later.length <= 8 && Date.now() - known < replayMs - slackMs;
  }

  /** The client that the page of this browser runs, on the same jar. */
  client(url: string, publishableKey: string): ReturnType<typeof createBrowserClient> {
    return createBrowserClient(url, publishableKey, {
      isSingleton: false,
      auth: { autoRefreshToken: false, detectSessionInUrl: false },
      cookies: {
        getAll: () => this.jar.getCookiesSync(this.site).map(({ key, value }) => ({ name: key, value: decodeURIComponent(value) })),
        setAll: (cookies: { name: string; value: string; options: { maxAge?: number } }[]) => {
          for (const { name, value, options } of cookies) {
            const line = `${name}=${encodeURIComponent(value)}; Path=/; Max-Age=${options.maxAge ?? 0}; SameSite=Lax`;
            this.jar.setCookieSync(line, this.site, { ignoreError: true });
          }
        },
      },
    } as Parameters<typeof createBrowserClient>[2]);
  }
}

export function expiryMs(session: SessionBody): number {
  return Number(claimsOf(session.access_token).exp) * 1000;
}

/** Enough of a token to tell it from the others in a story. Those of the second version begin with their session's id. */
export function short(token: string): string {
  return token.length > 50 ? token.slice(22, 30) : token.slice(0, 6);
}
