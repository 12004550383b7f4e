/** What the tests of several files ask and expect. */
import type { BrowserContext, Page } from "playwright-core";
import { expect, test, type TestContext } from "vitest";
import { expectDeleted } from "../../support/expectations.ts";
import type { HeaderList } from "../../support/origin.ts";
import { claimsOf } from "../../support/sessions.ts";
import { type SignedIn, SITE } from "../../support/stack.ts";
import type { App, Column } from "./apps.ts";
import { type Bed, sessionIn } from "./bed.ts";
import { Visitor } from "./visitor.ts";

const BURST = 20;

declare module "vitest" {
  interface TaskMeta {
    /** A number for the report. */
    leaks?: number;
  }
}

export type Task = TestContext["task"];

/** A test whose result is a cell of the table, or a part of it. */
export function cell(app: App, column: Column, run: (task: Task) => Promise<void>, part?: string): void {
  if (app.without[column] === undefined) {
    test(part === undefined ? column : `${column}: ${part}`, ({ task }) => run(task));
  }
}

/** One refresh in all, and not by a Supabase client: every client names itself. */
export function expectOneRefreshAtTheEdge(bed: Bed): void {
  expect(bed.refreshes()).toEqual([expect.stringMatching(/^edge-session\//)]);
}

/** Nobody without a session gets to the origin with a request for the private page, in whatever form. */
export async function expectGuarded(bed: Bed, app: App, page: string): Promise<void> {
  const { stack } = bed;
  for (const { path, headers } of [{ path: page, headers: [] }, ...app.data]) {
    const session = stack.signIn({ expiresIn: -5 });
    stack.auth.deleteSession(session.session_id);
    const cookies = await stack.cookies(session);
    for (const [navigate, status] of [[true, 303], [false, 401]] as const) {
      const denied = await bed.worker(app).fetch(path, { headers, navigate, cookies });
      expect(denied.status, path).toBe(status);
      expectDeleted(denied, cookies, stack.key);
      expect((await bed.worker(app).fetch(path, { headers, navigate })).status, path).toBe(status);
    }
  }
  expect(bed.recorder(app).requests).toEqual([]);
}

/** 20 prefetches at once with one expired token, all answered with what holds `shown`. Hands out a visitor who took part. */
export async function expectBurst(
  bed: Bed,
  app: App,
  session: SignedIn,
  shown: string,
): Promise<{ visitor: Visitor; expiresAt: number }> {
  const { path, headers } = app.prefetch;
  const search = await searchOf(new Visitor(bed.worker(app), await bed.stack.cookies(bed.stack.signIn())), path(0), headers);
  const cookies = await bed.stack.cookies(session);
  bed.clear();
  const visitors = Array.from({ length: BURST }, () => new Visitor(bed.worker(app), cookies));
  const answers = await Promise.all(visitors.map((visitor, page) => visitor.get(path(page) + search, headers)));
  expect(answers.map(({ status }) => status)).toEqual(Array(BURST).fill(200));
  answers.forEach(({ text }) => expect(text).toContain(shown));
  expect(bed.recorder(app).requests).toHaveLength(BURST);
  expectOneRefreshAtTheEdge(bed);
  const tokens = await Promise.all(visitors.map(async (visitor) => (await sessionIn(visitor.cookies)).access_token));
  expect(new Set(tokens).size).toBe(1);
  return { visitor: visitors[0]!, expiresAt: claimsOf(tokens[0]!).exp };
}

/** The framework's own router in Chromium: it prefetches every link in sight of the page behind the link to `path`. */
export async function expectPrefetched(bed: Bed, app: App, path: string): Promise<void> {
  const session = bed.stack.signIn();
  await inChromium(bed, app, session, async (context, page) => {
    await page.goto("/account");
    await textIn(page, "#browser");
    await page.waitForLoadState("networkidle");
    await expireIn(bed, context, session);
    bed.clear();
    await page.click(`a[href="${path}"]`);
    const asked = () => new Set(bed.recorder(app).requests.map((request) => request.path).filter((each) => each.startsWith(`${path}/`)));
    await expect.poll(() => asked().size, { timeout: 20_000 }).toBe(BURST);
    await page.waitForLoadState("networkidle");
    expectOneRefreshAtTheEdge(bed);
    await page.goto("/account");
    expect(await page.textContent("#user")).toBe(`${session.user.id} ${session.user.email}`);
    expectOneRefreshAtTheEdge(bed);
  });
}

/** The query that Next.js wants beside its headers, so that no cache takes a page's data for the page; it redirects to it. */
export async function searchOf(visitor: Visitor, path: string, headers: HeaderList): Promise<string> {
  const answer = await visitor.get(path, headers);
  return answer.status === 307 ? new URL(answer.header("location") ?? "", SITE).search : "";
}

export async function inChromium(
  bed: Bed,
  app: App,
  session: SignedIn,
  run: (context: BrowserContext, page: Page) => Promise<void>,
): Promise<void> {
  const context = await bed.open(app, await bed.stack.cookies(session));
  try {
    await run(context, await context.newPage());
  } finally {
    await context.close();
  }
}

/** The text that a script has written there. */
export async function textIn(page: Page, selector: string): Promise<string | null> {
  await page.waitForFunction((where) => document.querySelector(where)?.textContent, selector);
  return page.textContent(selector);
}

/** What a visitor has who comes back after an hour: a session of the same user whose access token has expired. */
export async function expireIn(bed: Bed, context: BrowserContext, { user }: SignedIn): Promise<SignedIn> {
  const late = bed.stack.signIn({ email: user.email as string, expiresIn: -5 });
  const [first] = await context.cookies();
  const cookies = await bed.stack.cookies(late);
  await context.addCookies(cookies.map(({ name, value }) => ({ name, value, domain: first!.domain, path: "/" })));
  return late;
}
