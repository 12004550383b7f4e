/** Paths, methods, hosts and headers by which somebody without a session tries to reach what a rule guards. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import type { HeaderList } from "../support/origin.ts";
import { type FetchInit, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";
import { ORIGINS, readings } from "./origins.ts";
import { type Attack, exchange, expectTable, generator, statuses } from "./support.ts";

const guard = { path: "/admin*", require: true };
const WORKERS = {
  guarded: { vars: { RULES: [guard] } },
  /** A bypass in front of the guard, as in the matchers of the Supabase guides. */
  behind: { vars: { RULES: [{ path: ["*.png", "/public/*"], bypass: true }, { path: "/shared/*", cache: "shared" }, guard] } },
  excluded: { vars: { RULES: [{ path: ["*", "!/public/*", "!*.png"], require: true }] } },
  methods: { vars: { RULES: [{ path: "/api*", methods: ["DELETE", "PUT"], require: true }, { path: "/api*", methods: ["GET"], bypass: true }] } },
  hosts: { vars: { RULES: [{ hosts: ["admin.example.com"], require: true }] } },
  prefixed: { vars: ({ origin }) => ({ ORIGIN_URL: `${origin.url}/tenant`, RULES: [guard] }) },
  plain: { plain: true, vars: { RULES: [guard] } },
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

type Verdict = "denied" | "refused" | "open";

interface PathAttack extends Attack {
  path: string;
  verdict: Verdict;
}

function rows(source: string, verdict: Verdict, paths: string[]): PathAttack[] {
  return paths.map((path) => ({ attack: path, source, path, verdict }));
}

