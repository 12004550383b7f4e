/** `MODE=observe`: 500 exchanges, each with the Worker and without it, compared byte by byte. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type Answer, type RawRequest, send } from "../support/http.ts";
import type { HeaderList, Received, Reply } from "../support/origin.ts";
import { type Cookie, cookieHeader } from "../support/sessions.ts";
import { type Stack, startStack } from "../support/stack.ts";

const EXCHANGES = 500;
const RULES = [
  { path: "/static/*", bypass: true },
  { path: "/shared*", cache: "shared" },
  { path: "/admin*", require: { aal: "aal2" } },
  { path: "/members*", require: true },
  { path: "/live*", verify: "live" },
];
const LOUD = {
  AUTH_PATH: "/auth",
  COOKIE_DOMAIN: "example.com",
  FORWARD_BEARER: "on",
  FORWARD_COOKIES: "off",
  IDENTITY_SECRET: "an-identity-secret-of-more-than-32-bytes",
  LOG_LEVEL: "debug",
  REVOCATION: "on",
  SERVER_TIMING: "on",
};

let stack: Stack<"observed" | "enforced">;

beforeAll(async () => {
  const bindings = { gate: true, kv: true };
  stack = await startStack({
    workers: { observed: { vars: { ...LOUD, RULES, MODE: "observe" }, bindings }, enforced: { vars: { ...LOUD, RULES }, bindings } },
  });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const SESSION_COOKIE = "sb-127-auth-token=of-the-origin; Path=/; HttpOnly";

/** What the origin has on each path. */
const REPLIES: Record<string, Reply> = {
  "/": { body: "home" },
  "/page": { body: "page", headers: [["Cache-Control", "public, s-maxage=600"], ["ETag", '"a"'], ["Vary", "Accept"], ["Age", "3"]] },
  "/members/a": { body: "m", headers: [["CDN-Cache-Control", "max-age=60"], ["Surrogate-Key", "k"], ["Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"]] },
  "/admin": { status: 403, statusText: "Not For You", body: "no" },
  "/live": { body: "live", headers: [["X-Session-Outcome", "of the origin"], ["Server-Timing", "db;dur=53"]] },
  "/shared": { body: "s".repeat(20_000), encoding: "gzip" },
  "/static/app.js": { body: "js", headers: [["Content-Type", "text/javascript"], ["Cache-Control", "immutable"]] },
  "/signed-in": { body: "in", headers: [["Set-Cookie", "b=2; Path=/"], ["Set-Cookie", SESSION_COOKIE], ["Set-Cookie", "a=1; Max-Age=0"]] },
  "/moved": { status: 307, headers: [["Location", "https://elsewhere.example/?a=b#c"]], body: "" },
  "/unchanged": { status: 304, headers: [["ETag", '"b"'], ["Cache-Control", "max-age=5"]] },
  "/empty": { status: 204 },
  "/stream": { chunks: [{ data: "one " }, { data: "two " }, { data: "three" }] },
  "/broken": { status: 500, body: "oops", headers: [["Retry-After", "9"]] },
  "/auth/session": { body: "the origin's own route" },
  "/auth/signout": { status: 303, headers: [["Location", "/bye"], ["Set-Cookie", "theme=; Max-Age=0"]] },
  "/auth/callback": { body: "callback" },
};

const CLIENT_HEADERS: HeaderList[] = [
  [],
  [["X-Session-User-Id", "made-up"], ["x_session_id", "made-up"], ["X-Session-Hop", "5"]],
  [["Accept", "text/html"], ["Sec-Fetch-Mode", "navigate"], ["If-None-Match", '"a"']],
  [["Accept-Language", "de, en;q=0.5"], ["X-Odd", "a,  b;c=\"d\""], ["Origin", "https://evil.example"]],
];

const METHODS = ["GET", "GET", "GET", "POST", "HEAD", "PUT", "OPTIONS", "DELETE", "PROPFIND"];

