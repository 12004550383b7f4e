/** Every page in a browser: readable, narrow enough, without findings of axe, and without a script but for what only a script can do. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchChromium } from "../support/chromium.ts";
import { type Gallery, openGallery } from "./gallery.ts";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const WIDTHS = [320, 768, 1280];
const SCHEMES = ["light", "dark"] as const;
const TOKENS = `#access_token=x.${Buffer.from('{"email":"maria@harbour.example"}').toString("base64url")}.x&refresh_token=r1&type=invite`;

let gallery: Gallery;
let browser: Browser;
let context: BrowserContext | undefined;

beforeAll(async () => {
  gallery = await openGallery();
  browser = await launchChromium();
});

afterAll(async () => {
  await browser?.close();
  gallery?.stop();
});

afterEach(async () => {
  await context?.close();
  context = undefined;
  gallery.posts.length = 0;
  gallery.answers.clear();
  gallery.redirects.clear();
});

/** A page of its own context; whatever its policy blocks ends up in `blocked`. */
async function open(name: string, options: { javaScriptEnabled?: boolean; language?: string; fragment?: string } = {}) {
  const { javaScriptEnabled = true, language = "en", fragment = "" } = options;
  context ??= await browser.newContext({ baseURL: gallery.url, javaScriptEnabled });
  const page = await context.newPage();
  const blocked: string[] = [];
  page.on("console", (message) => void (/Content Security Policy/.test(message.text()) && blocked.push(message.text())));
  page.on("pageerror", (error) => void blocked.push(String(error)));
  await page.goto(`/${name}.${language}.html${fragment}`);
  return { page, blocked };
}

