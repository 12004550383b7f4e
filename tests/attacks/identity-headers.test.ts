/** Headers by which a client pretends to be the Worker, and what is left of them at the origin. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import type { HeaderList } from "../support/origin.ts";
import { type SignedIn, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { type Attack, exchange, expectTable, identityAt, statuses } from "./support.ts";

const IDENTITY_SECRET = "an-identity-secret-of-more-than-32-bytes";
const WORKERS = {
  main: {},
  bypass: { vars: { RULES: [{ bypass: true }] } },
  shared: { vars: { RULES: [{ cache: "shared" }] } },
  off: { vars: { IDENTITY_HEADERS: "off" } },
  assertion: { vars: { IDENTITY_SECRET } },
  plain: { plain: true },
} satisfies Record<string, WorkerSpec>;
/** The modes in which a client's headers are forwarded; in the last four the Worker itself says nothing in plain text. */
const MODES = ["main", "assertion", "bypass", "shared", "off"] as const;

let stack: Stack<keyof typeof WORKERS>;
let session: SignedIn;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
  session = stack.signIn();
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const SPOOFED = "spoofed-5f0c";

interface HeaderAttack extends Attack {
  headers: HeaderList;
}

function rows(source: string, list: [attack: string, ...headers: HeaderList][]): HeaderAttack[] {
  return list.map(([attack, ...headers]) => ({ attack, source, headers }));
}

/** Bytes in front of which a copy of all headers runs out of room if it counts two for a character. */
const LONG_CHARACTERS = Buffer.from("日".repeat(2000)).toString("latin1");

const HEADERS: HeaderAttack[] = [
  ...rows("CWE-290, CWE-348: every header that the Worker sets", [
    ...["X-Session-Outcome", "X-Session-User-Id", "X-Session-Id", "X-Session-Role", "X-Session-Aal", "X-Session-Expires-At", "X-Session-Anonymous", "X-Session-Claims", "X-Session-Assertion"].map((name): [string, ...HeaderList] => [name, [name, SPOOFED]]),
    ["one that it does not set yet", ["X-Session-Whatever", SPOOFED]],
    ["the prefix alone", ["X-Session-", SPOOFED]],
  ]),
  ...rows("RFC 9110 5.1: names have no case", [
    ["lower case", ["x-session-user-id", SPOOFED]],
    ["upper case", ["X-SESSION-USER-ID", SPOOFED]],
    ["mixed case", ["x-SeSsIoN-uSeR-iD", SPOOFED]],
  ]),
  ...rows("RFC 3875 4.1.18; CVE-2015-0219 (Django): CGI folds names", [
    ["underscores", ["X_Session_User_Id", SPOOFED]],
    ["one underscore in front", ["X_Session-User-Id", SPOOFED]],
    ["one underscore in the middle", ["X-Session_User-Id", SPOOFED]],
    ["one underscore at the end", ["X-Session-User_Id", SPOOFED]],
    ["dots (lighttpd turns all that is no letter into _)", ["X.Session.User.Id", SPOOFED]],
    ["a tilde", ["X~Session~User~Id", SPOOFED]],
    ["an exclamation mark and a bar", ["X!Session|Role", SPOOFED]],
    ["a plus and an apostrophe", ["X+Session'Role", SPOOFED]],
    ["a backtick and a dollar", ["X`Session$Role", SPOOFED]],
    ["an asterisk and a hash", ["X*Session#Role", SPOOFED]],
  ]),
  ...rows("RFC 9110 5.3: several lines of one name", [
    ["twice", ["X-Session-Role", SPOOFED], ["X-Session-Role", `${SPOOFED}2`]],
    ["in two spellings", ["X-Session-Role", SPOOFED], ["x_session_role", SPOOFED]],
    ["a hundred times", ...Array.from({ length: 100 }, (): [string, string] => ["X-Session-Role", SPOOFED])],
    ["a hundred names", ...Array.from({ length: 100 }, (_, index): [string, string] => [`X-Session-${index}`, SPOOFED])],
  ]),
  ...rows("RFC 9110 5.5, 7.6.1: values and hop-by-hop", [
    ["white space around the value", ["X-Session-Role", `\t ${SPOOFED} \t`]],
    ["bytes above ASCII", ["X-Session-Role", `${SPOOFED}\xff\xfe`]],
    ["a list", ["X-Session-Role", `${SPOOFED}, admin`]],
    ["8 KB", ["X-Session-Role", SPOOFED.repeat(600)]],
    ["behind characters of three bytes", ["Accept", LONG_CHARACTERS], ["X-Session-Role", SPOOFED]],
    ["behind characters of four bytes", ["Accept", Buffer.from("😀".repeat(2000)).toString("latin1")], ["X-Session-Role", SPOOFED]],
    ["an empty one beside it", ["X-Session-Role", ""], ["X-Session-Role", SPOOFED]],
  ]),
];

