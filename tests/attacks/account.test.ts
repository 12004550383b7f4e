/** Hostile inputs to the routes and pages of accounts: none signs anybody in, leads away, becomes markup or a header, or reaches Auth where it must not. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { sessionSetCookies } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type Cookie, cookieHeader, parseSetCookies } from "../support/sessions.ts";
import { type FetchInit, SITE, type SignedIn, type Stack, startStack, type WorkerHandle } from "../support/stack.ts";
import { type Attack, expectTable } from "./support.ts";

const EMAIL = "maria@harbour.example";
const PASSWORD = "correct horse battery";
const RULES = [{ path: ["/members*", "/auth/own*"], require: true }];
const KEYS = ["sign_in.title", "field.email", "sign_in.submit", "sign_in.create", "home"];

const MARKUP = [
  ["a script", "<script>alert(1)</script>"],
  ["an end of an attribute", '"><img src=x onerror=alert(1)>'],
  ["an end of an attribute in single quotes", "'><svg onload=alert(1)>"],
  ["an attribute", '" autofocus onfocus="alert(1)'],
  ["a mark of the templates", "<t sign_in.title><turnstile><next>"],
  ["a mark that is escaped already", "&lt;script&gt;alert(1)&lt;/script&gt;<b>"],
  ["an expression of the templates", "{{ frame.text('x') }}{% raw %}<i>"],
  ["an end of the style and of the title", "</style></title><script>alert(1)</script>"],
  ["a comment", "<!--><script>alert(1)</script>-->"],
  ["a null in a tag", "<\u0000script>alert(1)</script>"],
] as const;

let stack: Stack<"main" | "plain" | "branded">;
let worker: WorkerHandle;
let member: SignedIn;
let cookies: Cookie[];

beforeAll(async () => {
  const texts = Object.fromEntries(KEYS.map((key, index) => [key, MARKUP[index]![1]]));
  stack = await startStack({
    vars: { AUTH_PATH: "/auth", RULES, REDIRECT_HOSTS: "partner.example,*.shop.example" },
    bindings: { kv: true, gate: true },
    workers: {
      main: { vars: { ACCOUNT_PAGES: "on" } },
      plain: {},
      branded: { vars: { ACCOUNT_PAGES: "on", PAGES: { name: MARKUP[1][1], home: "/x?a=\"><b>&c='", logo: "/l?\"onerror=alert(1)", color: "#0b6e69", texts: { "*": texts, de: { home: MARKUP[7][1] } } } } },
    },
  });
  worker = stack.worker("main");
  stack.auth.config({ siteUrl: SITE, autoconfirm: false, phone: true, passkeys: true, requireCurrentPassword: true });
  stack.auth.createUser({ email: EMAIL, password: PASSWORD });
  member = stack.signIn({ email: EMAIL });
  cookies = await stack.cookies(member);
}, 60_000);
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const FORM = "application/x-www-form-urlencoded";
const POSTS = ["anonymous", "confirm", "fragment", "login", "mfa", "otp", "passkey", "passkey/options", "password", "reauthenticate", "recover", "resend", "signout", "signup", "verify"];
/** What every route would do something with. */
const GOOD = { email: EMAIL, password: PASSWORD, token: "123456", type: "signup", token_hash: "0f1e2d", code: "123456", challenge_id: "3c1a0f8e-58a4-4f64-9c0b-2f4d8d1c7a11" };

const own = (type: string): [string, string][] => [["Origin", SITE], ["Content-Type", type]];

function form(fields: Record<string, string>, init: FetchInit = {}): FetchInit {
  const body = new URLSearchParams(fields).toString();
  return { method: "POST", navigate: true, ...init, headers: [...own(FORM), ...(init.headers ?? [])], body };
}

function json(body: unknown, init: FetchInit = {}): FetchInit {
  return { method: "POST", ...init, headers: own("application/json"), body: typeof body === "string" ? body : JSON.stringify(body) };
}

/** What Auth was asked; its keys are fetched for every Worker once. */
function asked(): string[] {
  return Object.keys(stack.authCalls()).filter((endpoint) => endpoint !== "jwks");
}

function expectRefused(answer: Answer, status: number): void {
  expect(answer.status).toBe(status);
  expect(answer.all("set-cookie")).toEqual([]);
  expect(answer.header("cache-control")).toContain("no-store");
  expect(asked()).toEqual([]);
  expect(stack.origin.requests).toEqual([]);
}

