/** Each framework behind the Worker, without any middleware of its own: one test for each cell of the table. */
import { randomBytes, randomUUID } from "node:crypto";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDeleted, sessionSetCookies, UNCACHEABLE } from "../support/expectations.ts";
import { type HeaderList, sha256 } from "../support/origin.ts";
import { claimsOf } from "../support/sessions.ts";
import { type SignedIn, SITE, type Stack } from "../support/stack.ts";
import { type App, type Column, COLUMNS } from "./run/apps.ts";
import { type Bed, chosen, cookiesOf, sessionIn, startBed } from "./run/bed.ts";
import type { Running } from "./run/processes.ts";
import type { Recorder } from "./run/servers.ts";
import { textOf, Visitor } from "./run/visitor.ts";

const BURST = 20;

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
    expectOneRefreshAtTheEdge();
    expect(page.header("cache-control")).toBe(UNCACHEABLE);
  });

  cell(app, "guard", async () => {
    const page = { path: "/account", headers: [] };
    for (const { path, headers } of [page, ...app.data]) {
      const session = stack.signIn({ expiresIn: -5 });
      stack.auth.deleteSession(session.session_id);
      const cookies = await stack.cookies(session);
      const denied = await bed.worker(app).fetch(path, { headers, cookies });
      expect(denied.status, path).toBe(401);
      expectDeleted(denied, cookies, stack.key);
      expect((await bed.worker(app).fetch(path, { headers })).status, path).toBe(401);
      expect((await bed.worker(app).fetch(path, { headers, navigate: true })).status, path).toBe(303);
    }
    expect(recorder.requests).toEqual([]);
    // The same requests are answered with what is the user's when he is signed in.
    for (const { path, headers } of [page, ...app.data]) {
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
    expectOneRefreshAtTheEdge();
    expect(stack.auth.sessions().map(({ id }) => id)).not.toContain(late.session_id);
    expect((await visitor.get("/account")).status).toBe(303);
  });

  cell(app, "prefetch", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const cookies = await stack.cookies(session);
    const { path, headers } = app.prefetch;
    const search = await searchOf(await browserOf(app, stack.signIn()), path(0), headers);
    bed.clear();
    const visitors = Array.from({ length: BURST }, () => new Visitor(bed.worker(app), cookies));
    const answers = await Promise.all(visitors.map((visitor, page) => visitor.get(path(page) + search, headers)));
    expect(answers.map(({ status }) => status)).toEqual(Array(BURST).fill(200));
    if (app.prefetch.whole) {
      answers.forEach(({ text }) => expect(text).toContain(session.user.email));
    }
    expect(recorder.requests).toHaveLength(BURST);
    expectOneRefreshAtTheEdge();
    const tokens = await Promise.all(visitors.map(async (visitor) => (await sessionIn(visitor.cookies)).access_token));
    expect(new Set(tokens).size).toBe(1);
    const page = await visitors[0]!.get("/account");
    expectUser(page.text, session, claimsOf(tokens[0]!).exp);
  });

  if (app.links !== undefined) {
    cell(app, "prefetch", () => clickThroughTo(app, app.links!));
  }

  cell(app, "form", async () => {
    const session = stack.signIn();
    const visitor = await browserOf(app, session);
    const page = await visitor.get("/account");
    await expire(visitor, session);
    const note = bigNote();
    const answer = await visitor.submit(page, "/account", "note", { note });
    expectNoted(answer.header("location"), note, session);
    expectOneRefreshAtTheEdge();
    await sessionIn(visitor.cookies);
  });

  cell(app, "action", async () => {
    const session = stack.signIn();
    await inChromium(app, session, async (context, page) => {
      await page.goto("/account");
      await shownBy(page);
      const note = bigNote();
      await page.fill("[name=note]", note);
      await expireIn(context, session);
      bed.clear();
      await Promise.all([page.waitForURL(/sha256=/), page.click("#note button")]);
      expectNoted(page.url(), note, session);
      // A page load would have posted the form without React.
      expect(recorder.requests.find(({ method }) => method === "POST")?.headers.map(([name]) => name.toLowerCase())).toContain("next-action");
      expectOneRefreshAtTheEdge();
      await sessionIn(await cookiesOf(context));
    });
  });

  cell(app, "streaming", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    const id = randomUUID();
    const path = `${app.stream ?? "/account/stream/"}${id}`;
    const request = bed.worker(app).open(path, { navigate: true, cookies: await stack.cookies(session) });
    request.end();
    const response = await request.response;
    let text = "";
    while (!text.includes('id="first"')) {
      const piece = await response.next();
      expect(piece, text).toBeDefined();
      text += piece;
    }
    expect(text).not.toContain(session.user.id);
    // Only now may the origin make the rest.
    bed.gate.open(id);
    for (let piece = await response.next(); piece !== undefined; piece = await response.next()) {
      text += piece;
    }
    expect(text).toContain(session.user.id);
    expectOneRefreshAtTheEdge();
    expect(sessionSetCookies(response, stack.key).some(({ deletes }) => !deletes)).toBe(true);
  });

  cell(app, "browser", async () => {
    const session = stack.signIn({ expiresIn: -5 });
    await inChromium(app, session, async (context, page) => {
      await page.goto("/account");
      const shown = await shownBy(page);
      const renewed = await sessionIn(await cookiesOf(context));
      expect(shown).toBe(`${session.user.id} ${renewed.expires_at}`);
      expect(renewed.expires_at).toBeGreaterThan(session.expires_at);
      expectOneRefreshAtTheEdge();
    });
  });
});