test("the table is whole", () => expectTable(HEADERS, 35));

test.each(HEADERS)("$attack: nothing of it reaches the origin in any mode, signed in or not [$source]", async ({ headers }) => {
  for (const mode of MODES) {
    for (const token of [undefined, session.access_token, "a.b.c"]) {
      stack.origin.clear();
      const authorization: HeaderList = token === undefined ? [] : [["Authorization", `Bearer ${token}`]];
      await stack.worker(mode).fetch("/", { headers: [...headers, ...authorization] });
      const received = stack.origin.only();
      expect(JSON.stringify(received.headers)).not.toContain(SPOOFED);
      const isTold = token === session.access_token && (mode === "main" || mode === "assertion");
      expect(received.all("x-session-user-id")).toEqual(isTold ? [session.user.id] : []);
      expect(identityAt(received).filter(([name]) => name !== "x-session-assertion").length > 0).toBe(isTold);
    }
  }
});

describe("hop-by-hop", () => {
  test.each([
    ["Connection: x-session-user-id", [["Connection", "x-session-user-id"]]],
    ["Connection: close, X-Session-User-Id, X-Session-Outcome", [["Connection", "close, X-Session-User-Id, X-Session-Outcome"]]],
    ["Keep-Alive and Proxy-Connection", [["Connection", "keep-alive"], ["Keep-Alive", "x-session-user-id"], ["Proxy-Connection", "x-session-user-id"]]],
    ["TE", [["Connection", "TE, x-session-role"], ["TE", "trailers"]]],
  ] as [string, HeaderList][])("%s takes nothing away from what the origin is told [RFC 9110 7.6.1; Nathan Davison 2019]", async (_, headers) => {
    const answer = await stack.worker("main").fetch("/", { headers: [...headers, ["Authorization", `Bearer ${session.access_token}`]] });
    expect(outcomeOf(answer)).toBe("valid");
    const received = stack.origin.only();
    expect([received.header("x-session-user-id"), received.header("x-session-outcome")]).toEqual([session.user.id, "valid"]);
    // A proxy in front of the origin would drop what Connection names.
    expect((received.header("connection") ?? "").toLowerCase()).not.toContain("x-session");
  });
});