const PATHS: PathAttack[] = [
  ...rows("RFC 3986 6.2.2.1, 6.2.2.2: case and percent-encoding", "denied", [
    "/admin", "/admin/", "/admin/x", "/administrator", "/%61dmin", "/%61%64%6D%69%6E", "/%61%64%6d%69%6e/x", "/admi%6e", "/a%64min?x", "/admin%2fx", "/admin%2Fx", "/%2fadmin", "/%2Fadmin/x", "/admin%20", "/admin%09", "/admin%0a", "/admin%0d%0aX:%20y", "/admin%c3%a9", "/admin%e2%80%8b",
  ]),
  ...rows("RFC 3986 5.2.4: dot segments", "denied", [
    "/x/../admin", "/./admin", "/../admin", "/../../../admin", "/x/y/../../admin", "/admin/.", "/admin/./x", "/admin/x/..", "/admin/../admin", "/%2e/admin", "/%2e%2e/admin", "/x/%2e%2e/admin", "/x/.%2e/admin", "/x/%2e./admin", "/x/%2E%2E/admin", "/x/..%2fadmin", "/x%2f..%2fadmin", "/x%2f%2e%2e%2fadmin", "/x/%2e%2e%2fadmin", "/%2e%2fadmin", "/x/y%2f..%2f..%2fadmin", "/admin/..%2fadmin", "/admin%2f..%2fpublic", "/admin/%2e%2e%2fpublic",
  ]),
  ...rows("nginx merge_slashes; Go path.Clean; RFC 3986 3.3: empty segments", "denied", [
    "//admin", "///admin", "////admin/x", "/.//admin", "//./admin", "/x//../admin", "/x/..//admin", "/x//..//..//admin", "/%2f%2fadmin", "//%61dmin", "/%2f/admin", "/x%2f%2f..%2fadmin", "/x//../../admin",
  ]),
  ...rows("RFC 3986 4.2: network-path references in new URL(url, base), parse_url, urlsplit", "denied", [
    "//any/admin", "//any/admin/x", "//any.example:80/admin", "//user:pass@any/admin", "//any/x/../admin", "//any/%61dmin", "//any//admin", "/\\any/admin", "\\\\any/admin".replace(/^/, "/"), "//[::1]/admin", "//any/./admin", "/%2fany/admin", "/.//any/admin", "/x/..//any/admin",
  ]),
  ...rows("URL Standard 4.4: a backslash is a slash (IIS, browsers)", "denied", [
    "/\\admin", "/admin\\x", "/admin%5cx", "/%5cadmin", "/x\\..\\admin", "/x%5c..%5cadmin", "/x/..\\admin", "/x/..%5cadmin", "/x\\../admin", "/.\\admin", "/%5c%5cadmin", "/\\\\admin", "/x%5c%2e%2e%5cadmin",
  ]),
  ...rows("Orange Tsai, Black Hat 2018: path parameters of servlets (CVE-2018-1271 and kin)", "denied", [
    "/admin;", "/admin;x=1", "/admin;x=1/y", "/admin;/x", "/;/admin", "/;x=1/admin", "/x/..;/admin", "/x/..;a=b/admin", "/x;y/../admin", "/x/..%3b/admin", "/x/.;/../admin", "/..;/admin", "/admin%3bx", "/;%2fadmin",
  ]),
  ...rows("CWE-626, CVE-2006-7243; CVE-2024-38474: a path that ends early", "denied", [
    "/admin%00", "/admin%00.png", "/admin%00/x", "/admin%3f", "/admin%3f.png", "/admin%3fx=1", "/admin%23", "/admin%23.png", "/x/..%2fadmin%00.png", "/admin?.png", "/admin?/../public", "/admin?x=/public/",
  ]),
  ...rows("CWE-20: what cannot be decoded stands for itself, and hides nothing", "denied", ["/admin%", "/%61dmin%zz", "/admin%ff", "/admin/%6"]),
  ...rows("CWE-20: what cannot be decoded stands for itself, and is nobody's path but its own", "open", [
    "/%", "/%6", "/%zz", "/%6gdmin", "/%u0061dmin", "/%c0%afadmin", "/%e0%80%afadmin", "/%ff", "/%ed%a0%80", "/public/%2", "/%f0%80%80%afadmin", "/%fc%80%80%80%80%afadmin",
  ]),
  ...rows("CWE-178: an origin may not tell letters by their case", "denied", ["/Admin", "/ADMIN", "/x/../aDmin", "/%41dmin", "/adm%C4%B1n"]),
  ...rows("CWE-407: a path that can be read in more ways than one means", "denied", [
    "/a//../%2f..;/b//../%5c..%2f;c/..%2f%3f%23/d//../%2f\\e/../f%2f..;/admin",
  ]),
  ...rows("RFC 3986 2.4, 6.2.2.1: decoded once, and case counts", "open", [
    "/%2561dmin", "/%252e%252e/x", "/x/%252e%252e%252fadmin", "/x/admin", "/adm", "/x;/admin", "/adm%69", "/x?/admin", "/x%3f/admin", "/%E2%93%90dmin", "/%ef%bc%8fadmin", "/%EF%BD%81dmin", "/ad%00min", "/%00admin",
  ]),
];

test("the table is whole", () => expectTable(PATHS, 140));

test.each(PATHS)("guard /admin*: $attack is $verdict [$source]", async ({ path, verdict }) => {
  const answer = await stack.worker("guarded").fetch(path);
  const guarded = guardedBy(path);
  // An origin that finds /admin in the path proves that the guard has to hold; the verdicts agree with the models.
  if (verdict === "open") {
    expect(guarded).toEqual([]);
  }
  expectVerdict(answer.status, verdict);
});

test.each(PATHS.filter(({ verdict }) => verdict !== "open"))("behind a bypass, a shared page and an exclusion: $attack [$source]", async ({ path, verdict }) => {
  for (const prefix of ["", "/public/..", "/public/..%2f..", "/shared/%2e%2e", "/public/..;"]) {
    for (const suffix of ["", ".png"]) {
      const target = joined(prefix, path, suffix);
      const reads = guardedBy(target, true);
      for (const name of ["behind", "excluded"] as const) {
        stack.origin.clear();
        const answer = await stack.worker(name).fetch(target);
        if (reads.length > 0 || verdict === "refused") {
          expect([target, reads, [400, 401].includes(answer.status)]).toEqual([target, reads, true]);
          expect(stack.origin.requests).toEqual([]);
        }
      }
    }
  }
});