/** Every tag with the names of its attributes: what a text can never change. */
function structure(html: string): string[] {
  const withoutStyle = html.replace(/<style>[^<]*<\/style>/, "<style></style>").replace(/<script>\{[\s\S]*?\n\}\n?<\/script>/, "<script></script>");
  const tags = withoutStyle.matchAll(/<(\/?[^\s>/]+|!--)((?:[^>"']|"[^"]*"|'[^']*')*)>?/g);
  return [...tags].map(([, name = "", rest = ""]) => `${name} ${[...rest.matchAll(/([^\s=]+)(?:="[^"]*")?/g)].map(([, attribute]) => attribute).join(" ")}`.trim());
}

/** Where a browser that is on the site ends up. */
function destination(answer: Answer): string {
  return new URL(answer.header("location")!, `${SITE}/auth/login`).href;
}

const CSRF = [
  ["no header at all", []],
  ["another site", [["Origin", "https://evil.example"]]],
  ["another site, says the browser", [["Origin", "https://evil.example"], ["Sec-Fetch-Site", "cross-site"]]],
  ["a subdomain's site", [["Origin", "https://blog.app.example.com"], ["Sec-Fetch-Site", "same-site"]]],
  ["an opaque origin", [["Origin", "null"]]],
  ["the site without TLS", [["Origin", "http://app.example.com"]]],
  ["another port", [["Origin", "https://app.example.com:8443"]]],
  ["a host that begins like the site's", [["Origin", "https://app.example.com.evil.example"]]],
  ["two origins", [["Origin", "https://evil.example https://app.example.com"]]],
  ["a navigation from the address bar", [["Sec-Fetch-Site", "none"]]],
] as const satisfies [string, readonly [string, string][]][];

/** Rows of all tables. */
const inputs: Attack[] = [];
function table<Row extends Attack>(rows: Row[]): Row[] {
  inputs.push(...rows);
  return rows;
}

describe("a post of another site", () => {
  const rows = table(POSTS.flatMap((route) => CSRF.map(([name, headers]) => ({ attack: `${route}: ${name}`, source: "CSRF, PortSwigger", route, headers }))));
  test("is a table", () => expectTable(rows, 150));
  test.each(rows)("$attack", async ({ route, headers }) => {
    for (const type of [FORM, "text/plain", "application/json"]) {
      const body = type === FORM ? new URLSearchParams(GOOD).toString() : JSON.stringify(GOOD);
      const answer = await worker.fetch(`/auth/${route}`, { method: "POST", cookies, headers: [...headers, ["Content-Type", type]], body });
      expectRefused(answer, 403);
    }
  });

  test.each(CSRF.slice(0, 9))("reads no token: %s", async (_, headers) => {
    const answer = await worker.fetch("/auth/token", { cookies, headers: [...headers] });
    expectRefused(answer, 403);
    expect(answer.all("access-control-allow-origin")).toEqual([]);
    expect(answer.text).not.toContain(member.access_token);
  });
});

const NEXTS = [
  ["another host", "https://evil.example/"],
  ["a host without scheme", "//evil.example"],
  ["three slashes", "///evil.example"],
  ["a backslash", "/\\evil.example"],
  ["two backslashes", "\\\\evil.example"],
  ["a tab", "/\t/evil.example"],
  ["a line break", "/\n/evil.example"],
  ["a carriage return", "\r//evil.example"],
  ["a null", "/\u0000/evil.example"],
  ["a space in front", " https://evil.example"],
  ["a scheme without slashes", "https:evil.example"],
  ["a scheme with one slash", "https:/evil.example"],
  ["a scheme in capitals", "HTTPS://evil.example"],
  ["a scheme with backslashes", "https:\\\\evil.example"],
  ["javascript", "javascript:alert(1)"],
  ["javascript behind a tab", "java\tscript:alert(1)"],
  ["data", "data:text/html,<script>alert(1)</script>"],
  ["vbscript", "vbscript:x"],
  ["a user name", "https://app.example.com@evil.example/"],
  ["a user name with a password", "https://app.example.com:pw@evil.example/"],
  ["a backslash in the authority", "https://evil.example\\@app.example.com/"],
  ["a host that begins like the site's", "https://app.example.com.evil.example/"],
  ["the site without TLS", "http://app.example.com/members"],
  ["another port", "https://app.example.com:8443/members"],
  ["a host of the list without TLS", "http://partner.example/"],
  ["a host that ends like one of the list", "https://evilpartner.example/"],
  ["a host behind one of the list", "https://partner.example.evil.example/"],
  ["the parent of a wildcard", "https://shop.example/"],
  ["a wildcard by a suffix", "https://evilshop.example/"],
  ["a host with an escaped slash", "https://evil.example%2f.shop.example/"],
  ["a full-width host", "https://evil。example/"],
  ["a soft hyphen", "https://e\u00advil.example/"],
  ["dots and two slashes", "/..//evil.example"],
  ["an escaped slash", "/%2f/evil.example"],
  ["an escaped backslash", "/%5cevil.example"],
  ["a path of its own with a semicolon", "/;//evil.example"],
] as const;

const ALLOWED = /^https:\/\/(app\.example\.com|partner\.example|[a-z0-9-]+\.shop\.example)\//;

describe("next", () => {
  const rows = table(NEXTS.map(([name, next]) => ({ attack: name, source: "open redirects, PortSwigger; URL standard 4.4", next })));
  const encoded = (next: string): string => encodeURIComponent(next);
  test("is a table", () => expectTable(rows, 36));

  test.each(rows)("after a sign-in, in the form: $attack", async ({ next }) => {
    const answer = await worker.fetch("/auth/login", form({ email: EMAIL, password: PASSWORD, next }));
    expect(answer.status).toBe(303);
    expect(sessionSetCookies(answer, stack.key)).not.toEqual([]);
    expect(destination(answer)).toMatch(ALLOWED);
    expect(new URL(destination(answer)).host).toBe("app.example.com");
  });

  test.each(rows)("in the query, for who is signed in already: $attack", async ({ next }) => {
    for (const page of ["login", "signup"]) {
      const answer = await worker.fetch(`/auth/${page}?next=${encoded(next)}`, { cookies, navigate: true });
      expect([answer.status, new URL(destination(answer)).host]).toEqual([303, "app.example.com"]);
    }
  });

  test.each(rows)("through the pages, a failure and the login page's address: $attack", async ({ next }) => {
    const page = await worker.fetch(`/auth/login?next=${encoded(next)}`, { navigate: true });
    const carried = [...page.text.matchAll(/name="next" value="([^"]*)"/g)].map(([, value]) => value!.replaceAll("&amp;", "&"));
    const links = [...page.text.matchAll(/href="([^"]*)"/g)].map(([, value]) => value!.replaceAll("&amp;", "&"));
    expect(carried.length).toBeGreaterThan(0);
    for (const address of [...carried, ...links]) {
      expect(new URL(address, `${SITE}/auth/login`).host, address).toBe("app.example.com");
    }
    const failed = await worker.fetch("/auth/login", form({ email: EMAIL, password: "wrong", next }));
    expect(new URL(destination(failed)).host).toBe("app.example.com");
    const inner = new URL(destination(failed)).searchParams.get("next") ?? "/";
    expect(new URL(inner, SITE).host).toBe("app.example.com");
    const referred = await worker.fetch("/auth/login", form({ email: EMAIL, password: PASSWORD }, { headers: [["Referer", `${SITE}/auth/login?next=${encoded(next)}`]] }));
    expect(new URL(destination(referred)).host).toBe("app.example.com");
  });

  test.each(rows)("through a provider, a mail and the way back: $attack", async ({ next }) => {
    const started = await worker.fetch(`/auth/login?provider=github&next=${encoded(next)}`, { navigate: true });
    const back = new URL(new URL(started.header("location")!).searchParams.get("redirect_to")!);
    expect([back.origin, new URL(back.searchParams.get("next")!, SITE).host]).toEqual([SITE, "app.example.com"]);
    const again = await worker.fetch(`/auth/callback?error=access_denied&next=${encoded(next)}`, { cookies, navigate: true });
    expect(new URL(destination(again)).host).toBe("app.example.com");
    // A template that names the whole way back as `next`.
    const nested = encoded(`${SITE}/auth/callback?next=${encoded(next)}`);
    const page = await worker.fetch(`/auth/confirm?token_hash=0f1e2d&type=signup&next=${nested}`, { navigate: true });
    const value = /name="next" value="([^"]*)"/.exec(page.text)![1]!;
    expect(new URL(value, SITE).host).toBe("app.example.com");
  });

  test("hosts that the operator named are no attack", async () => {
    for (const next of ["https://partner.example/x?y=1", "https://a.shop.example/"]) {
      expect((await worker.fetch(`/auth/login?next=${encoded(next)}`, { cookies, navigate: true })).header("location")).toBe(next);
    }
  });
});

const CARRIERS: [page: string, names: string[]][] = [
  ["login", ["next", "error", "message", "reason", "email", "phone", "by", "domain"]],
  ["signup", ["next", "error", "email"]],
  ["recover", ["next", "error", "email", "sent"]],
  ["verify", ["next", "error", "email", "phone", "type"]],
  ["callback", ["next"]],
];

describe("markup", () => {
  const rows = table(CARRIERS.flatMap(([page, names]) =>
    names.flatMap((name) => MARKUP.map(([kind, payload]) => ({ attack: `${kind} in ${name} of ${page}`, source: "XSS, PortSwigger; HTML 13.2", page, name, payload }))),
  ));
  test("is a table", () => expectTable(rows, 200));

  test.each(rows)("$attack", async ({ page, name, payload }) => {
    const open = (value: string): Promise<Answer> => worker.fetch(`/auth/${page}?${name}=${encodeURIComponent(value)}`, { navigate: true });
    // What is no domain leads to the page for signing in, and not on to an organisation.
    const [hostile, harmless] = await Promise.all([open(payload), open(name === "domain" ? "" : "harmless")]);
    expect(hostile.status).toBe(200);
    expect(structure(hostile.text)).toEqual(structure(harmless.text));
    expect(hostile.text).not.toContain(payload);
    expect(hostile.header("content-security-policy")).toBe(harmless.header("content-security-policy"));
    expect(hostile.header("x-frame-options")).toBe("DENY");
  });

  test.each(MARKUP)("%s in what only an account's owner can set", async (kind, payload) => {
    const email = `owner-${MARKUP.findIndex(([known]) => known === kind)}@harbour.example`;
    stack.auth.createUser({ email, password: PASSWORD, user_metadata: { name: payload } });
    const [first, second] = [stack.auth.factor({ email, friendlyName: payload }), stack.auth.factor({ email, friendlyName: "other" })];
    const session = await stack.cookies(stack.signIn({ email }));
    const page = await worker.fetch(`/auth/mfa?factor_id=${first.id}&challenge_id=${encodeURIComponent(payload)}`, { cookies: session, navigate: true });
    expect(page.status).toBe(200);
    const harmless = await worker.fetch(`/auth/mfa?factor_id=${second.id}&challenge_id=harmless`, { cookies: session, navigate: true });
    expect(structure(page.text)).toEqual(structure(harmless.text));
    expect(page.text).not.toContain(payload);
  });

  test("in PAGES: every text, the name, the logo and the home page are shown as they are written", async () => {
    const branded = await stack.worker("branded").fetch("/auth/login", { navigate: true });
    const plain = await worker.fetch("/auth/login", { navigate: true });
    const own = structure(branded.text).filter((tag) => !["header", "/header", "img src alt height", "span", "/span"].includes(tag));
    expect(own).toEqual(structure(plain.text).filter((tag) => !["span", "/span"].includes(tag)));
    for (const key of [1, 2, 3, 4, 5]) {
      expect(branded.text, MARKUP[key - 1]![0]).not.toContain(MARKUP[key - 1]![1]);
    }
    expect(branded.text).toContain("&#60;script&#62;alert(1)&#60;/script&#62;");
  });
});

describe("headers", () => {
  const LINES = [
    ["CRLF", "x\r\nX-Injected: 1"],
    ["LF", "x\nSet-Cookie: pwned=1"],
    ["CR", "x\rX-Injected: 1"],
    ["a null", "x\u0000X-Injected: 1"],
    ["two line breaks and a body", "x\r\n\r\n<script>alert(1)</script>"],
    ["a line separator", "x\u2028X-Injected: 1\u0085X-Injected: 2"],
    ["letters that end in line breaks when cut to bytes", "x\u560d\u560aX-Injected: 1"],
  ] as const;
  const ROUTES: [string, string[]][] = [
    ["login", ["email", "phone", "next", "type"]],
    ["signup", ["email", "next", "type"]],
    ["otp", ["email", "phone", "next", "type"]],
    ["recover", ["email", "next"]],
    ["verify", ["email", "phone", "next", "type", "token"]],
    ["signout", ["next", "scope"]],
  ];
  const rows = table(ROUTES.flatMap(([route, names]) =>
    names.flatMap((name) => LINES.map(([kind, payload]) => ({ attack: `${kind} in ${name} of ${route}`, source: "CRLF injection, CWE-113; RFC 9110 5.5", route, name, payload }))),
  ));
  test("is a table", () => expectTable(rows, 100));

  test.each(rows)("$attack", async ({ route, name, payload }) => {
    const answer = await worker.fetch(`/auth/${route}`, form({ [name]: payload }));
    expect([303, 400]).toContain(answer.status);
    expect(answer.headers.filter(([, value]) => /[\r\n\0]/.test(value))).toEqual([]);
    expect(answer.header("x-injected")).toBeUndefined();
    expect(parseSetCookies(answer.headers).filter(({ name: cookie }) => !cookie.startsWith("sb-"))).toEqual([]);
    if (answer.status === 303) {
      expect(new URL(destination(answer)).host).toBe("app.example.com");
      expect(answer.header("location")).toMatch(/^[\x21-\x7e]+$/);
    }
  });

  test.each(LINES)("%s in the query of what goes on elsewhere", async (_, payload) => {
    for (const path of ["login?provider=github&scopes=", "login?provider=", "sso?domain=", "callback?error=", "callback?error_code=", "callback?message=", "confirm?type=signup&token_hash="]) {
      const answer = await worker.fetch(`/auth/${path}${encodeURIComponent(payload)}`, { navigate: true });
      expect(answer.header("x-injected"), path).toBeUndefined();
      expect(answer.headers.filter(([, value]) => /[\r\n\0]/.test(value))).toEqual([]);
      expect(answer.header("location") ?? "").not.toContain("<script");
    }
  });
});

describe("bodies", () => {
  test.each(POSTS)("over 64 KiB: %s", async (route) => {
    for (const body of [`email=${EMAIL}&password=${PASSWORD}&x=${"x".repeat(64 * 1024)}`, `${"&".repeat(64 * 1024 + 1)}`]) {
      expectRefused(await worker.fetch(`/auth/${route}`, { method: "POST", cookies, headers: own(FORM), body }), 413);
    }
  });

  const TYPES: [route: string, members: string[]][] = [
    ["login", ["email", "phone", "password", "captcha_token", "next", "cf-turnstile-response"]],
    ["signup", ["email", "password", "channel", "next"]],
    ["otp", ["email", "phone", "channel"]],
    ["recover", ["email"]],
    ["resend", ["email", "type"]],
    ["verify", ["email", "phone", "token", "type"]],
    ["password", ["password", "current_password", "nonce"]],
    ["mfa", ["code", "factor_id", "challenge_id"]],
    ["passkey", ["challenge_id"]],
    ["confirm", ["token_hash", "type"]],
    ["fragment", ["access_token", "refresh_token"]],
    ["signout", ["scope"]],
  ];
  const WRONG = [["a number", 123456], ["true", true], ["false", false], ["a list", [EMAIL]], ["an object", { $ne: null }], ["zero", 0]] as const;
  const rows = table(TYPES.flatMap(([route, members]) =>
    members.flatMap((name) => WRONG.map(([kind, value]) => ({ attack: `${kind} for ${name} of ${route}`, source: "type confusion, CWE-843", route, name, value }))),
  ));
  test("of wrong types are a table", () => expectTable(rows, 170));
  test.each(rows)("$attack", async ({ route, name, value }) => {
    expectRefused(await worker.fetch(`/auth/${route}`, json({ ...GOOD, [name]: value }, { cookies })), 400);
  });

  const OBJECTS: [string, string, unknown][] = [
    ["signup", "data", "text"], ["signup", "data", []], ["signup", "data", 1], ["signup", "data", true], ["otp", "data", []], ["anonymous", "data", 5],
    ["passkey", "credential", []], ["passkey", "credential", true], ["passkey", "credential", 1], ["otp", "create_user", "no"], ["otp", "create_user", 0], ["otp", "create_user", []], ["otp", "create_user", {}],
  ];
  test.each(OBJECTS)("of %s with %s %j", async (route, name, value) => {
    expectRefused(await worker.fetch(`/auth/${route}`, json({ ...GOOD, [name]: value })), 400);
  });

  const BROKEN: [string, string, string | Buffer][] = [
    ["JSON that is none", "application/json", "{"],
    ["a JSON list", "application/json", '["email"]'],
    ["a JSON text", "application/json", '"email"'],
    ["JSON null", "application/json", "null"],
    ["JSON nested deeply", "application/json", `${'{"data":'.repeat(2_000)}1${"}".repeat(2_000)}`],
    ["JSON with half a surrogate pair", "application/json", '{"email":"\\ud800"}'],
    ["JSON that is no UTF-8", "application/json", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["JSON after a byte order mark", "application/json", `\ufeff{"email":"${EMAIL}"}`],
    ["two JSON values", "application/json", "{}{}"],
    ["XML", "application/xml", "<email/>"],
    ["a text", "text/plain", `email=${EMAIL}&password=${PASSWORD}`],
    ["no type", "", `email=${EMAIL}&password=${PASSWORD}`],
    ["a form of another name", "application/x-www-form-urlencoded-v2", `email=${EMAIL}&password=${PASSWORD}`],
    ["JSON of another name", "application/json5", JSON.stringify(GOOD)],
    ["a patch", "application/merge-patch+json", JSON.stringify(GOOD)],
  ];
  test.each(BROKEN)("%s", async (_, type, body) => {
    for (const route of ["login", "otp", "verify"]) {
      expectRefused(await worker.fetch(`/auth/${route}`, { method: "POST", headers: own(type), body }), 400);
    }
  });

  const part = (head: string, value: string): string => `--b\r\n${head}\r\n\r\n${value}\r\n`;
  const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value);
  const both = field("email", EMAIL) + field("password", PASSWORD);
  const MULTIPART: [string, string, string | Buffer][] = [
    ["no boundary", "multipart/form-data", `${both}--b--`],
    ["an empty boundary", "multipart/form-data; boundary=", `${both}--b--`],
    ["another boundary", "multipart/form-data; boundary=c", `${both}--b--`],
    ["a boundary of 71 characters", `multipart/form-data; boundary=${"b".repeat(71)}`, `${both}--b--`],
    ["a boundary that is no ASCII", "multipart/form-data; boundary=\u00fc", `${both}--b--`],
    ["no end", "multipart/form-data; boundary=b", both],
    ["an end without its line", "multipart/form-data; boundary=b", field("email", EMAIL).slice(0, -2)],
    ["lines that end in LF alone", "multipart/form-data; boundary=b", `${both}--b--`.replaceAll("\r\n", "\n")],
    ["a preamble", "multipart/form-data; boundary=b", `email=${EMAIL}\r\n${both}--b--`],
    ["a part without a name", "multipart/form-data; boundary=b", `${part("Content-Disposition: form-data", "x")}${both}--b--`],
    ["a part without a disposition", "multipart/form-data; boundary=b", `${part("Content-Type: text/plain", "x")}${both}--b--`],
    ["a part without an end of its head", "multipart/form-data; boundary=b", `--b\r\nContent-Disposition: form-data; name="email"\r\n--b--`],
    ["a head that is no UTF-8", "multipart/form-data; boundary=b", Buffer.concat([Buffer.from('--b\r\nContent-Disposition: form-data; name="'), Buffer.from([0xff]), Buffer.from(`"\r\n\r\nx\r\n${both}--b--`)])],
    ["a value that is no UTF-8", "multipart/form-data; boundary=b", Buffer.concat([Buffer.from('--b\r\nContent-Disposition: form-data; name="email"\r\n\r\n'), Buffer.from([0xff, 0xfe]), Buffer.from("\r\n--b--")])],
    ["65 parts", "multipart/form-data; boundary=b", `${field("x", "1").repeat(65)}${both}--b--`],
    ["credentials as files", "multipart/form-data; boundary=b", `${part('Content-Disposition: form-data; name="email"; filename="a"', EMAIL)}${part('Content-Disposition: form-data; name="password"; filename="b"', PASSWORD)}--b--`],
    ["credentials within a part", "multipart/form-data; boundary=b", `${part('Content-Disposition: form-data; name="x"\r\nContent-Type: multipart/mixed; boundary=c', `--c\r\nContent-Disposition: form-data; name="email"\r\n\r\n${EMAIL}\r\n--c--`)}--b--`],
    ["another kind of multipart", "multipart/mixed; boundary=b", `${both}--b--`],
    ["a form with a boundary", `${FORM}; boundary=b`, `${both}--b--`],
  ];
  test.each(MULTIPART)("multipart with %s", async (_, type, body) => {
    const answer = await worker.fetch("/auth/login", { method: "POST", headers: own(type), body });
    expect([303, 400]).toContain(answer.status);
    expect(answer.header("location") ?? "error=").toContain("error=");
    expect([asked(), answer.all("set-cookie")]).toEqual([[], []]);
  });

  test("the first field of a name counts, in every type", async () => {
    const repeated: [string, string][] = [
      [FORM, `email=nobody@x.example&email=${EMAIL}&password=${encodeURIComponent(PASSWORD)}`],
      ["multipart/form-data; boundary=b", `${field("email", "nobody@x.example")}${both}--b--`],
    ];
    for (const [type, body] of repeated) {
      const answer = await worker.fetch("/auth/login", { method: "POST", headers: own(type), body });
      expect(answer.header("location")).toContain("error=invalid_credentials");
    }
  });
});

describe("credentials in the query", () => {
  const query = new URLSearchParams(GOOD).toString();
  test.each(POSTS.filter((route) => !["anonymous", "passkey/options", "signout", "reauthenticate", "mfa"].includes(route)))("of a post count for nothing: %s", async (route) => {
    for (const init of [form({}), json({})]) {
      const answer = await worker.fetch(`/auth/${route}?${query}`, init);
      expect([303, 400, 401]).toContain(answer.status);
      expect([asked(), answer.all("set-cookie")]).toEqual([[], []]);
    }
  });

  test.each(POSTS)("of a get, and other methods, are the site's own: %s", async (route) => {
    const bare = stack.worker("plain");
    const read = ["login", "confirm", "signup", "recover", "password", "verify", "mfa"].includes(route) ? [] : ["GET"];
    for (const method of [...read, "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      stack.clear();
      const answer = await bare.fetch(`/auth/${route}?${query}`, { method, headers: [["Origin", SITE]] });
      expect([method, answer.status, asked(), stack.origin.only().method]).toEqual([method, 200, [], method]);
    }
  });
});

describe("paths", () => {
  const PATHS = ["/auth/own", "/auth/own/", "/AUTH/own", "/auth//own", "/auth/%6fwn", "/auth/login/../own", "/auth/x/../own", "/auth/own%2f", "/auth\\own"];
  test.each(PATHS)("that no route takes stay under the rules: %s", async (path) => {
    const answer = await worker.fetch(path, {});
    expect([answer.status, stack.origin.requests.length]).toEqual([401, 0]);
  });

  const SIMILAR = ["/auth/login//", "/auth/loginx", "/auth/login.json", "/authx/login", "/auth", "/auth/", "/auth/session/x", "/auth/login%00", "/auth/revocations/x"];
  test.each(SIMILAR)("that only look like a route's are the site's: %s", async (path) => {
    await worker.fetch(path, { method: "POST", headers: own(FORM), body: `email=${EMAIL}&password=${encodeURIComponent(PASSWORD)}` });
    expect([asked(), stack.origin.requests.length]).toEqual([[], 1]);
  });

  test("one slash at the end is no way past the check of the origin", async () => {
    expectRefused(await worker.fetch("/auth/signout/", { method: "POST", cookies, headers: [["Origin", "https://evil.example"]], body: "" }), 403);
    expect((await worker.fetch("/auth/session/", { cookies })).json().user.email).toBe(EMAIL);
  });
});

describe("once more", () => {
  let owners = 0;
  function owner(): string {
    owners += 1;
    const email = `replay-${owners}@harbour.example`;
    stack.auth.createUser({ email, password: PASSWORD });
    return email;
  }
  const signedIn = (answer: Answer): boolean => sessionSetCookies(answer, stack.key).some(({ deletes }) => !deletes);

  test("a code of a mail", async () => {
    const email = owner();
    await worker.fetch("/auth/otp", json({ email }));
    const { token } = stack.auth.inbox.latest(email)!;
    expect(signedIn(await worker.fetch("/auth/verify", json({ email, token })))).toBe(true);
    const again = await worker.fetch("/auth/verify", json({ email, token }));
    expect([again.status, again.json(), signedIn(again)]).toEqual([403, { error: "otp_expired" }, false]);
  });

  test("a code of a mail for another account, and as another kind", async () => {
    const [email, other] = [owner(), owner()];
    await worker.fetch("/auth/recover", json({ email }));
    const { token } = stack.auth.inbox.latest(email)!;
    for (const body of [{ email: other, token, type: "recovery" }, { email, token, type: "invite" }, { email, token, type: "sms" }, { email, token, type: "anything" }, { phone: email, token }]) {
      expect(signedIn(await worker.fetch("/auth/verify", json(body))), JSON.stringify(body)).toBe(false);
    }
  });

  test.each(["12345 ", "١٢٣٤٥٦", "123456' OR 1=1", "123456\n123457", "+123456", "1e5", "-1", "0x1e240", "12345678901", "null", "123456,123457", "      "])("a code that is none: %j", async (token) => {
    const answer = await worker.fetch("/auth/verify", json({ email: EMAIL, token }));
    const isDigits = /^\d{1,10}$/.test(token.replaceAll(/\s/g, ""));
    expect([answer.status, asked()]).toEqual(isDigits ? [403, ["verify"]] : [400, []]);
  });

  test("a mailed link", async () => {
    const email = owner();
    stack.auth.config({ mailLinks: "token_hash" });
    await worker.fetch("/auth/otp", json({ email }));
    const fields = { token_hash: stack.auth.inbox.latest(email)!.tokenHash, type: "magiclink" };
    expect(signedIn(await worker.fetch("/auth/confirm", form(fields)))).toBe(true);
    const again = await worker.fetch("/auth/confirm", form(fields));
    expect([again.header("location"), signedIn(again)]).toEqual(["/auth/login?error=otp_expired", false]);
    // To somebody else who is signed in, the used link is his own page, and nobody else's session.
    const other = await worker.fetch("/auth/confirm", form(fields, { cookies }));
    expect([other.header("location"), signedIn(other)]).toEqual(["/", false]);
  });

  test("an authorization code, with and without its verifier", async () => {
    stack.auth.config({ oauthAuto: true, uriAllowList: [`${SITE}/**`] });
    const started = await worker.fetch("/auth/login?provider=github", { navigate: true });
    const verifier = parseSetCookies(started.headers).map(({ name, value }) => ({ name, value }));
    let at = started.header("location")!;
    while (!at.startsWith(SITE)) {
      at = new URL((await fetch(at, { redirect: "manual" })).headers.get("location")!, at).href;
    }
    const path = at.slice(SITE.length);
    stack.clear();
    const stolen = await worker.fetch(path, { navigate: true });
    expect([stolen.header("location"), signedIn(stolen), asked()]).toEqual(["/auth/login?error=pkce_code_verifier_not_found", false, []]);
    expect(signedIn(await worker.fetch(path, { navigate: true, cookies: verifier }))).toBe(true);
    const again = await worker.fetch(path, { navigate: true, cookies: verifier });
    expect([again.header("location"), signedIn(again)]).toEqual(["/auth/login?error=flow_state_not_found", false]);
  });

  test("a challenge of a second factor, by another member, and a code without a session", async () => {
    const [email, thief] = [owner(), owner()];
    stack.auth.config({ mfaPhone: true });
    const phone = "+4915112345678";
    const { id } = stack.auth.factor({ email, phone });
    const session = await stack.cookies(stack.signIn({ email }));
    const sent = (await worker.fetch("/auth/mfa", json({}, { cookies: session }))).json();
    const answer = { code: stack.auth.messages.latest(phone)!.code, factor_id: id, challenge_id: sent.challenge_id };
    stack.auth.factor({ email: thief, phone: "+4915112345679" });
    const others = await stack.cookies(stack.signIn({ email: thief }));
    const stolen = await worker.fetch("/auth/mfa", json(answer, { cookies: others }));
    expect([stolen.status, stolen.json(), signedIn(stolen)]).toEqual([404, { error: "mfa_factor_not_found" }, false]);
    stack.clear();
    expect([(await worker.fetch("/auth/mfa", json(answer))).status, asked()]).toEqual([401, []]);
    expect(signedIn(await worker.fetch("/auth/mfa", json(answer, { cookies: session })))).toBe(true);
  });

  test.each([
    ["a factor that is a path", { factor_id: "../../admin/users" }],
    ["a challenge that is a path", { challenge_id: "../verify" }],
    ["a factor with a query", { factor_id: "3c1a0f8e-58a4-4f64-9c0b-2f4d8d1c7a11?x" }],
  ])("%s never stands in an address of Auth", async (_, fields) => {
    const email = owner();
    stack.auth.factor({ email });
    const session = await stack.cookies(stack.signIn({ email }));
    await worker.fetch("/auth/mfa", json({ code: "123456", ...fields }, { cookies: session }));
    expect(asked().filter((endpoint) => /admin|\.\.|\?/.test(endpoint))).toEqual([]);
  });

  test.each([
    ["a forged access token", { refresh_token: "aaaaaaaaaaaa" }, "forged"],
    ["a token of another app", { refresh_token: "aaaaaaaaaaaa" }, "app"],
    ["no refresh token", {}, "own"],
    ["a refresh token with a line break", { refresh_token: "aaaa\r\nSet-Cookie: a=b" }, "own"],
    ["a refresh token that is too long", { refresh_token: "a".repeat(600) }, "own"],
  ])("tokens of a fragment: %s", async (_, fields, kind) => {
    const app = { client_id: "5d2c1f64-0a0f-4a0e-9a29-6a2f0d3f4c11", scope: "openid" };
    const access_token = { forged: await stack.auth.sign({ key: "unknown", email: EMAIL }), app: stack.signIn({ email: EMAIL, client: app }).access_token, own: member.access_token }[kind]!;
    const answer = await worker.fetch("/auth/fragment", json({ access_token, ...fields }));
    expect([400, 403]).toContain(answer.status);
    expect([signedIn(answer), asked()]).toEqual([false, []]);
  });

  test("a new password needs the session, and its access token alone changes nothing elsewhere", async () => {
    for (const init of [json({ password: "another one 1" }), json({ password: "another one 1" }, { cookies: `${stack.key}=base64-e30` })]) {
      const answer = await worker.fetch("/auth/password", init);
      expect([answer.status, asked()]).toEqual([401, []]);
    }
    // The members' own session may not leave out what the project demands.
    expect((await worker.fetch("/auth/password", json({ password: "another one 1" }, { cookies: cookieHeader(cookies) }))).json()).toEqual({ error: "current_password_required" });
  });
});

describe("whether an address has an account", () => {
  const KNOWN = "known@harbour.example";
  const UNCONFIRMED = "unconfirmed@harbour.example";
  const BANNED = "banned@harbour.example";
  const UNKNOWN = "nobody@harbour.example";
  beforeAll(() => {
    stack.auth.createUser({ email: KNOWN, password: PASSWORD });
    stack.auth.createUser({ email: UNCONFIRMED, password: PASSWORD, confirmed: false });
    stack.auth.createUser({ email: BANNED, password: PASSWORD, bannedFor: 3600 });
  });

  const QUESTIONS: [string, string, (email: string) => object][] = [
    ["a wrong password", "login", (email) => ({ email, password: "wrong password" })],
    ["a wrong code", "verify", (email) => ({ email, token: "000000" })],
    ["a wrong code for a new password", "verify", (email) => ({ email, token: "000000", type: "recovery" })],
    ["a forgotten password", "recover", (email) => ({ email })],
    ["a code for who has an account", "otp", (email) => ({ email, create_user: false })],
    ["a code", "otp", (email) => ({ email })],
    ["a sign-up", "signup", (email) => ({ email, password: "another password" })],
    ["a weak password at sign-up", "signup", (email) => ({ email, password: "a" })],
    ["a message once more", "resend", (email) => ({ email, type: "signup" })],
    ["a change of address once more", "resend", (email) => ({ email, type: "email_change" })],
  ];
  test.each(QUESTIONS)("is told by no text, status, header or time: %s", async (_, route, body) => {
    // Auth looks longer where there is somebody; messages one after the other are refused for whom there is one.
    stack.auth.config({ mailMinInterval: 60 });
    const told = async (email: string, ask: (body: object) => FetchInit): Promise<[string, number]> => {
      const started = performance.now();
      const answer = await worker.fetch(`/auth/${route}`, ask(body(email)));
      const seen = answer.headers.filter(([name]) => name.toLowerCase() !== "date").map(([name, value]) => `${name}: ${value}`.replaceAll(encodeURIComponent(email), "<email>").replaceAll(/(code-verifier[^=]*|sb_flow_id)=[^;]*/g, "$1"));
      const text = `${answer.status} ${seen.sort().join("\n")} ${answer.text}`.replaceAll(/-[0-9a-z]{4,}(?==|-code-verifier)|sb-[^=]*=[^;]*/gi, "<flow>");
      return [text, performance.now() - started];
    };
    for (const ask of [(fields: object) => json(fields), (fields: object) => form(fields as Record<string, string>)]) {
      const answers: [string, number][] = [];
      for (const email of [UNKNOWN.replace("nobody", `nobody-${route}-${answers.length}`), KNOWN, BANNED, UNCONFIRMED, KNOWN]) {
        answers.push(await told(email, ask));
      }
      expect(new Set(answers.map(([text]) => text)).size, answers.map(([text]) => text).join("\n---\n")).toBe(1);
      const times = answers.map(([, ms]) => ms);
      expect(Math.max(...times) - Math.min(...times), times.join(" ")).toBeLessThan(route === "login" || route === "verify" ? 240 : 480);
    }
    stack.auth.config({ mailMinInterval: 0 });
  });
});

test(`${inputs.length} inputs stand in the tables, beside those that are written out`, () => expect(inputs.length).toBeGreaterThanOrEqual(600));
