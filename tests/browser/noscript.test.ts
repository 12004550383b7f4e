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

test("the whole life of an account: from sign-up to a phone that was lost", async () => {
  demo.auth.config({ autoconfirm: false });
  const email = "maria@harbour.example";
  const phone = "+4915112345678";
  const press = (name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();
  const type = (label: string, text: string): Promise<void> => page.getByLabel(label, { exact: true }).fill(text);

  await page.goto("/login");
  await page.click("text=use the edge's own pages");
  await page.click("text=Create an account");
  await type("E-mail address", email);
  await type("Password", "a long enough password");
  await press("Create account");
  await page.goto(`${demo.auth.url}/inbox`);
  expect(await page.textContent("main, body")).toContain(demo.auth.inbox.latest(email)!.token);
  await page.goBack();
  await type("Code", demo.auth.inbox.latest(email)!.token);
  await press("Continue");
  expect(where()).toBe("/members");

  // Two second steps: an app, and a phone in reserve.
  await page.goto("/account");
  await page.click("text=A second step for signing in");
  await press("Add an app");
  const secret = (await page.textContent("#secret"))!;
  await type("Code", demo.auth.totp(secret));
  await press("Confirm");
  expect(where()).toBe("/account/second-step");
  await type("Phone number", phone);
  await press("Add a phone");
  await type("Code", demo.auth.messages.latest(phone)!.code);
  await press("Confirm");
  expect(await page.locator("tbody tr").count()).toBe(2);

  // Out everywhere; the password is forgotten, and a new one is set.
  await page.goto("/account");
  await press("Sign out everywhere");
  await page.goto("/auth/recover?next=/safe");
  await type("E-mail address", email);
  await press("Send message");
  await type("Code", demo.auth.inbox.latest(email)!.token);
  await press("Continue");
  expect(where()).toBe("/auth/password?next=%2Fsafe");
  await type("New password", "another long enough one");
  await press("Save password");
  // Who has a second step shows it before he changes his password. The phone with the app is lost: the other one gets a message.
  expect(where()).toBe("/auth/mfa?next=%2Fauth%2Fpassword%3Fnext%3D%252Fsafe");
  await page.getByRole("link", { name: /^Text message/ }).click();
  await press("Send code");
  await type("Code", demo.auth.messages.latest(phone)!.code);
  await press("Continue");
  expect(where()).toBe("/auth/password?next=%2Fsafe");
  await type("New password", "another long enough one");
  await press("Save password");
  expect([where(), await page.textContent("h1")]).toEqual(["/safe", "The keys of the lock"]);

  // The lost app is removed, so that whoever found it opens nothing.
  await page.click("text=Change your second step");
  await page.locator("tr", { hasText: "App" }).getByRole("button", { name: "Remove" }).click();
  expect(await page.locator("tbody tr").count()).toBe(1);
  expect(await page.locator("tbody").textContent()).not.toContain("App");
  await page.goto("/safe");
  expect(await page.textContent("h1")).toBe("The keys of the lock");
  demo.auth.config({ autoconfirm: true });
});