async function findings(page: Page): Promise<string[]> {
  if (!(await page.evaluate("typeof axe === 'object'"))) await page.evaluate(AXE);
  const { violations } = await page.evaluate<axe.AxeResults>(`axe.run({ runOnly: ${JSON.stringify(TAGS)} })`);
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`));
}

const isTooWide = (page: Page) => page.evaluate("document.documentElement.scrollWidth > innerWidth");

// The gallery is made before the first test runs, and its names are wanted before that.
const NAMES = [
  ...["sign-in", "sign-in-failed", "sign-in-phone", "sign-in-again", "sign-in-domain", "sign-up", "sign-up-failed", "recover", "recover-sent", "sso"],
  ...["mfa", "mfa-failed", "mfa-choose", "mfa-send", "mfa-none", "password", "password-failed", "forbidden", "forbidden-plain"],
  ...["verify", "verify-failed", "confirm", "confirm-recovery", "fragment"],
  ...[400, 403, 404, 405, 413, 429, 500, 502, 503, 508].flatMap((status) => [`${status}-branded`, `${status}-plain`]),
];

test("the gallery has what is tested here, and nothing else", () => {
  expect(gallery.names.toSorted()).toEqual(NAMES.toSorted());
  expect(gallery.languages).toHaveLength(6);
});

describe.each(NAMES)("%s", (name) => {
  test("reads well in every language, width and scheme", async () => {
    for (const language of gallery.languages) {
      // The page for SSO would go on by itself, and that of Turnstile load a script from elsewhere.
      context = await browser.newContext({ baseURL: gallery.url });
      await context.route(/challenges\.cloudflare\.com/, (route) => route.abort());
      await context.route(/\/auth\/sso/, (route) => route.fulfill({ status: 204 }));
      const { page, blocked } = await open(name, { language, fragment: name === "fragment" ? TOKENS : "" });
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme });
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: 800 });
          expect(await isTooWide(page), `${language} at ${width}`).toBe(false);
          // Rules about structure, names and colours see the same page in every language.
          if (language === "en" || (width === 320 && colorScheme === "light")) expect(await findings(page), `${language} ${colorScheme} at ${width}`).toEqual([]);
        }
      }
      expect(blocked).toEqual([]);
      await context.close();
      context = undefined;
    }
  });
});

describe("without JavaScript", () => {
  test("a form sends what its fields say and where to go on, by the Enter key", async () => {
    const { page } = await open("sign-in", { javaScriptEnabled: false });
    expect(await page.locator("button").first().evaluate((button) => getComputedStyle(button).backgroundColor)).toBe("rgb(11, 110, 105)");
    // The field with the focus is the first one.
    await page.keyboard.type("a@b.example");
    await page.keyboard.press("Tab");
    await page.keyboard.type("secret");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/done");
    expect(gallery.posts).toEqual([{ path: "/auth/login", body: "next=%2Fmembers&email=a%40b.example&password=secret" }]);
  });

  test("a code is asked for with the same form, without a password", async () => {
    const { page } = await open("sign-in", { javaScriptEnabled: false });
    await page.getByLabel("E-mail address").fill("a@b.example");
    await page.getByRole("button", { name: "E-mail me a code instead" }).click();
    await page.waitForURL("**/done");
    expect(gallery.posts).toEqual([{ path: "/auth/otp", body: "next=%2Fmembers&email=a%40b.example&password=" }]);
  });

  test.each([
    ["verify", "token", "/auth/verify", "next=%2Fmembers&type=email&email=maria.lindqvist%40harbour.example&token=123456"],
    ["mfa", "code", "/auth/mfa", "next=%2Fmembers&factor_id=f1&code=123456"],
    ["mfa-failed", "code", "/auth/mfa", "next=%2Fmembers&factor_id=f2&challenge_id=c1&code=123456"],
  ])("the code of %s is sent", async (name, field, path, body) => {
    const { page } = await open(name, { javaScriptEnabled: false });
    await page.fill(`[name=${field}]`, "123456");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/done");
    expect(gallery.posts).toEqual([{ path, body }]);
  });

  test.each([
    ["mfa-send", "Send code", "/auth/mfa", "next=%2Fmembers&factor_id=f2"],
    ["confirm", "Continue", "/auth/confirm", "token_hash=pkce_0f1e2d&type=signup&next=%2Fmembers"],
    ["forbidden", "Sign out", "/auth/signout", ""],
    ["verify", "Send a new code", "/auth/otp", "next=%2Fmembers&type=email&email=maria.lindqvist%40harbour.example&token="],
  ])("the button of %s works: %s", async (name, button, path, body) => {
    const { page } = await open(name, { javaScriptEnabled: false });
    await page.getByRole("button", { name: button }).click();
    await page.waitForURL("**/done");
    expect(gallery.posts).toEqual([{ path, body }]);
  });

  test("an organisation's domain leads on, and its page goes further by itself", async () => {
    const { page } = await open("sign-in-domain", { javaScriptEnabled: false });
    await page.getByLabel("Your organisation’s domain").fill("harbour.example");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/auth/login?next=%2Fmembers&domain=harbour.example");
    await page.goto("/sso.en.html");
    await page.waitForURL("**/auth/sso?domain=harbour.example&next=%2Fmembers");
  });

  test("no button is there that only a script could serve", async () => {
    const { page } = await open("sign-in-phone", { javaScriptEnabled: false });
    expect(await page.locator("#passkey").isVisible()).toBe(false);
    const fragment = await open("fragment", { javaScriptEnabled: false });
    expect(await fragment.page.locator("form").isVisible()).toBe(false);
    expect(await fragment.page.locator("noscript p").isVisible()).toBe(true);
  });

  test("only pages with passkeys, tokens in the fragment or Turnstile have a script", () => {
    const scripted = gallery.names.filter((name) => gallery.html(name, "en").includes("<script"));
    expect(scripted.toSorted()).toEqual(["confirm-recovery", "fragment", "sign-in-domain", "sign-in-failed", "sign-in-phone"]);
  });
});

describe("a fragment", () => {
  test("with tokens names its account, and only the button sends them", async () => {
    const { page, blocked } = await open("fragment", { fragment: TOKENS });
    expect(await page.textContent("#account")).toBe("maria@harbour.example");
    expect(page.url()).not.toContain("#");
    expect(gallery.posts).toEqual([]);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForURL("**/done");
    const [{ path, body }] = gallery.posts;
    const sent = Object.fromEntries(new URLSearchParams(body));
    expect([path, sent.refresh_token, sent.type, sent.next, sent.access_token.length > 10]).toEqual(["/auth/fragment", "r1", "invite", "/members", true]);
    expect(blocked).toEqual([]);
  });

  test.each([
    ["#error=access_denied&error_code=otp_expired", "?error=otp_expired"],
    ["#error=%22%3E%3Cscript%3E", "?error=%22%3E%3Cscript%3E"],
    ["#message=Confirm+link", "?message=confirm_other_address"],
    ["", "?error=validation_failed"],
  ])("%s leads to the sign-in page", async (fragment, query) => {
    const { page } = await open("fragment", { fragment });
    await page.waitForURL(`**/auth/login${query}`);
  });

  test("with a token that names nobody, or HTML, is shown as text", async () => {
    const claims = Buffer.from(JSON.stringify({ email: "<img src=x onerror=alert(1)>" })).toString("base64url");
    const { page } = await open("fragment", { fragment: `#access_token=x.${claims}.x&refresh_token=r` });
    expect(await page.textContent("#account")).toBe("<img src=x onerror=alert(1)>");
    const unknown = await open("fragment", { fragment: "#access_token=garbage&refresh_token=r" });
    expect(await unknown.page.textContent("#account")).toBe("an unnamed account");
  });
});