async function visitors(): Promise<string[]> {
  const session = async (spec: object): Promise<Cookie[]> => stack.cookies(stack.signIn(spec));
  const of = async (spec: object): Promise<string> => cookieHeader(await session(spec));
  const alive = await session({});
  const gone = stack.signIn();
  const dead = stack.signIn({ expiresIn: -60 });
  const [goneCookies, deadCookies] = [await stack.cookies(gone), await stack.cookies(dead)];
  stack.auth.deleteSession(gone.session_id);
  stack.auth.deleteSession(dead.session_id);
  const forged = cookieHeader(await stack.cookies({ ...stack.signIn(), access_token: `${stack.signIn().access_token.slice(0, -6)}AAAAAA` }));
  return [
    "",
    "theme=dark; a=1;b=2;  c=\"3\"; d",
    cookieHeader(alive),
    `z=1; ${cookieHeader(alive)}; ${cookieHeader(alive)}; y=2`,
    await of({ aal: "aal2" }),
    await of({ expiresIn: 30 }),
    await of({ expiresIn: -60 }),
    await of({ expiresIn: -60, user_metadata: { bio: "x".repeat(6_000) } }),
    cookieHeader(goneCookies),
    cookieHeader(deadCookies),
    forged,
    `${stack.key}=rubbish; ${stack.key}.3=stale`,
  ];
}

interface Exchange {
  path: string;
  method: string;
  headers: HeaderList;
  body?: string;
}

/** Walks through all combinations with strides that share no divisor, so that each meets each. */
function exchanges(cookies: string[]): Exchange[] {
  const paths = Object.keys(REPLIES);
  return Array.from({ length: EXCHANGES }, (_, index) => {
    const method = METHODS[index % METHODS.length] ?? "GET";
    const cookie = cookies[Math.floor(index / 3) % cookies.length] ?? "";
    const path = paths[(index * 7 + Math.floor(index / 16)) % paths.length] ?? "/";
    const body = ["POST", "PUT", "PROPFIND"].includes(method) ? `email=a%40example.com&n=${index}&pad=${"é".repeat(index % 50)}` : undefined;
    return {
      path: `${path}?n=${index}&q=%61%2F`,
      method,
      headers: [
        ...(CLIENT_HEADERS[index % CLIENT_HEADERS.length] ?? []),
        ...(cookie === "" ? [] : [["Cookie", cookie] as [string, string]]),
        ...(body === undefined ? [] : [["Content-Type", "application/x-www-form-urlencoded"], ["Content-Length", String(Buffer.byteLength(body))]] as HeaderList),
      ],
      ...(body === undefined ? {} : { body }),
    };
  });
}

/** What belongs to one connection and not to the message (RFC 9110 7.6.1); every hop writes its own. */
const OF_THE_HOP = new Set(["connection", "keep-alive", "transfer-encoding", "date"]);
/** Cloudflare names the zone of whatever Worker sends a request; no Worker can prevent it. */
const OF_THE_PLATFORM = "cf-worker";

/**
 * The headers in the order of their names: HTTP fixes the order within one name alone, and the runtime sorts the names.
 * It also says that an absent body has no length, which is framing like the headers of the hop.
 */
function messageHeaders(headers: HeaderList): HeaderList {
  const lower = headers.map(([name, value]): [string, string] => [name.toLowerCase(), value]);
  return lower.filter(([name, value]) => !OF_THE_HOP.has(name) && name !== OF_THE_PLATFORM && !(name === "content-length" && value === "0")).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The one thing that is taken off while observing too: what only the Worker may say. */
function withoutReserved(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => !/^x[-_]session[-_]/i.test(name));
}

interface Recording {
  asked: object;
  answered: object;
}

