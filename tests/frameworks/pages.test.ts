/**
 * Sites whose pages are the same for all, so that shared caches may keep them: the guard stands before them, and the
 * browser shows the user.
 */
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import type { SignedIn } from "../support/stack.ts";
import { type Bed, chosen, cookiesOf, sessionIn, startBed } from "./run/bed.ts";
import { cell, expectBurst, expectGuarded, expectOneRefreshAtTheEdge, expireIn, inChromium, textIn } from "./run/checks.ts";
import type { Running } from "./run/processes.ts";
import { Visitor } from "./run/visitor.ts";

const PAGE = "/members/news";

const apps = chosen("pages");
let bed: Bed;

beforeAll(async () => {
  bed = await startBed(apps);
});
afterAll(() => bed?.close());

describe.each(apps)("$name", (app) => {
  let running: Running;

  beforeAll(async () => {
    running = await bed.start(app);
    await new Visitor(bed.worker(app)).get("/");
  });
  afterAll(() => running?.stop());
  beforeEach(() => bed.clear());

  cell(app, "signed in", async () => {
    const session = bed.stack.signIn();
    await inChromium(bed, app, session, async (_, page) => {
      await page.goto(PAGE);
      await expectUser(page, session, session.expires_at);
      expect(bed.refreshes()).toEqual([]);
      expectAskedForNobody();
    });
  });

  cell(app, "refresh", async () => {
    const session = bed.stack.signIn({ expiresIn: -5 });
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto(PAGE);
      await expectRenewed(context, page, session);
      expectAskedForNobody();
    });
  });

  cell(app, "guard", async () => {
    await expectGuarded(bed, app, PAGE);
    const visitor = new Visitor(bed.worker(app), await bed.stack.cookies(bed.stack.signIn()));
    expect((await visitor.get(PAGE)).text).toContain("News for members");
  });

  cell(app, "sign-out", async () => {
    const session = bed.stack.signIn();
    await inChromium(bed, app, session, async (context, page) => {
      await page.goto(PAGE);
      await expectUser(page, session, session.expires_at);
      await expireIn(bed, context, session);
      await Promise.all([page.waitForURL((url) => url.pathname === "/"), page.click("#browser-signout")]);
      expect(await cookiesOf(context)).toEqual([]);
      bed.clear();
      await page.goto(PAGE);
      expect(new URL(page.url()).pathname).toBe("/login");
      expect(bed.recorder(app).requests.map(({ path }) => path)).not.toContain(PAGE);
    });
  });

  cell(app, "prefetch", async () => {
    const session = bed.stack.signIn({ expiresIn: -5 });
    const { visitor } = await expectBurst(bed, app, session, app.prefetch.whole ? "News for members" : "");
    expect((await visitor.get(PAGE)).status).toBe(200);
    expectAskedForNobody();
  });

  /** The origin is asked for the members' pages as nobody in particular. */
  function expectAskedForNobody(): void {
    const asked = bed.recorder(app).requests.filter(({ path }) => path.startsWith("/members/"));
    expect(asked).not.toEqual([]);
    const names = asked.flatMap(({ headers }) => headers.map(([name]) => name.toLowerCase()));
    expect(names.filter((name) => name === "cookie" || name === "authorization" || name.startsWith("x-session-user"))).toEqual([]);
  }
});

async function expectRenewed(context: BrowserContext, page: Page, session: SignedIn): Promise<void> {
  const shown = await textIn(page, "#claims");
  const renewed = await sessionIn(await cookiesOf(context));
  expect(renewed.expires_at).toBeGreaterThan(session.expires_at);
  expect(shown).toBe(`${session.user.id} ${renewed.expires_at}`);
  expectOneRefreshAtTheEdge(bed);
}

async function expectUser(page: Page, { user }: SignedIn, expiresAt: number): Promise<void> {
  expect(await textIn(page, "#claims")).toBe(`${user.id} ${expiresAt}`);
  expect(await textIn(page, "#user")).toBe(`${user.id} ${user.email}`);
}
