/**
 * Shared caches before and behind the Worker: two users and an anonymous visitor take turns, and nobody gets what is
 * another's.
 */
import { afterAll, beforeAll, describe, expect } from "vitest";
import { freePort } from "../demo/worker.ts";
import { sessionIn } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import type { HeaderList } from "../support/origin.ts";
import { type SignedIn, type Stack, startStack } from "../support/stack.ts";
import type { App } from "./run/apps.ts";
import { chosen, VARS } from "./run/bed.ts";
import { startWorkerdCache } from "./run/caches.ts";
import { cell, type Task } from "./run/checks.ts";
import { startNginx } from "./run/nginx.ts";
import { type Running, startApp } from "./run/processes.ts";
import { type Recorder, startRecorder } from "./run/servers.ts";
import { AUTH_PORT, PUBLISHABLE_KEY, SUPABASE_URL } from "./run/settings.ts";
import { siteAt, textOf, Visitor } from "./run/visitor.ts";

const ROUNDS = 200;
/** A user comes back with an expired token that often; no multiple of the number of pages, so that each page meets it. */
const EXPIRES_EVERY = 7;
const MEMBERS = "/members/news";
/** What tells caches not to keep an answer, or for how long. */
const CACHE_HEADERS = ["cache-control", "expires", "pragma", "cdn-cache-control", "cloudflare-cdn-cache-control", "surrogate-control"];

interface Cache {
  url: URL;
  stop(): Promise<void>;
}

const CACHES: Record<string, (target: string) => Promise<Cache>> = { workerd: startWorkerdCache, nginx: startNginx };
const apps = [...chosen("pages"), ...chosen("server")].filter(({ cached }) => cached !== undefined);
const workerName = (app: App, cache?: string): string => (cache === undefined ? app.name : `${app.name}-before-${cache}`);

let stack: Stack<string>;
const recorders = new Map<string, Recorder>();
const stops: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const workers: Record<string, { plain: true; vars: { ORIGIN_URL: string } }> = {};
  for (const app of apps) {
    const port = await freePort();
    const running: Running = await startApp(app.folder, port, {});
    stops.push(() => running.stop());
    const recorder = await startRecorder(() => `http://127.0.0.1:${port}`);
    stops.push(() => recorder.close());
    recorders.set(app.name, recorder);
    workers[workerName(app)] = { plain: true, vars: { ORIGIN_URL: recorder.url } };
    for (const [name, start] of Object.entries(CACHES)) {
      const cache = await start(recorder.url);
      stops.push(() => cache.stop());
      workers[workerName(app, name)] = { plain: true, vars: { ORIGIN_URL: cache.url.origin } };
    }
  }
  stack = await startStack({
    auth: { port: AUTH_PORT, publishableKey: PUBLISHABLE_KEY },
    bindings: { kv: true, gate: true },
    vars: VARS,
    workers,
  });
  stops.push(() => stack.close());
});

afterAll(async () => {
  for (const stop of stops.reverse()) {
    await stop();
  }
});

describe.each(apps)("$name", (app) => {
  for (const [name, start] of Object.entries(CACHES)) {
    part(app, true, `${name} in front`, async (task) => {
      const cache = await start(stack.worker(workerName(app)).socket.origin);
      try {
        const seen = await takeTurns(app, siteAt(cache.url));
        task.meta.leaks = seen.leaks.length;
        expect(seen.leaks).toEqual([]);
        expect(seen.served).toBe(2 * ROUNDS);
        expect(seen.cookiesFromCache).toBe(0);
        // The cache did keep what is the same for all, and the users did get new cookies through it.
        expect(seen.hits).toBeGreaterThan(ROUNDS / 2);
        expect(seen.renewals).toBeGreaterThan(0);
      } finally {
        await cache.stop();
      }
    });

    part(app, app.cached!.behind, `${name} behind`, async (task) => {
      const recorder = recorders.get(app.name)!;
      recorder.clear();
      const seen = await takeTurns(app, siteAt(stack.worker(workerName(app, name)).socket));
      task.meta.leaks = seen.leaks.length;
      expect(seen.leaks).toEqual([]);
      expect(seen.served).toBe(2 * ROUNDS);
      expect(seen.renewals).toBeGreaterThan(0);
      // Hundreds of visits by two members, one rendering at the origin.
      expect(recorder.requests.filter(({ path }) => path === MEMBERS)).toHaveLength(1);
      expect(seen.renderings.size).toBe(1);
    });

    part(app, true, `${name} in front, told nothing`, async (task) => {
      const worker = stack.worker(workerName(app)).socket.origin;
      const silent = await startRecorder(() => worker, withoutCacheHeaders);
      const cache = await start(silent.url);
      try {
        const seen = await takeTurns(app, siteAt(cache.url));
        task.meta.leaks = seen.leaks.length;
        expect(seen.leaks.length).toBeGreaterThan(0);
      } finally {
        await cache.stop();
        await silent.close();
      }
    });
  }
});

function part(app: App, applies: boolean, title: string, run: (task: Task) => Promise<void>): void {
  if (applies) {
    cell(app, "caches", run, title);
  }
}

interface Seen {
  /** One for each answer that held what is not the visitor's. */
  leaks: string[];
  /** Pages that the users got, whether theirs or not. */
  served: number;
  hits: number;
  /** Answers out of the cache that set a cookie. */
  cookiesFromCache: number;
  /** Answers that gave a user his renewed session. */
  renewals: number;
  /** The members' page, as often as it was made anew. */
  renderings: Set<string>;
}

async function takeTurns(app: App, site: ReturnType<typeof siteAt>): Promise<Seen> {
  const { pages } = app.cached!;
  const users = [stack.signIn(), stack.signIn()];
  const visitors = [...users, undefined].map((user) => ({ user, browser: new Visitor(site) }));
  const seen: Seen = { leaks: [], served: 0, hits: 0, cookiesFromCache: 0, renewals: 0, renderings: new Set() };
  for (let round = 0; round < ROUNDS; round += 1) {
    const path = pages[round % pages.length]!;
    for (const { user, browser } of visitors) {
      if (user !== undefined && round % EXPIRES_EVERY === 0) {
        browser.cookies = await stack.cookies(stack.signIn({ email: user.user.email as string, expiresIn: -5 }));
      }
      await note(seen, path, user, users, await browser.get(path));
    }
  }
  return seen;
}

async function note(seen: Seen, path: string, user: SignedIn | undefined, users: SignedIn[], answer: Answer): Promise<void> {
  const given = await sessionIn(answer, SUPABASE_URL, stack.key);
  const others = users.filter((other) => other !== user);
  if (given !== null && given.user?.id !== user?.user.id) {
    seen.leaks.push(`${path}: another's cookie`);
  } else if (others.some((other) => answer.text.includes(other.user.id) || answer.text.includes(other.user.email))) {
    seen.leaks.push(`${path}: another's page`);
  } else if (user === undefined && path !== "/" && answer.status === 200) {
    seen.leaks.push(`${path}: a page for members`);
  }
  seen.served += user !== undefined && answer.status === 200 ? 1 : 0;
  const cached = answer.header("x-cache") === "HIT";
  seen.hits += cached ? 1 : 0;
  seen.cookiesFromCache += cached && answer.all("set-cookie").length > 0 ? 1 : 0;
  seen.renewals += given !== null && given.user?.id === user?.user.id ? 1 : 0;
  if (path === MEMBERS && user !== undefined && answer.status === 200) {
    seen.renderings.add(textOf(answer.text, "rendered") ?? "a file");
  }
}

function withoutCacheHeaders(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !CACHE_HEADERS.includes(name.toLowerCase()));
}