/** The framework's own router in Chromium, which prefetches every link in sight of the page behind the link to `path`. */
async function clickThroughTo(app: App, path: string): Promise<void> {
  const session = stack.signIn();
  await inChromium(app, session, async (context, page) => {
    await page.goto("/account");
    await shownBy(page);
    await page.waitForLoadState("networkidle");
    await expireIn(context, session);
    bed.clear();
    await page.click(`a[href="${path}"]`);
    const asked = () => new Set(bed.recorder(app).requests.map((request) => request.path).filter((each) => each.startsWith(`${path}/`)));
    await expect.poll(() => asked().size, { timeout: 20_000 }).toBe(BURST);
    await page.waitForLoadState("networkidle");
    expectOneRefreshAtTheEdge();
    await page.goto("/account");
    expect(await page.textContent("#user")).toBe(`${session.user.id} ${session.user.email}`);
    expectOneRefreshAtTheEdge();
  });
}

/** The query that Next.js wants beside its headers, so that no cache takes a page's data for the page; it redirects to it. */
async function searchOf(visitor: Visitor, path: string, headers: HeaderList): Promise<string> {
  const answer = await visitor.get(path, headers);
  return answer.status === 307 ? new URL(answer.header("location") ?? "", SITE).search : "";
}

async function inChromium(app: App, session: SignedIn, run: (context: BrowserContext, page: Page) => Promise<void>): Promise<void> {
  const context = await bed.open(app, await stack.cookies(session));
  try {
    await run(context, await context.newPage());
  } finally {
    await context.close();
  }
}

/** What the browser client has written into the page. */
async function shownBy(page: Page): Promise<string | null> {
  await page.waitForFunction(() => document.querySelector("#browser")?.textContent);
  return page.textContent("#browser");
}

async function expireIn(context: BrowserContext, { user }: SignedIn): Promise<void> {
  const late = await stack.cookies(stack.signIn({ email: user.email as string, expiresIn: -5 }));
  const [first] = await context.cookies();
  await context.addCookies(late.map(({ name, value }) => ({ name, value, domain: first!.domain, path: "/" })));
}

function cell(app: App, column: Column, run: () => Promise<void>): void {
  if (app.without[column] === undefined) {
    test(`${column}: ${COLUMNS[column]}`, run);
  }
}

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

/** One refresh in all, and not by a Supabase client: every client names itself. */
function expectOneRefreshAtTheEdge(): void {
  expect(bed.refreshes()).toEqual([expect.stringMatching(/^edge-session\//)]);
}
