/** The demo with JavaScript off: the Worker's own routes do what the browser's client does elsewhere. */
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { findChromium } from "../../.tools/chromium.mjs";
import { ACCOUNTS } from "../demo/accounts.ts";
import { type Demo, startDemo } from "../demo/demo.ts";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

let demo: Demo;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error("no Chromium found: run `node .tools/chromium.mjs`, or name one in CHROMIUM_PATH");
  }
  demo = await startDemo();
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS });
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

beforeEach(async () => {
  context = await browser.newContext({ baseURL: demo.url, javaScriptEnabled: false });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
});

afterEach(() => context.close());

const where = (): string => page.url().slice(demo.url.length);

test("a wrong password is told, the right one leads to where the visitor wanted to go, and sign-out ends it", async () => {
  await page.goto("/members");
  expect(where()).toBe("/login?next=%2Fmembers");
  await page.fill("[name=password]", "wrong");
  await page.click("button[value=signin]");
  expect(where()).toBe("/login?error=invalid_credentials&next=%2Fmembers");
  expect(await page.textContent("#login-error")).toContain("do not belong together");

  await page.goto("/members");
  await page.fill("[name=email]", ACCOUNTS.member.email);
  await page.fill("[name=password]", ACCOUNTS.member.password);
  await page.click("button[value=signin]");
  expect(where()).toBe("/members");
  expect(await page.textContent("#greeting")).toBe(ACCOUNTS.member.name);

  await page.click('form[action="/auth/signout"] button');
  expect(where()).toBe("/");
  await page.goto("/members");
  expect(where()).toBe("/login?next=%2Fmembers");
});

test("a new account is confirmed by the button behind the mailed link, which scanners may open first", async () => {
  demo.auth.config({ autoconfirm: false, mailLinks: "token_hash" });
  const email = "new@harbour.example";
  await page.goto("/login");
  await page.fill("[name=email]", email);
  await page.fill("[name=password]", "a long enough password");
  await page.click("button[value=signup]");
  expect(where()).toBe("/login?sent=1");

  const link = demo.auth.inbox.latest(email)!.link;
  for (const method of ["GET", "HEAD", "GET", "HEAD"]) {
    expect((await fetch(link, { method })).status).toBe(200);
  }
  await page.goto(link);
  const [posted] = await Promise.all([page.waitForRequest((request) => request.method() === "POST"), page.click("button")]);
  // A browser that sends no Sec-Fetch-Site shows by its Origin where the form stood; the token stays out of the Referer.
  const sent = await posted.allHeaders();
  expect([sent.origin, sent.referer]).toEqual([new URL(link).origin, `${new URL(link).origin}/`]);
  await page.waitForURL((url) => url.pathname === "/");
  await page.goto("/members");
  expect(where()).toBe("/members");
  expect(await page.textContent("#greeting")).toBe(email);
  await page.click('form[action="/auth/signout"] button');
  await page.goto("/members");
  expect(where()).toBe("/login?next=%2Fmembers");
});

test("a provider signs in without a script", async () => {
  await page.goto("/login");
  await page.click("text=Sign in with GitHub");
  expect(page.url()).toContain("/provider/github");
  await page.click("button[value=continue]");
  expect(where()).toBe("/members");
  expect((await context.cookies()).some(({ name }) => name.endsWith("-code-verifier"))).toBe(false);
});