describe("every normalisation difference between the origins", () => {
  const PARTS = ["/", "//", "\\", "%2f", "%5c", ".", "..", "%2e", "%2E%2e", ";", ";x=1", "%3b", "%00", "%3f", "%23", "x", "any", "public", "shared", "admin", "%61dmin", "adm%69n", ".png", "%252e", "@", ":"];

  test.each(["guarded", "behind", "excluded"] as const)("2,000 generated paths at %s: none that any origin takes for /admin gets there", async (name) => {
    const random = generator(name.length);
    const seen = new Map<string, number>();
    let open = 0;
    for (let round = 0; round < 2_000; round += 1) {
      const path = `/${Array.from({ length: 1 + random.below(7) }, () => random.pick(PARTS)).join("")}${random.pick(["", "/admin", "admin", "%2fadmin", "/admin.png"])}`;
      stack.origin.requests.length = 0;
      const answer = await stack.worker(name).fetch(path);
      const guarded = guardedBy(path, name !== "guarded");
      guarded.forEach((origin) => seen.set(origin, (seen.get(origin) ?? 0) + 1));
      if (guarded.length > 0) {
        expect([path, guarded, answer.status === 400 || answer.status === 401, stack.origin.requests.length]).toEqual([path, guarded, true, 0]);
      }
      open += answer.status === 200 ? 1 : 0;
    }
    // A model that never finds /admin, or a guard that refuses everything, would prove nothing.
    for (const origin of Object.keys(ORIGINS)) {
      expect([origin, (seen.get(origin) ?? 0) > 50]).toEqual([origin, true]);
    }
    expect(open).toBeGreaterThan(200);
  });
});

describe("headers that name another path", () => {
  const NAMES = ["X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Path", "x-original-url", "X-ORIGINAL-URL"];
  const OVERRIDES: Attack[] = NAMES.flatMap((name) => ["/admin", "/%61dmin", "//any/admin", "https://any/admin", "/x/..;/admin", "admin", "/admin?x"].map((path) => ({ attack: `${name}: ${path}`, source: "PortSwigger: URL-based access control circumvention; CVE-2018-14773 (Symfony)" })));

  test.each(OVERRIDES)("$attack does not reach the origin [$source]", async ({ attack }) => {
    const [name, value] = attack.split(/: (.*)/s) as [string, string];
    for (const worker of ["guarded", "behind"] as const) {
      stack.origin.clear();
      expect((await stack.worker(worker).fetch(worker === "behind" ? "/public/x" : "/", { headers: [[name, value]] })).status).toBe(200);
      expect(stack.origin.only().all(name)).toEqual([]);
    }
  });

  test.each(NAMES)("%s: /public does not open the guard, and reaches the origin nowhere", async (name) => {
    expect((await stack.worker("guarded").fetch("/admin", { headers: [[name, "/public"]] })).status).toBe(401);
    expect(stack.origin.requests).toEqual([]);
    expect((await stack.worker("guarded").fetch("/x", { headers: [[name, "/public"]] })).status).toBe(200);
    expect(stack.origin.only().all(name)).toEqual([]);
  });
});

