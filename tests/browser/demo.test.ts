import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { ACCOUNTS } from "../demo/accounts.ts";
import { type Demo, startDemo } from "../demo/demo.ts";

// Shorter than the default, so that the test of a hanging Auth does not wait long.
const AUTH_TIMEOUT_MS = 2000;

let demo: Demo;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  demo = await startDemo({ vars: { AUTH_TIMEOUT_MS } });
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  await demo?.stop();
});

beforeEach(async () => {
  context = await browser.newContext({ baseURL: demo.url });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
});

afterEach(async () => {
  demo.auth.faults.clear();
  await context.close();
});

describe("signing in", () => {
  test("the front page needs no session, and the panel says so", async () => {
    await open("/");
    expect(await panel("outcome")).toBe("anonymous");
    expect(await panel("user")).toBe("nobody");
    expect(await panel("token")).toBe("none");
  });

  test("a members page sends a visitor to the login page, and signing in leads back to it", async () => {
    await open("/members");
    expect(where()).toBe("/login?next=%2Fmembers");
    await signIn();
    expect(where()).toBe("/members");
    expect(await page.textContent("#greeting")).toBe(ACCOUNTS.member.name);
    expect(await panel("outcome")).toBe("valid");
    expect(await panel("user")).toContain(ACCOUNTS.member.email);
    expect(await panel("role")).toContain("authenticated");
    expect(await panel("token")).toMatch(/^(59:\d\d|1:00:00) left$/);
  });

  test("a wrong password is told, and signs nobody in", async () => {
    await open("/login");
    await page.fill("[name=password]", "not-the-password");
    await page.click("button[value=signin]");
    await page.waitForSelector("#login-error:not([hidden])");
    expect(await page.textContent("#login-error")).toContain("do not belong together");
    expect(where()).toBe("/login");
    expect(await sessionCookies()).toEqual([]);
  });

  test("a new account is signed in at once", async () => {
    await open("/login?next=/members");
    await page.fill("[name=email]", "new@harbour.example");
    await page.fill("[name=password]", "first-voyage-1");
    await page.click("button[value=signup]");
    await arrive("/members");
    expect(await panel("user")).toContain("new@harbour.example");
  });

  test.each(["https://elsewhere.example/", "//elsewhere.example", "/\\elsewhere.example", "javascript:alert(1)"])(
    "next=%s does not leave the site",
    async (next) => {
      await open(`/login?next=${encodeURIComponent(next)}`);
      await signIn();
      expect(page.url()).toBe(`${demo.url}/members`);
    },
  );

  test("the office lets the harbourmaster in and nobody else", async () => {
    await open("/login");
    await signIn();
    const refused = await page.goto("/admin");
    expect(refused?.status()).toBe(403);
    expect(await sessionCookies()).not.toEqual([]);

    await signInAnew(ACCOUNTS.admin);
    const admitted = await page.goto("/admin");
    expect(admitted?.status()).toBe(200);
    expect(await page.textContent("h1")).toBe("Who is signed in");
  });
});

describe("an expired access token", () => {
  test("is renewed at the edge when the page is reloaded, with one call to Auth", async () => {
    await open("/login");
    await signIn();
    const signedIn = await sessionCookies();
    await expireToken();
    const before = refreshes();

    await press("reload");
    expect(await panel("outcome")).toBe("refreshed");
    expect(await page.textContent("#greeting")).toBe(ACCOUNTS.member.name);
    expect(await panel("token")).toMatch(/ left$/);
    expect(await panel("calls")).toContain("1 refresh for this page");
    expect(refreshes() - before).toBe(1);
    expect(await sessionCookies()).not.toEqual(signedIn);

    await press("reload");
    expect(await panel("outcome")).toBe("valid");
    expect(refreshes() - before).toBe(1);
  });

  test("is renewed for 20 tabs at once, and all of them are signed in", async () => {
    await open("/login");
    await signIn();
    await expireToken();
    const before = refreshes();
    const outcomes = await openTabs();
    expect(outcomes).toHaveLength(20);
    expect(new Set([...outcomes, "refreshed", "valid"])).toEqual(new Set(["refreshed", "valid"]));
    expect(outcomes).toContain("refreshed");
    expect(refreshes() - before).toBe(1);

    await open("/members");
    expect(await panel("outcome")).toBe("valid");
    expect(await page.textContent("#greeting")).toBe(ACCOUNTS.member.name);
  });
});

test("20 tabs at once with a good token cost no call to Auth", async () => {
  await open("/login");
  await signIn();
  const before = demo.auth.calls.log().length;
  expect(await openTabs()).toEqual(Array(20).fill("valid"));
  expect(demo.auth.calls.log().length).toBe(before);
  expect(await page.textContent("#hint")).toContain("Auth was asked nothing");
});

describe("the end of a session", () => {
  test("signing out in the page signs out at the edge", async () => {
    await open("/login");
    await signIn();
    await page.click("text=Sign out");
    await arrive("/");
    expect(await panel("outcome")).toBe("anonymous");
    expect(await sessionCookies()).toEqual([]);

    await open("/members");
    expect(where()).toBe("/login?next=%2Fmembers");
  });

  test("ended elsewhere, the session is refused at once where Auth is asked, and at its expiry everywhere", async () => {
    await open("/login");
    await signIn();
    await press("end-session", "Auth has forgotten this session");
    await open("/members");
    expect(await panel("outcome")).toBe("valid");
    await open("/account");
    expect(where()).toBe("/login?next=%2Faccount");
    expect(await sessionCookies()).toEqual([]);

    await signIn();
    expect(where()).toBe("/account");
    await open("/members");
    await press("end-session", "Auth has forgotten this session");
    await expireToken();
    await open("/members");
    expect(where()).toBe("/login?next=%2Fmembers");
    expect(await sessionCookies()).toEqual([]);
  });
});

