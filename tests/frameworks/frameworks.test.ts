/** Each framework behind the Worker, without any middleware of its own: one test for each cell of the table. */
import { randomBytes, randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import { sessionSetCookies, UNCACHEABLE } from "../support/expectations.ts";
import { sha256 } from "../support/origin.ts";
import type { SignedIn, Stack } from "../support/stack.ts";
import type { App } from "./run/apps.ts";
import { type Bed, chosen, cookiesOf, sessionIn, startBed } from "./run/bed.ts";
import {
  cell,
  expectBurst,
  expectGuarded,
  expectOneRefreshAtTheEdge,
  expectPrefetched,
  expireIn,
  inChromium,
  searchOf,
  textIn,
} from "./run/checks.ts";
import type { Running } from "./run/processes.ts";
import type { Recorder } from "./run/servers.ts";
import { textOf, Visitor } from "./run/visitor.ts";

/** A Supabase client refreshes by itself when less is left, and in many places it cannot write the cookies. */
const CLIENT_MARGIN_SECONDS = 90;

/** Shorter than the time after which any of the frameworks gives up waiting by itself. */
const FIRST_PART_TIMEOUT_MS = 4_000;

const apps = chosen("server");
let bed: Bed;
let stack: Stack<string>;

beforeAll(async () => {
  bed = await startBed(apps);
  stack = bed.stack;
});
afterAll(() => bed?.close());

describe.each(apps)("$name", (app) => {
  let running: Running;
  let recorder: Recorder;

  beforeAll(async () => {
    recorder = bed.recorder(app);
    running = await bed.start(app);
    await new Visitor(bed.worker(app)).get("/");
  });
  afterAll(() => running?.stop());
  beforeEach(() => bed.clear());

  cell(app, "signed in", async () => {
    const session = stack.signIn();
    const visitor = await browserOf(app, session);
    const page = await visitor.get("/account");
    expectUser(page.text, session, session.expires_at);
    expect(bed.refreshes()).toEqual([]);
    expect(sessionSetCookies(page, stack.key)).toEqual([]);
    expect(page.header("cache-control")).toMatch(/private|no-store/);
  });

  cell(app, "refresh", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const visitor = await browserOf(app, session);
    const page = await visitor.get("/account");
    const renewed = await sessionIn(visitor.cookies);
    expect(renewed.expires_at).toBeGreaterThan(session.expires_at);
    expectUser(page.text, session, renewed.expires_at);
    expectOneRefreshAtTheEdge(bed);
    expect(page.header("cache-control")).toBe(UNCACHEABLE);
  });

  cell(app, "refresh", async () => {
    // Enough time for the edge, too little for the client in the origin once the request has arrived there.
    const session = stack.signIn({ expiresIn: CLIENT_MARGIN_SECONDS + 1 });
    const visitor = await browserOf(app, session);
    recorder.delay(1_500);
    const page = await visitor.get("/account");
    expectUser(page.text, session, (await sessionIn(visitor.cookies)).expires_at);
    expectOneRefreshAtTheEdge(bed);
  });

  cell(app, "guard", async () => {
    await expectGuarded(bed, app, "/account");
    // The same requests are answered with what is the user's when he is signed in.
    for (const { path, headers } of [{ path: "/account", headers: [] }, ...app.data]) {
      const session = stack.signIn();
      const visitor = await browserOf(app, session);
      const answer = await visitor.get(path + (await searchOf(visitor, path, headers)), headers);
      expect(answer.text, path).toContain(session.user.email);
    }
  });

  cell(app, "sign-out", async () => {
    const session = stack.signIn();
    const visitor = await browserOf(app, session);
    const page = await visitor.get("/account");
    // The edge has a session to write when the origin deletes it.
    const late = await expire(visitor, session);
    const answer = await visitor.submit(page, "/account", "signout");
    expect(answer.status).toBe(303);
    expect(sessionSetCookies(answer, stack.key).filter(({ deletes, value }) => !deletes && value !== "")).toEqual([]);
    expect(answer.header("cache-control")).toBe(UNCACHEABLE);
    expect(visitor.cookies).toEqual([]);
    expectOneRefreshAtTheEdge(bed);
    expect(stack.auth.sessions().map(({ id }) => id)).not.toContain(late.session_id);
    expect((await visitor.get("/account")).status).toBe(303);
  });

  cell(app, "prefetch", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const shown = app.prefetch.whole ? (session.user.email as string) : "";
    const { visitor, expiresAt } = await expectBurst(bed, app, session, shown);
    const page = await visitor.get("/account");
    expectUser(page.text, session, expiresAt);
  });

  if (app.links !== undefined) {
    cell(app, "prefetch", () => expectPrefetched(bed, app, app.links!));
  }

  cell(app, "form", async () => {
    const session = stack.signIn();
    const visitor = await browserOf(app, session);
    const page = await visitor.get("/account");
    await expire(visitor, session);
    const note = bigNote();
    const answer = await visitor.submit(page, "/account", "note", { note });
    expectNoted(answer.header("location"), note, session);
    expectOneRefreshAtTheEdge(bed);
    await sessionIn(visitor.cookies);
  });

  // Where the framework has a form of its own, this is a fetch.
  cell(app, app.without.action === undefined ? "action" : "form", async () => {
    const session = stack.signIn();
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto("/account");
      await textIn(page, "#browser");
      const note = bigNote();
      await page.fill("[name=note]", note);
      await expireIn(bed, context, session);
      bed.clear();
      await Promise.all([page.waitForURL(/sha256=/), page.click("#note button")]);
      expectNoted(page.url(), note, session);
      const posted = recorder.requests.find(({ method }) => method === "POST");
      const byAction = posted?.headers.some(([name]) => name.toLowerCase() === "next-action");
      expect(byAction).toBe(app.without.action === undefined);
      expectOneRefreshAtTheEdge(bed);
      await sessionIn(await cookiesOf(context));
    });
  });

  cell(app, app.without.action === undefined ? "action" : "sign-out", async () => {
    const session = stack.signIn();
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto("/account");
      await textIn(page, "#browser");
      const late = await expireIn(bed, context, session);
      await Promise.all([page.waitForURL((url) => url.pathname === "/"), page.click("#signout button")]);
      expect(await cookiesOf(context)).toEqual([]);
      expect(stack.auth.sessions().map(({ id }) => id)).not.toContain(late.session_id);
    });
  });

  cell(app, "streaming", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const id = randomUUID();
    const path = `${app.stream ?? "/account/stream/"}${id}`;
    const request = bed.worker(app).open(path, { navigate: true, cookies: await stack.cookies(session) });
    request.end();
    // Some servers give up waiting after seconds and send what they have: that would not be streaming.
    const given = setTimeout(() => request.destroy(), FIRST_PART_TIMEOUT_MS);
    const response = await request.response;
    let text = "";
    while (!text.includes('id="first"')) {
      const piece = await response.next();
      expect(piece, text).toBeDefined();
      text += piece;
    }
    clearTimeout(given);
    expect(text).not.toContain(session.user.id);
    // Only now may the origin make the rest.
    bed.gate.open(id);
    for (let piece = await response.next(); piece !== undefined; piece = await response.next()) {
      text += piece;
    }
    expect(text).toContain(session.user.id);
    expectOneRefreshAtTheEdge(bed);
    expect(sessionSetCookies(response, stack.key).some(({ deletes }) => !deletes)).toBe(true);
  });

  cell(app, "link", async () => {
    const session = stack.signIn();
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto("/");
      await page.waitForLoadState("networkidle");
      const dead = await expireIn(bed, context, session);
      stack.auth.deleteSession(dead.session_id);
      bed.clear();
      await page.click('a[href="/account"]');
      await page.waitForURL((url) => url.pathname === "/login", { timeout: 10_000 });
      expect(await cookiesOf(context)).toEqual([]);
      const asked = recorder.requests.map(({ path }) => path).filter((path) => !path.startsWith("/assets/"));
      expect(asked.filter((path) => /\/account([./]|$)/.test(path))).toEqual([]);
    });
  });

  cell(app, "browser", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto("/account");
      const shown = await textIn(page, "#browser");
      const renewed = await sessionIn(await cookiesOf(context));
      expect(shown).toBe(`${session.user.id} ${renewed.expires_at}`);
      expect(renewed.expires_at).toBeGreaterThan(session.expires_at);
      expectOneRefreshAtTheEdge(bed);
    });
  });
});

async function browserOf(app: App, session: SignedIn): Promise<Visitor> {
  return new Visitor(bed.worker(app), await stack.cookies(session));
}

/** Another session of the same user, whose token has expired: what a visitor has who comes back after an hour. */
async function expire(visitor: Visitor, { user }: SignedIn): Promise<SignedIn> {
  const late = stack.signIn({ email: user.email as string, expiresIn: -5 });
  visitor.cookies = await stack.cookies(late);
  return late;
}

function bigNote(): string {
  return `${randomBytes(20_000).toString("hex")} Ærøskøbing 🚢`;
}

function expectUser(html: string, { user }: SignedIn, expiresAt: number): void {
  expect(textOf(html, "claims")).toBe(`${user.id} ${expiresAt}`);
  expect(textOf(html, "user")).toBe(`${user.id} ${user.email}`);
}

function expectNoted(location: string | undefined, note: string, { user }: SignedIn): void {
  expect(location).toContain(`sha256=${sha256(note)}`);
  expect(location).toContain(`by=${user.id}`);
}