describe("methods", () => {
  interface MethodAttack extends Attack {
    method: string;
    headers?: HeaderList;
    path?: string;
    status: number;
    outcome?: string;
  }
  const source = "CWE-650; PortSwigger: method-based access control circumvention";
  const METHODS: MethodAttack[] = [
    { attack: "DELETE", source, method: "DELETE", status: 401 },
    { attack: "PUT", source, method: "PUT", status: 401 },
    ...["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "x-http-method-override"].flatMap((name): MethodAttack[] => [
      { attack: `POST with ${name}: DELETE`, source, method: "POST", headers: [[name, "DELETE"]], status: 401 },
      { attack: `POST with ${name}: put`, source, method: "POST", headers: [[name, "put"]], status: 401 },
      { attack: `GET with ${name}: DELETE`, source, method: "GET", headers: [[name, "DELETE"]], status: 401 },
      { attack: `DELETE with ${name}: GET`, source, method: "DELETE", headers: [[name, "GET"]], status: 401 },
      { attack: `GET with ${name}: PATCH is not bypassed`, source, method: "GET", headers: [[name, "PATCH"]], status: 200, outcome: "anonymous" },
      { attack: `POST with ${name} twice`, source, method: "POST", headers: [[name, "PATCH"], [name, "DELETE"]], status: 401 },
    ]),
    { attack: "GET is bypassed", source, method: "GET", status: 200, outcome: "bypass" },
    { attack: "HEAD is a GET", source, method: "HEAD", status: 200, outcome: "bypass" },
    { attack: "POST is nobody's", source, method: "POST", status: 200, outcome: "anonymous" },
  ];

  test("the table is whole", () => expectTable(METHODS, 25));

  test.each(METHODS)("a guard for DELETE and PUT, a bypass for GET: $attack [$source]", async ({ method, headers = [], status, outcome }) => {
    const answer = await stack.worker("methods").fetch("/api/x", { method, headers });
    expect(answer.status).toBe(status);
    if (status === 401) {
      expect(stack.origin.requests).toEqual([]);
    } else {
      expect(outcomeOf(answer)).toBe(outcome);
      expect(stack.origin.only().method).toBe(method);
    }
  });

  test.each(["HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PURGE", "LOCK"])("a guard without methods holds for %s [CWE-650]", async (method) => {
    expect((await stack.worker("guarded").fetch("/admin", { method })).status).toBe(401);
    expect(stack.origin.requests).toEqual([]);
  });

  const preflight: HeaderList = [["Origin", "https://other.example"], ["Access-Control-Request-Method", "DELETE"]];

  test("a preflight of somebody who may pass, or where no guard stands, gets all that the origin says", async () => {
    const headers: HeaderList = [...preflight, ["Authorization", `Bearer ${stack.signIn().access_token}`]];
    expect((await stack.worker("guarded").fetch("/admin", { method: "OPTIONS", headers })).json().method).toBe("OPTIONS");
    expect((await stack.worker("guarded").fetch("/", { method: "OPTIONS", headers: preflight })).json().method).toBe("OPTIONS");
    stack.origin.on("/admin", { status: 204, headers: [["Access-Control-Allow-Origin", "https://other.example"], ["Access-Control-Max-Age", "600"]] });
    const answer = await stack.worker("guarded").fetch("/admin", { method: "OPTIONS", headers: preflight });
    expect([answer.status, answer.header("access-control-allow-origin"), answer.header("access-control-max-age")]).toEqual([204, "https://other.example", "600"]);
  });

  test("a preflight passes as somebody unknown, and nothing else that looks like one does [Fetch 4.8]", async () => {
    const answer = await stack.worker("guarded").fetch("/admin", { method: "OPTIONS", headers: preflight });
    expect([answer.status, stack.origin.only().header("x-session-outcome"), stack.origin.only().header("x-session-user-id")]).toEqual([200, "anonymous", undefined]);
    // The origin of this stack answers every method with a page. Nobody gets it by the name of a preflight.
    expect([answer.text, answer.header("content-type"), answer.header("content-length") ?? "0"]).toEqual(["", undefined, "0"]);
    stack.origin.clear();
    for (const [method, headers] of [
      ["GET", preflight],
      ["POST", preflight],
      ["OPTIONS", preflight.slice(0, 1)],
      ["OPTIONS", preflight.slice(1)],
      ["GET", [...preflight, ["X-HTTP-Method-Override", "OPTIONS"]]],
      ["OPTIONS", [...preflight, ["X-HTTP-Method-Override", "GET"]]],
      ["OPTIONS", [...preflight, ["X-Original-URL", "/public"]]],
    ] as [string, HeaderList][]) {
      const denied = await stack.worker("guarded").fetch("/admin", { method, headers });
      expect([method, headers, denied.status]).toEqual([method, headers, 401]);
    }
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("hosts", () => {
  interface HostAttack extends Attack {
    init: FetchInit;
    status: number;
  }
  const source = "PortSwigger: HTTP Host header attacks";
  const HOSTS: HostAttack[] = [
    { attack: "the host itself", source, init: { site: "https://admin.example.com" }, status: 401 },
    { attack: "upper case", source, init: { site: "https://ADMIN.EXAMPLE.COM" }, status: 401 },
    { attack: "with its port", source, init: { site: "https://admin.example.com:443" }, status: 401 },
    { attack: "with another port", source, init: { site: "https://admin.example.com:8443" }, status: 401 },
    { attack: "fully qualified", source, init: { site: "https://admin.example.com." }, status: 401 },
    { attack: "over http", source, init: { site: "http://admin.example.com" }, status: 401 },
    { attack: "with a user in front", source, init: { site: "https://www.example.com@admin.example.com" }, status: 401 },
    { attack: "another Host line does not choose the rule", source, init: { site: "https://admin.example.com", headers: [["Host", "www.example.com"]] }, status: 401 },
    { attack: "X-Forwarded-Host does not open it", source, init: { site: "https://admin.example.com", headers: [["X-Forwarded-Host", "www.example.com"]] }, status: 401 },
    { attack: "another host is open", source, init: { site: "https://www.example.com" }, status: 200 },
    { attack: "a host that ends alike is another", source, init: { site: "https://xadmin.example.com" }, status: 200 },
    { attack: "a host that begins alike is another", source, init: { site: "https://admin.example.com.evil.example" }, status: 200 },
  ];

  test("the table is whole", () => expectTable(HOSTS, 12));

  test.each(HOSTS)("a guard for admin.example.com: $attack [$source]", async ({ init, status }) => {
    const answer = await stack.worker("hosts").fetch("/", init);
    expect(answer.status).toBe(status);
    expect(stack.origin.requests).toHaveLength(status === 200 ? 1 : 0);
  });

  test.each(["X-Forwarded-Host", "X-Forwarded-Proto", "x-forwarded-host"])("%s of a client never reaches the origin beside the Worker's own [PortSwigger: Host header attacks]", async (name) => {
    await stack.worker("hosts").fetch("/", { site: "https://www.example.com", headers: [[name, "admin.example.com"], [name, "evil.example"]] });
    const expected = name.toLowerCase() === "x-forwarded-proto" ? ["https"] : ["www.example.com"];
    expect(stack.origin.only().all(name)).toEqual(expected);
  });

  test.each([
    ["two Host lines", "Host: www.example.com\r\nHost: admin.example.com"],
    ["a list in Host", "Host: www.example.com, admin.example.com"],
    ["a user in Host", "Host: www.example.com@"],
    ["a star in Host", "Host: *"],
  ])("%s: 400, and nobody is asked [RFC 9112 3.2]", async (_, lines) => {
    const received = await exchange(stack.worker("plain").socket, `GET / HTTP/1.1\r\n${lines}\r\nConnection: close\r\n\r\n`);
    expect(statuses(received)).toEqual([400]);
    expect(stack.origin.requests).toEqual([]);
  });
});

describe("ORIGIN_URL with a path: nobody leaves it", () => {
  test.each(["/../x", "/%2e%2e/x", "/..%2fx", "/x/../../y", "/x/..%2f..%2fy", "/..\\x", "/..%5cx", "/..;/x", "/%2e%2e", "/.."])("%s is refused [CWE-22; CVE-2021-41773]", async (path) => {
    expect((await stack.worker("prefixed").fetch(path)).status).toBe(400);
    expect(stack.origin.requests).toEqual([]);
  });

  test.each([["/x", "/tenant/x"], ["//x", "/tenant//x"], ["/x/../y", "/tenant/y"], ["/x%2fy", "/tenant/x%2fy"], ["/", "/tenant/"]])("%s arrives as %s", async (path, arrived) => {
    await stack.worker("prefixed").fetch(path);
    expect(stack.origin.only().url).toBe(arrived);
  });

  test("the guard is about the path that the visitor sees", async () => {
    expect((await stack.worker("prefixed").fetch("/x/../admin")).status).toBe(401);
  });
});

describe("request lines and bodies by which one request becomes two", () => {
  const head = "Host: app.example.com\r\nConnection: close\r\n";
  const inner = `GET /admin HTTP/1.1\r\n${head}\r\n`;
  interface Smuggling extends Attack {
    bytes: string;
    /** How often the origin may be asked; never for /admin. */
    requests: number;
  }
  const source = "RFC 9112 6.1, 6.3, 11.2; PortSwigger: HTTP request smuggling";
  const SMUGGLING: Smuggling[] = [
    { attack: "CL.TE", source, bytes: `POST / HTTP/1.1\r\n${head}Content-Length: ${5 + inner.length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`, requests: 1 },
    { attack: "TE.CL", source, bytes: `POST / HTTP/1.1\r\n${head}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n${inner.length.toString(16)}\r\n${inner}\r\n0\r\n\r\n`, requests: 1 },
    { attack: "two different lengths", source, bytes: `POST / HTTP/1.1\r\n${head}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`, requests: 0 },
    { attack: "a length with a sign", source, bytes: `POST / HTTP/1.1\r\n${head}Content-Length: +0\r\n\r\n${inner}`, requests: 0 },
    { attack: "a coding that is none", source, bytes: `POST / HTTP/1.1\r\n${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`, requests: 0 },
    { attack: "a space in front of the colon", source, bytes: `POST / HTTP/1.1\r\n${head}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${inner}`, requests: 0 },
    { attack: "a space in the target", source, bytes: `GET /x /admin HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "a tab in the target", source, bytes: `GET /\tadmin HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "a control byte in the target", source, bytes: `GET /\x01admin HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "the guarded path in absolute form", source, bytes: `GET http://app.example.com/admin HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "another host in absolute form", source, bytes: `GET http://other.example/admin HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "a fragment in the target", source, bytes: `GET /admin#/public HTTP/1.1\r\n${head}\r\n`, requests: 0 },
    { attack: "an upgrade to h2c", source: "Bishop Fox: h2c smuggling", bytes: `GET /admin HTTP/1.1\r\nHost: app.example.com\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n`, requests: 0 },
    { attack: "an upgrade to WebSocket", source: "RFC 6455 10.5", bytes: `GET /admin HTTP/1.1\r\nHost: app.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n`, requests: 0 },
    { attack: "CONNECT", source: "RFC 9110 9.3.6", bytes: `CONNECT app.example.com:443 HTTP/1.1\r\n${head}\r\n`, requests: 0 },
  ];

  test("the table is whole", () => expectTable(SMUGGLING, 15));

  test.each(SMUGGLING)("$attack [$source]", async ({ bytes, requests }) => {
    const received = await exchange(stack.worker("plain").socket, bytes);
    expect(statuses(received).length).toBeLessThanOrEqual(1);
    expect(stack.origin.requests.length).toBe(requests);
    expect(stack.origin.requests.filter(({ url }) => url.includes("admin"))).toEqual([]);
  });
});

/** The origins that find the guarded path in `path`; an image is not guarded where the rules let images pass first. */
function guardedBy(path: string, imagesPass = false): string[] {
  const [local = ""] = path.split("?");
  const isGuarded = (reading: string): boolean => reading.startsWith("/admin") && !(imagesPass && reading.endsWith(".png"));
  return [...new Set(readings(local).filter(([, reading]) => isGuarded(reading)).map(([origin]) => origin))];
}

function expectVerdict(status: number, verdict: Verdict): void {
  expect(status).toBe({ denied: 401, refused: 400, open: 200 }[verdict]);
  expect(stack.origin.requests).toHaveLength(verdict === "open" ? 1 : 0);
}

/** The attack with something in front of its path and behind it. */
function joined(prefix: string, path: string, suffix: string): string {
  const [local, query] = path.split(/\?(.*)/s);
  return `${prefix}${local}${suffix}${query === undefined ? "" : `?${query}`}`;
}