describe("bytes that no HTTP library would send", () => {
  const request = (lines: string): string => `GET / HTTP/1.1\r\nHost: app.example.com\r\nConnection: close\r\n${lines}\r\n\r\n`;

  test.each([
    ["a space in front of the colon", `X-Session-Role : ${SPOOFED}`],
    ["a tab in front of the colon", `X-Session-Role\t: ${SPOOFED}`],
    ["a folded line", `X-A: b\r\n X-Session-Role: ${SPOOFED}`],
    ["a line break alone", `X-A: b\nX-Session-Role: ${SPOOFED}`],
    ["a carriage return alone", `X-A: b\rX-Session-Role: ${SPOOFED}`],
    ["NUL in the value", `X-A: b\0X-Session-Role: ${SPOOFED}`],
    ["NUL in the name", `X-Session-Role\0: ${SPOOFED}`],
    ["a vertical tab in the name", `X-Session-Role\x0b: ${SPOOFED}`],
    ["a Latin o with diaeresis", `X-Sessi\xf6n-Role: ${SPOOFED}`],
    ["a Cyrillic o in UTF-8", Buffer.from(`X-Sessiоn-Role: ${SPOOFED}`).toString("latin1")],
    ["a fullwidth hyphen", Buffer.from(`X－Session－Role: ${SPOOFED}`).toString("latin1")],
    ["a Kelvin sign, which folds to k", Buffer.from(`X-Session-\u212a: ${SPOOFED}`).toString("latin1")],
    ["a long s, which folds to s", Buffer.from(`X-\u017fession-Role: ${SPOOFED}`).toString("latin1")],
    ["a no-break space behind the name", `X-Session-Role\xa0: ${SPOOFED}`],
    ["a quoted name", `"X-Session-Role": ${SPOOFED}`],
    ["a name without a colon", `X-Session-Role ${SPOOFED}`],
    ["a trailer", `Transfer-Encoding: chunked\r\nTrailer: X-Session-Role\r\n\r\n0\r\nX-Session-Role: ${SPOOFED}`],
  ])("%s is refused or dropped [RFC 9112 5.1, 5.2, 7.1.2; Unicode case folding]", async (_, lines) => {
    const received = await exchange(stack.worker("plain").socket, request(lines));
    expect(statuses(received)).toHaveLength(1);
    if (statuses(received)[0] !== 400) {
      expect(statuses(received)).toEqual([200]);
      expect(JSON.stringify(stack.origin.only().headers)).not.toContain(SPOOFED);
      expect(stack.origin.only().header("x-session-outcome")).toBe("anonymous");
    } else {
      expect(stack.origin.requests).toEqual([]);
    }
  });
});

describe("what proves that a request came through the Worker", () => {
  test.each([
    ["no session", undefined],
    ["a good session", "good"],
    ["a forged session", "a.b.c"],
  ])("a client's assertion never survives beside the Worker's: %s [RFC 7519 11.1]", async (_, kind) => {
    const payload = Buffer.from(JSON.stringify({ iss: "edge-session", sub: SPOOFED, exp: 9_999_999_999 })).toString("base64url");
    const input = `${Buffer.from('{"alg":"HS256","typ":"JWT"}').toString("base64url")}.${payload}`;
    const forged = `${input}.${createHmac("sha256", "guess").update(input).digest("base64url")}`;
    const token = kind === "good" ? session.access_token : kind;
    await stack.worker("assertion").fetch("/", { headers: [["X-Session-Assertion", forged], ...(token === undefined ? [] : ([["Authorization", `Bearer ${token}`]] as HeaderList))] });
    const all = stack.origin.only().all("x-session-assertion");
    expect(all).toHaveLength(1);
    const [head, body, signature] = all[0]!.split(".");
    expect(createHmac("sha256", IDENTITY_SECRET).update(`${head}.${body}`).digest("base64url")).toBe(signature);
    expect(JSON.parse(Buffer.from(body!, "base64url").toString()).sub).toBe(kind === "good" ? session.user.id : undefined);
  });

  test.each([["X-Session-Hop"], ["x_session_hop"], ["X-SESSION-HOP"]])("%s of a client costs it its own request and nothing else [CWE-674]", async (name) => {
    const answer = await stack.worker("main").fetch("/", { headers: [[name, "1"]] });
    expect(answer.status).toBe(200);
    // A count that came is counted on; what only resembles one is removed, and the Worker's own stands there.
    expect(["1", "2"]).toContain(stack.origin.only().header("x-session-hop"));
  });

  test("other headers arrive as they came, so that nothing above is a matter of dropping everything", async () => {
    const others: HeaderList = [["X-Sessions-Role", "1"], ["X-Sess-Ion", "2"], ["XSession-Role", "3"], ["Y-X-Session-Role", "4"], ["X_Other_Name", "5"], ["X.Dotted", "6"]];
    await stack.worker("main").fetch("/", { headers: others });
    const received = stack.origin.only();
    expect(others.map(([name]) => [name, received.header(name)])).toEqual(others);
  });
});
