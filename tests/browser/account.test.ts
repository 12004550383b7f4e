/** An account's whole life in a browser: the built-in pages in front of the built Worker, with a members area behind it that has no page for any of it. */
import { readFileSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findChromium } from "../../.tools/chromium.mjs";
import { type Stack, startStack } from "../support/stack.ts";

const FLAGS = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const PASSWORD = "correct horse battery";
const NEW_PASSWORD = "a staple of another kind";
const RULES = [
  { path: "/vault*", require: { aal: "aal2" } },
  { path: "/members*", require: true },
];

let stack: Stack<"main">;
let site: string;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error("no Chromium found: run `node .tools/chromium.mjs`, or name one in CHROMIUM_PATH");
  }
  stack = await startStack({
    workers: { main: { plain: true, vars: { AUTH_PATH: "/auth", ACCOUNT_PAGES: "on", PAGES: { name: "Harbour" }, RULES }, bindings: { kv: true, gate: true } } },
  });
  // Passkeys need a host with a name.
  site = `http://localhost:${stack.worker("main").socket.port}`;
  stack.auth.config({ siteUrl: site, autoconfirm: false, phone: true, mfaPhone: true, passkeys: true, passkeyRpId: "localhost", passkeyOrigins: [site] });
  for (const path of ["/", "/members", "/vault"]) {
    stack.origin.on(path, { headers: [["Content-Type", "text/html"]], body: sitePage(path) });
  }
  browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? [...FLAGS, "--no-sandbox"] : FLAGS });
});

afterAll(async () => {
  await browser?.close();
  await stack?.close();
});

afterEach(() => context.close());

/** All that a site has to have of its own: a button to sign out. */
function sitePage(path: string): string {
  const button = (id: string, scope: string): string =>
    `<form method="post" action="/auth/signout"><input type="hidden" name="scope" value="${scope}"><button id="${id}">${id}</button></form>`;
  return `<!doctype html><title>Harbour</title><h1>${path}</h1>${button("here", "local")}${button("everywhere", "global")}`;
}

const where = (): string => page.url().slice(site.length);
/** The words of a language, by their keys. */
function wordsOf(language: string): Record<string, string> {
  const blocks = readFileSync(new URL("../../src/pages/texts.txt", import.meta.url), "utf8").trim().split("\n\n");
  const column = 1 + ["de", "en", "es", "fr", "ja", "pt"].indexOf(language);
  return Object.fromEntries(blocks.map((block) => block.split("\n")).map((lines) => [lines[0], lines[column]]));
}

async function visit(options: { language?: string; javaScriptEnabled: boolean }): Promise<Record<string, string>> {
  const { language = "en", javaScriptEnabled } = options;
  context = await browser.newContext({ baseURL: site, javaScriptEnabled, locale: language });
  page = await context.newPage();
  page.setDefaultTimeout(15_000);
  return wordsOf(language);
}

async function press(name: string): Promise<void> {
  await page.getByRole("button", { name, exact: true }).click();
}

async function signIn(t: Record<string, string>, email: string, password: string): Promise<void> {
  await page.getByLabel(t["field.email"]!, { exact: true }).fill(email);
  await page.getByLabel(t["field.password"]!, { exact: true }).fill(password);
  await press(t["sign_in.submit"]!);
}