describe("Auth in trouble", () => {
  test.each([
    ["limited", "429"],
    ["down", "503"],
    ["hang", "no answer"],
  ])("%s (%s) keeps the session", async (weather) => {
    await open("/login");
    await signIn();
    await open("/");
    await expireToken();
    const kept = await sessionCookies();
    await page.check(`input[name=weather][value=${weather}]`, { force: true });
    await page.waitForFunction(() => document.getElementById("hint")!.textContent!.startsWith("Auth now"));

    await open("/");
    expect(await panel("outcome")).toBe("unavailable");
    expect(await panel("user")).toBe("nobody");
    const refused = await page.goto("/members");
    expect(refused?.status()).toBe(503);
    expect(refused?.headers()["retry-after"]).toBe("5");
    expect(await sessionCookies()).toEqual(kept);

    demo.auth.faults.clear();
    // After trouble the Worker may leave Auth alone for some seconds.
    await expect.poll(async () => (await page.goto("/members"))?.status(), { timeout: 20_000, interval: 500 }).toBe(200);
    await panelReady();
    // Another request of the page before may have brought the new session already.
    expect(["refreshed", "valid"]).toContain(await panel("outcome"));
    expect(await sessionCookies()).not.toEqual(kept);
    expect(await page.textContent("#greeting")).toBe(ACCOUNTS.member.name);
  });
});

describe("caches", () => {
  test("a page for one visitor is private, whatever the site said", async () => {
    await open("/login");
    await signIn();
    expect(await cell("site-cache")).toContain("public, s-maxage=30");
    expect(await cell("browser-cache")).toBe("private, no-cache");
    expect(await cell("vary")).toContain("Cookie");
  });

  test("a shared page is one copy for all members, and the site is not told whose", async () => {
    await open("/login");
    await signIn();
    const [ines] = await Promise.all([fetchPage("/library"), open("/library")]);
    expect(await panel("outcome")).toBe("valid");
    expect(await panel("user")).toContain(ACCOUNTS.member.email);
    expect(await page.isVisible('[data-edge="identity-note"]')).toBe(true);
    expect(await cell("browser-cache")).toBe("private, no-cache");
    expect(await cell("etag")).toMatch(/ → 304$/);

    await signInAnew(ACCOUNTS.admin);
    expect(etagOf(await fetchPage("/library"))).toBe(etagOf(ines));
    expect(etagOf(ines)).toBeTruthy();
  });
});

/** Opens a page and waits until the panel has been filled in. */
async function open(path: string): Promise<void> {
  await page.goto(path);
  await panelReady();
}

async function panelReady(): Promise<void> {
  await page.waitForSelector("body[data-panel=ready]", { state: "attached", timeout: 30_000 });
}

async function arrive(path: string): Promise<void> {
  await page.waitForURL(`${demo.url}${path}`);
  await panelReady();
}

/** Signs in on the login page, where it stands, and waits for the page it leads to. */
async function signIn(account: { email: string; password: string } = ACCOUNTS.member): Promise<void> {
  await page.fill("[name=email]", account.email);
  await page.fill("[name=password]", account.password);
  await page.click("button[value=signin]");
  await page.waitForURL((url) => url.pathname !== "/login");
  await panelReady();
}

async function signInAnew(account: { email: string; password: string }): Promise<void> {
  await context.clearCookies();
  await open("/login");
  await signIn(account);
}

async function press(action: string, hint?: string): Promise<void> {
  if (action === "reload") {
    await Promise.all([page.waitForEvent("load"), page.click('[data-action="reload"]')]);
    return panelReady();
  }
  await page.click(`[data-action="${action}"]`);
  if (hint !== undefined) {
    await page.waitForFunction((text) => document.getElementById("hint")!.textContent!.includes(text), hint);
  }
}

async function expireToken(): Promise<void> {
  await press("expire", "is now an old one");
  expect(await panel("token")).toMatch(/^expired /);
}

async function openTabs(): Promise<string[]> {
  await press("tabs", "Auth was asked");
  return page.$$eval("#tabs i", (lamps) => lamps.map((lamp) => (lamp as HTMLElement).dataset.outcome ?? "none"));
}

async function panel(id: string): Promise<string> {
  return (await page.textContent(`#edge #${id}`))?.trim() ?? "";
}

async function cell(name: string): Promise<string> {
  return (await page.textContent(`#edge [data-edge="${name}"]`))?.trim() ?? "";
}

function where(): string {
  const { pathname, search } = new URL(page.url());
  return pathname + search;
}

async function sessionCookies(): Promise<string[]> {
  const cookies = await context.cookies();
  return cookies.filter(({ name }) => name.startsWith("sb-")).map(({ name, value }) => `${name}=${value}`).sort();
}

function refreshes(): number {
  return demo.auth.calls.counts()["token:refresh_token"] ?? 0;
}

/** Asks for a page with the cookies of the context, beside the page that it shows. */
async function fetchPage(path: string): Promise<Record<string, string>> {
  return (await context.request.get(path)).headers();
}

function etagOf(headers: Record<string, string>): string | undefined {
  return headers.etag;
}
