/** Contract §2 and §5: what a rule may ask for and where it sends whom. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { expectDenialHeaders, outcomeOf, sessionSetCookies } from "../support/expectations.ts";
import type { Answer } from "../support/http.ts";
import { type FetchInit, SITE, type Stack, startStack, type WorkerSpec } from "../support/stack.ts";

const WORKERS = {
  fields: {
    vars: {
      MFA_PATH: "/mfa",
      LOG_PATH: "on",
      RULES: [
        { name: "members", path: "/named*", require: true },
        { path: "/absent*", require: { absent: ["/app_metadata/suspended"] } },
        { path: "/recent*", require: { max_age: 600 } },
        { path: "/strong*", require: { aal: "aal2" } },
        { path: "/app/any*", require: { clients: true } },
        { path: "/app/listed*", require: { clients: ["app-1"] } },
        { path: "/app*", require: true },
        { path: "/bearer*", require: true, credentials: "bearer" },
        { path: "/cookie*", require: true, credentials: "cookie" },
        { path: "/partner*", require: { claims: { "/app_metadata/partner": true } }, login: "/partner/login", forbidden: "/partner/apply" },
        { path: ["/guests", "/landing"], signed_in: "/home?from=guests" },
        { path: "/home", signed_in: "/home" },
        { path: "/paid*", require: { claims: { "/app_metadata/plan": "pro" } } },
        { path: "/folder/*", require: true },
        { path: "/members*", require: true },
        { path: "/write*", methods: ["DELETE"], require: true },
        { path: "/json*", require: true, on_denied: "status" },
      ],
    },
  },
  elsewhere: { vars: { LOGIN_PATH: "https://accounts.example.net/in?client=1", RULES: [{ require: true }] } },
  query: { vars: { LOGIN_PATH: "/login?tab=1", RULES: [{ require: true }] } },
  hosts: { vars: { REDIRECT_HOSTS: "*.example.org, partner.example.net", AUTH_PATH: "/auth", RULES: [{ require: true }] } },
  plain: {},
} satisfies Record<string, WorkerSpec>;

let stack: Stack<keyof typeof WORKERS>;

beforeAll(async () => {
  stack = await startStack({ vars: { SERVER_TIMING: "on" }, workers: WORKERS });
});
afterAll(() => stack.close());
beforeEach(() => stack.clear());

const ask = (path: string, init?: FetchInit): Promise<Answer> => stack.worker("fields").fetch(path, init);
const as = async (spec?: Parameters<typeof stack.signIn>[0]): Promise<FetchInit> => ({ cookies: await stack.cookies(stack.signIn(spec)) });
const reason = async (path: string, init?: FetchInit): Promise<unknown> => {
  const answer = await ask(path, init);
  return answer.status === 200 ? 200 : [answer.status, answer.json().reason];
};
const location = (answer: Answer): string => decodeURIComponent(answer.header("location") ?? "");

describe("§2 require", () => {
  test("§2 name: stands in the log line", async () => {
    const { lines } = await stack.worker("fields").logged("/named/1");
    expect(lines).toMatchObject([{ rule: 0, rule_name: "members", path: "/named/1" }]);
  });

  test("§2 require: absent: nothing may stand at the pointer", async () => {
    expect(await reason("/absent", await as())).toBe(200);
    expect(await reason("/absent", await as({ app_metadata: { suspended: "yes" } }))).toEqual([403, "absent"]);
    expect(await reason("/absent", await as({ app_metadata: { suspended: null } }))).toEqual([403, "absent"]);
  });

  test("§2 require: max_age: seconds since the newest amr timestamp; without one it does not hold", async () => {
    const now = Math.floor(Date.now() / 1000);
    const proved = (...ages: number[]) => as({ amr: ages.map((age) => ({ method: "password", timestamp: now - age })) });
    expect(await reason("/recent", await proved(60))).toBe(200);
    expect(await reason("/recent", await proved(4_000, 60))).toBe(200);
    expect(await reason("/recent", await proved(4_000))).toEqual([401, "sign_in_again"]);
    expect(await reason("/recent", await proved())).toEqual([401, "sign_in_again"]);
  });

  test("§2 require: clients: a token of somebody else's app meets none that does not name it", async () => {
    const app = (id: string) => as({ client: { client_id: id, scope: "openid" } });
    expect(await reason("/app/own", await as())).toBe(200);
    expect(await reason("/app/own", await app("app-1"))).toEqual([403, "client"]);
    expect(await reason("/app/listed", await app("app-1"))).toBe(200);
    expect(await reason("/app/listed", await app("app-2"))).toEqual([403, "client"]);
    expect(await reason("/app/any", await app("app-2"))).toBe(200);
    expect(await reason("/app/listed", await as())).toBe(200);
  });

  test("§2 credentials: which of the two counts", async () => {
    const session = stack.signIn();
    const cookie = { cookies: await stack.cookies(session) };
    const bearer = { headers: [["Authorization", `Bearer ${session.access_token}`]] as [string, string][] };
    expect([await reason("/bearer", bearer), await reason("/cookie", cookie), await reason("/members", bearer), await reason("/members", cookie)]).toEqual([200, 200, 200, 200]);
    expect((await ask("/bearer", cookie)).status).toBe(401);
    expect((await ask("/cookie", bearer)).status).toBe(401);
  });

  test("§2 signed_in together with bypass or require is an error, and a claim below /user_metadata too", async () => {
    const wrong = await startStack({
      workers: {
        bypass: { vars: { RULES: [{ signed_in: "/a", bypass: true }] } },
        require: { vars: { RULES: [{ signed_in: "/a", require: true }] } },
        claim: { vars: { RULES: [{ require: { claims: { "/user_metadata/role": "admin" } } }] } },
      },
    });
    for (const name of ["bypass", "require", "claim"] as const) {
      const answer = await wrong.worker(name).fetch("/");
      expect([name, answer.status, answer.header("content-type")]).toEqual([name, 500, "application/problem+json"]);
      const page = await wrong.worker(name).fetch("/", { navigate: true });
      expect([page.status, page.header("content-type")]).toEqual([500, "text/html; charset=utf-8"]);
      expect(page.text).toContain("RULES");
    }
    expect(wrong.origin.requests).toEqual([]);
    await wrong.close();
  });
});

describe("§2 matching", () => {
  test.each(["/MEMBERS", "/Members/x", "/memb%65RS"])("§2 a guard holds whatever the case of the letters: %s", async (path) => {
    expect((await ask(path)).status).toBe(401);
  });

  test.each(["/folder", "/folder.html", "/folder/x", "/FOLDER.HTML"])("§2 /x/* of a guard also covers /x and /x.html: %s", async (path) => {
    expect((await ask(path)).status).toBe(401);
  });

  test.each(["/sale/50%-off", "/caf%E9/", "/a%", "/%zz", "/x%2"])("§2 a percent sign without digits and bytes that are no UTF-8 are forwarded as they came: %s", async (path) => {
    expect((await ask(path, await as())).status).toBe(200);
    expect(stack.origin.only().url).toBe(path);
  });

  test.each(["/members%E9", "/members%", "/m%65mbers/%zz", "/members/50%-off"])("§2 and a guard holds for them: %s", async (path) => {
    expect((await ask(path)).status).toBe(401);
  });

  test.each(["X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Path", "X-Host", "X-Original-Host", "Forwarded"])("§2 a header that talks an origin into another place is removed: %s", async (name) => {
    await ask("/open", { headers: [[name, name === "Forwarded" ? "host=evil.example" : "/members"]] });
    expect(stack.origin.only().header(name)).toBeUndefined();
  });

  test.each([["X-HTTP-Method-Override"], ["X-HTTP-Method"], ["X-Method-Override"], [undefined]])("§2 a method in a header or in _method is a further reading: %s", async (name) => {
    const headers: [string, string][] = name === undefined ? [] : [[name, "DELETE"]];
    const path = name === undefined ? "/write?_method=DELETE" : "/write";
    expect((await ask(path, { method: "POST", headers })).status).toBe(401);
    expect((await ask("/write", { method: "POST" })).status).toBe(200);
  });

  test("§2 unset: /build/* is bypassed too", async () => {
    expect(outcomeOf(await stack.worker("plain").fetch("/build/app.js"))).toBe("bypass");
  });
});

describe("§5 where who is sent", () => {
  test("§5 signed in too long ago: the login page with reason=sign_in_again", async () => {
    const answer = await ask("/recent?a=b", { ...(await as({ amr: [] })), navigate: true });
    expect([answer.status, location(answer)]).toEqual([303, "/login?next=/recent?a=b&reason=sign_in_again"]);
    expectDenialHeaders(answer);
  });

  test("§5 assurance level too low: MFA_PATH, which is never denied itself; otherwise 403", async () => {
    const session = await as();
    expect(location(await ask("/strong/1", { ...session, navigate: true }))).toBe("/mfa?next=/strong/1");
    expect(await reason("/strong/1", session)).toEqual([403, "aal"]);
    expect((await ask("/strong/1", await as({ aal: "aal2" }))).status).toBe(200);
    expect((await ask("/mfa", { navigate: true })).status).toBe(200);
  });

  test("§2 login, forbidden: a rule's own pages, which it never denies", async () => {
    expect(location(await ask("/partner/orders", { navigate: true }))).toBe("/partner/login?next=/partner/orders");
    expect(location(await ask("/partner/orders", { ...(await as()), navigate: true }))).toBe("/partner/apply?next=/partner/orders");
    for (const path of ["/partner/login", "/partner/apply"]) {
      expect([path, (await ask(path, { navigate: true })).status]).toEqual([path, 200]);
    }
  });

  test("§2 signed_in: a navigation with a session is sent on, unless it is there already or has to sign in again", async () => {
    const session = await as();
    const answer = await ask("/guests", { ...session, navigate: true });
    expect([answer.status, answer.header("location")]).toEqual([303, "/home?from=guests"]);
    for (const [path, init] of [["/guests", session], ["/guests", { navigate: true }], ["/guests?reason=sign_in_again", { ...session, navigate: true }], ["/home", { ...session, navigate: true }]] as const) {
      expect([path, (await ask(path, init)).status]).toEqual([path, 200]);
    }
  });

  test("§1 LOGIN_PATH may be an absolute URL of another host: next is an absolute URL then", async () => {
    const answer = await stack.worker("elsewhere").fetch("/a?b=c", { navigate: true });
    expect([answer.status, location(answer)]).toEqual([303, `https://accounts.example.net/in?client=1&next=${SITE}/a?b=c`]);
  });

  test("§1 LOGIN_PATH may have a query", async () => {
    expect(location(await stack.worker("query").fetch("/a", { navigate: true }))).toBe("/login?tab=1&next=/a");
    expect((await stack.worker("query").fetch("/login?tab=1", { navigate: true })).status).toBe(200);
  });

  test("§5 a path that begins with the login path is never put into next again", async () => {
    const answer = await ask("/members", { method: "POST", navigate: true, headers: [["Referer", `${SITE}/login/de?next=/login`]] });
    expect(location(answer)).toBe("/login?next=/");
  });

  test("§1 REDIRECT_HOSTS, §5 next: an absolute URL of the site becomes its path, one of a named host stays, all else is /", async () => {
    const next = async (value: string): Promise<string | undefined> => {
      const form: [string, string][] = [["Origin", SITE], ["Content-Type", "application/x-www-form-urlencoded"]];
      return (await stack.worker("hosts").fetch("/auth/signout", { method: "POST", headers: form, body: `next=${encodeURIComponent(value)}` })).header("location");
    };
    expect(await next(`${SITE}/a?b#c`)).toBe("/a?b#c");
    expect(await next("https://shop.example.org/x")).toBe("https://shop.example.org/x");
    expect(await next("https://partner.example.net/")).toBe("https://partner.example.net/");
    for (const bad of ["http://shop.example.org/", "https://example.org.evil.example/", "https://sub.partner.example.net/", "//shop.example.org", "https://shop.example.org:444/"]) {
      expect([bad, await next(bad)]).toEqual([bad, "/"]);
    }
  });

  test("§5 on_denied = status is answered in HTML where a browser navigates", async () => {
    const page = await ask("/json", { navigate: true });
    expect([page.status, page.header("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
    expect((await ask("/json")).header("content-type")).toBe("application/json");
  });
});

describe("§4 a rule that falls short", () => {
  test("§4 is tried once more with a refreshed token, if the one at hand is older than 10 s", async () => {
    const session = stack.signIn({ ageSeconds: 60, email: "paid@example.com" });
    // He pays.
    stack.signIn({ email: "paid@example.com", app_metadata: { plan: "pro" } });
    const answer = await ask("/paid", { cookies: await stack.cookies(session) });
    expect([answer.status, outcomeOf(answer), stack.authCalls()]).toEqual([200, "refreshed", { "token:refresh_token": 1 }]);
    expect(sessionSetCookies(answer, stack.key).some(({ deletes }) => !deletes)).toBe(true);
  });

  test("§4 at most once in 10 s per session, and not with a token that is younger", async () => {
    const old = { cookies: await stack.cookies(stack.signIn({ ageSeconds: 60 })) };
    expect([await reason("/paid", old), await reason("/paid", old)]).toEqual([[403, "claim"], [403, "claim"]]);
    expect(stack.authCalls()).toEqual({ "token:refresh_token": 1 });
    stack.clear();
    expect(await reason("/paid", await as())).toEqual([403, "claim"]);
    expect(stack.authCalls()).toEqual({});
  });
});