/** What a visitor's own app does with his token: the Worker has no route that enrols anything. */
async function askAuth(path: string, body: object): Promise<any> {
  const told = await context.request.get("/auth/token", { headers: { "Sec-Fetch-Site": "same-origin" } });
  const { access_token: token } = await told.json();
  const headers = { apikey: stack.auth.publishableKey, Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const answer = await fetch(`${stack.auth.authUrl}${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  expect(answer.status, path).toBe(200);
  return answer.json();
}

async function enrolApp(): Promise<string> {
  const { id, totp } = await askAuth("/factors", { factor_type: "totp", friendly_name: "Phone" });
  const challenge = await askAuth(`/factors/${id}/challenge`, {});
  await askAuth(`/factors/${id}/verify`, { challenge_id: challenge.id, code: stack.auth.totp(totp.secret) });
  return totp.secret;
}

describe.each(["en", "de", "ja"])("without a script, in %s", (language) => {
  test("from sign-up through a forgotten password to the second factor, and out everywhere", async () => {
    const t = await visit({ language, javaScriptEnabled: false });
    const email = `maria-${language}@harbour.example`;

    // Sign up, and confirm by the code of the mail.
    await page.goto("/members");
    expect(where()).toBe("/auth/login?next=%2Fmembers");
    expect(await page.getAttribute("html", "lang")).toBe(language);
    await page.getByRole("link", { name: t["sign_in.create"]! }).click();
    await page.getByLabel(t["field.email"]!, { exact: true }).fill(email);
    await page.getByLabel(t["field.password"]!, { exact: true }).fill(PASSWORD);
    await press(t["sign_up.submit"]!);
    expect(new URL(page.url()).pathname).toBe("/auth/verify");
    expect(await page.getByRole("status").textContent()).toBe(t["note.sent"]);
    await page.getByLabel(t["field.code"]!, { exact: true }).fill("000000");
    await press(t.continue!);
    expect(await page.getByRole("alert").textContent()).toBe(t["error.code"]);
    await page.getByLabel(t["field.code"]!, { exact: true }).fill(stack.auth.inbox.latest(email)!.token);
    await press(t.continue!);
    expect([where(), await page.textContent("h1")]).toEqual(["/members", "/members"]);

    // Sign out, and in again.
    await page.click("#here");
    expect(where()).toBe("/");
    await page.goto("/members");
    expect(where()).toBe("/auth/login?next=%2Fmembers");
    await signIn(t, email, PASSWORD);
    expect(where()).toBe("/members");

    // The password is forgotten.
    await page.click("#here");
    await page.goto("/members");
    await page.getByRole("link", { name: t["sign_in.forgotten"]! }).click();
    await page.getByLabel(t["field.email"]!, { exact: true }).fill(email);
    await press(t["recover.submit"]!);
    expect(new URL(page.url()).pathname).toBe("/auth/verify");
    await page.getByLabel(t["field.code"]!, { exact: true }).fill(stack.auth.inbox.latest(email)!.token);
    await press(t.continue!);
    expect(where()).toBe("/auth/password?next=%2Fmembers");
    await page.getByLabel(t["field.new_password"]!, { exact: true }).fill(NEW_PASSWORD);
    await press(t["password.submit"]!);
    expect(where()).toBe("/members");

    // A second factor, which the members' own app enrols; the old password is refused, the new one holds.
    const secret = await enrolApp();
    await page.click("#here");
    await page.goto("/vault");
    await signIn(t, email, PASSWORD);
    expect(await page.getByRole("alert").textContent()).toBe(t["error.credentials"]);
    await signIn(t, email, NEW_PASSWORD);
    expect(where()).toBe("/auth/mfa?next=%2Fvault");
    expect(await page.textContent("h1")).toBe(t["mfa.title"]);
    await page.getByLabel(t["field.code"]!, { exact: true }).fill(stack.auth.totp(secret));
    await press(t.continue!);
    expect([where(), await page.textContent("h1")]).toEqual(["/vault", "/vault"]);

    // Another device is signed in too, and both end.
    const user = stack.auth.sessions().at(-1)!.userId;
    stack.signIn({ email });
    const ofUser = (): number => stack.auth.sessions().filter(({ userId }) => userId === user).length;
    expect(ofUser()).toBeGreaterThan(1);
    await page.click("#everywhere");
    expect([where(), ofUser()]).toEqual(["/", 0]);
    await page.goto("/vault");
    expect(where()).toBe("/auth/login?next=%2Fvault");
    expect((await context.cookies()).map(({ name }) => name)).toEqual([]);
  });
});

describe("without a script, by phone", () => {
  test("a text message signs in, and another one is the second factor", async () => {
    const t = await visit({ javaScriptEnabled: false });
    const [email, phone] = ["olav@harbour.example", "+4915112345678"];
    stack.auth.createUser({ email, phone, password: PASSWORD });
    stack.auth.factor({ email, phone });
    await page.goto("/vault");
    await page.getByRole("link", { name: t["sign_in.by_phone"]! }).click();
    await page.getByLabel(t["field.phone"]!, { exact: true }).fill(phone);
    await press(t["sign_in.code_phone"]!);
    expect(new URL(page.url()).pathname).toBe("/auth/verify");
    await page.getByLabel(t["field.code"]!, { exact: true }).fill(stack.auth.messages.latest(phone)!.code);
    await press(t.continue!);
    expect(where()).toBe("/auth/mfa?next=%2Fvault");
    // The page tells only the end of the number.
    expect(await page.textContent("main")).toContain("…678");
    expect(await page.textContent("main")).not.toContain("4915112345678");
    await press(t["mfa.send"]!);
    await page.getByLabel(t["field.code"]!, { exact: true }).fill("000000");
    await press(t.continue!);
    expect(await page.getByRole("alert").textContent()).toBe(t["error.code"]);
    await page.getByLabel(t["field.code"]!, { exact: true }).fill(stack.auth.messages.latest(phone)!.code);
    await press(t.continue!);
    expect(where()).toBe("/vault");
  });
});

describe("with a script", () => {
  test("a passkey of Chromium's own authenticator is registered, and signs in by the page's button", async () => {
    const t = await visit({ javaScriptEnabled: true });
    const email = "ines@harbour.example";
    stack.auth.createUser({ email, password: PASSWORD });
    const blocked: string[] = [];
    page.on("console", (message) => void (/Content Security Policy/.test(message.text()) && blocked.push(message.text())));
    const devtools = await context.newCDPSession(page);
    await devtools.send("WebAuthn.enable");
    const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true } as const;
    const { authenticatorId } = await devtools.send("WebAuthn.addVirtualAuthenticator", { options });

    await page.goto("/members");
    await signIn(t, email, PASSWORD);
    await page.waitForURL("**/members");
    const asked = await askAuth("/passkeys/registration/options", {});
    const credential = await page.evaluate(`navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(${JSON.stringify(asked.options)}) }).then((made) => made.toJSON())`);
    await askAuth("/passkeys/registration/verify", { challenge_id: asked.challenge_id, credential });
    expect((await devtools.send("WebAuthn.getCredentials", { authenticatorId })).credentials).toHaveLength(1);
    await page.click("#here");

    await page.goto("/members");
    expect(where()).toBe("/auth/login?next=%2Fmembers");
    await press(t["sign_in.passkey"]!);
    await page.waitForURL("**/members");
    expect(await page.textContent("h1")).toBe("/members");
    expect(stack.auth.sessions().at(-1)!.amr).toEqual([expect.objectContaining({ method: "passkey" })]);
    expect(blocked).toEqual([]);
  });
});