async function exchange({ path, ...request }: Exchange, raw: RawRequest): Promise<Recording> {
  stack.origin.requests.length = 0;
  const answer: Answer = await send({ ...request, ...raw });
  const received: Received = stack.origin.only();
  return {
    asked: { method: received.method, url: received.url, headers: messageHeaders(withoutReserved(received.headers)), body: received.body.toString("latin1") },
    answered: { status: answer.status, text: answer.statusText, headers: messageHeaders(answer.headers), body: answer.raw.toString("latin1") },
  };
}

test(`observe: ${EXCHANGES} exchanges pass without a changed byte, and each leaves one record`, { timeout: 120_000 }, async () => {
  Object.entries(REPLIES).forEach(([path, reply]) => stack.origin.on(path, reply));
  const cookies = await visitors();
  const authBefore = stack.authCalls();
  const direct = { socket: new URL(stack.origin.url), headers: [] as HeaderList };
  for (const each of exchanges(cookies)) {
    const headers: HeaderList = [...each.headers, ["Host", stack.origin.host]];
    const without = await exchange(each, { ...direct, target: each.path, headers });
    const observed = await exchange(each, { socket: stack.worker("observed").socket, target: `http://${stack.origin.host}${each.path}`, headers });
    expect(observed, `${each.method} ${each.path}`).toEqual(without);
    expect(stack.origin.only().headers.filter(([, value]) => value === "made-up")).toEqual([]);
  }
  await new Promise((passed) => setTimeout(passed, 300));
  const records = stack.printed().split("\n").filter((line) => line.includes('"would"')).map((line) => JSON.parse(line));
  expect(records.length).toBe(EXCHANGES);
  const seen = new Set(records.map(({ would }) => would));
  expect([...seen].sort()).toEqual(["delete", "deny", "forward", "refresh", "refuse", "serve", "write"]);
  const after = stack.authCalls();
  expect(Object.keys(after).filter((call) => call.startsWith("token") || call.startsWith("logout"))).toEqual([]);
  expect(authBefore).toEqual({});
});

test("observe: the same cookies do refresh, delete and deny where the Worker enforces", async () => {
  const cookies = await visitors();
  const statuses = [];
  for (const cookie of cookies) {
    statuses.push((await stack.worker("enforced").fetch("/members/a", { cookies: cookie })).status);
  }
  expect(new Set(statuses)).toEqual(new Set([200, 401]));
  expect(stack.authCalls()["token:refresh_token"]).toBeGreaterThan(2);
});

test("observe: a WebSocket passes", async () => {
  const upgraded = await stack.worker("observed").upgrade("/members/socket", {
    headers: [["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"], ["Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="]],
  });
  expect(upgraded.status).toBe(101);
  upgraded.socket?.destroy();
});

test("observe: nobody waits for the decision", async () => {
  const cookies = await stack.cookies(stack.signIn());
  stack.auth.faults.add({ delayMs: 1_500 });
  const began = Date.now();
  const answer = await stack.worker("observed").fetch("/live", { cookies });
  expect(answer.status).toBe(200);
  expect(Date.now() - began).toBeLessThan(1_000);
});

test("observe: every step is logged at debug from the first one on, as elsewhere", async () => {
  const cookies = await stack.cookies(stack.signIn());
  const stepsOf = async (worker: "observed" | "enforced", options: object): Promise<string[]> => {
    const before = stack.printed().length;
    await stack.worker(worker).fetch("/page", options);
    await new Promise((passed) => setTimeout(passed, 300));
    return [...stack.printed().slice(before).matchAll(/"step":"([^"]+)"/g)].map(([, step]) => step ?? "");
  };
  for (const options of [{}, { cookies }, { cookies: `${stack.key}=rubbish` }]) {
    await stepsOf("enforced", options); // Keys are known from here on.
    const steps = await stepsOf("enforced", options);
    expect(steps.at(-1)).toBe("forward");
    await stepsOf("observed", options);
    expect(await stepsOf("observed", options)).toEqual(steps);
  }
});