describe("a passkey", () => {
  /** A browser with an authenticator that has a discoverable key for this site. */
  async function withKey() {
    const { page, blocked } = await open("sign-in-phone");
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("WebAuthn.enable");
    const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true } as const;
    await devtools.send("WebAuthn.addVirtualAuthenticator", { options });
    const created = `navigator.credentials.create({ publicKey: { challenge: new Uint8Array(32), rp: { name: "x" }, user: { id: new Uint8Array([7]), name: "x", displayName: "x" },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }], authenticatorSelection: { residentKey: "required" } } }).then(({ id }) => id)`;
    return { page, blocked, id: await page.evaluate<string>(created) };
  }

  test("signs in: options are asked for, the credential is sent, and the page goes on", async () => {
    const { page, blocked, id } = await withKey();
    const challenge = Buffer.alloc(32, 0xfb).toString("base64url");
    gallery.answers.set("/auth/passkey/options", { challenge_id: "c1", options: { challenge, timeout: 60_000, rpId: "localhost", userVerification: "preferred" } });
    gallery.answers.set("/auth/passkey", { user: {} });
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.waitForURL("**/members");
    expect(gallery.posts.map(({ path }) => path)).toEqual(["/auth/passkey/options", "/auth/passkey"]);
    const { challenge_id, credential } = JSON.parse(gallery.posts[1].body);
    expect([challenge_id, credential.id, credential.rawId, credential.type]).toEqual(["c1", id, id, "public-key"]);
    const client = JSON.parse(Buffer.from(credential.response.clientDataJSON, "base64url").toString());
    expect([client.type, client.challenge, client.origin]).toEqual(["webauthn.get", challenge, gallery.url]);
    expect(credential.response.userHandle).toBe("Bw");
    expect(Buffer.from(credential.response.signature, "base64url").length).toBeGreaterThan(60);
    expect(blocked).toEqual([]);
  });

  test("that is refused says so, and can be tried again", async () => {
    const { page } = await withKey();
    gallery.answers.set("/auth/passkey/options", { unexpected: true });
    await page.getByRole("button", { name: "Sign in with a passkey" }).click();
    await page.locator("#passkey-error").waitFor();
    expect(await page.textContent("#passkey-error")).toContain("did not work");
    expect(await page.locator("#passkey").isEnabled()).toBe(true);
  });
});

describe("the example of a page of one's own", () => {
  const visible = async (page: Page) => [await page.locator("#problem").isVisible(), await page.locator("#sent").isVisible()];

  test.each([true, false])("says what happened, with JavaScript %s", async (javaScriptEnabled) => {
    context = await browser.newContext({ baseURL: gallery.url, javaScriptEnabled });
    const page = await context.newPage();
    gallery.redirects.set("/auth/login", "/login?error=invalid_credentials&next=%2Fmembers");
    gallery.redirects.set("/auth/otp", "/login?sent=1");
    await page.goto("/login?next=/members");
    expect(await visible(page)).toEqual([false, false]);
    await page.getByLabel("E-mail address").first().fill("a@b.example");
    await page.getByLabel("Password", { exact: true }).fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL("**/login?error=*");
    await page.locator("#problem").waitFor();
    expect(await visible(page)).toEqual([true, false]);
    expect(await page.textContent("#problem")).toContain(javaScriptEnabled ? "do not belong together" : "check your e-mail address and password");
    await page.getByRole("button", { name: "Send me a link" }).click();
    await page.waitForURL("**/login?sent=1*");
    expect(await visible(page)).toEqual([false, true]);
    expect(gallery.posts.map(({ path }) => path)).toEqual(["/auth/login", "/auth/otp"]);
  });

  test("has no findings of axe", async () => {
    context = await browser.newContext({ baseURL: gallery.url });
    const page = await context.newPage();
    for (const address of ["/login", "/login?error=weak_password", "/login?sent=1"]) {
      await page.goto(address);
      await page.setViewportSize({ width: 320, height: 700 });
      expect(await isTooWide(page)).toBe(false);
      expect(await findings(page)).toEqual([]);
    }
  });
});
