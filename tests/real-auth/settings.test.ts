/** What a project's settings change for its visitors: apps of others, limits by address, ways in that are shut. */
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Answer } from "../support/http.ts";
import { claimsOf } from "../support/sessions.ts";
import { type Bench, PASSWORD, useBench } from "./bench.ts";
import { configurationNamed } from "./project.ts";
import { type Visitor, WAYS } from "./visitor.ts";

const LONG_ENOUGH_MS = 60_000;
/** Past the margin of a token that lives 8 s, and before its end. */
const DUE_MS = 6_500;

function errorOf(answer: Answer): string {
  const location = answer.header("location");
  return location === undefined ? answer.json().error : (new URL(location, "https://app.example.com").searchParams.get("error") ?? "");
}

/** The token that Auth's OAuth server gives to somebody else's app, with the visitor's consent. */
async function tokenForApp(bench: Bench, visitor: Visitor): Promise<{ token: string; client: string }> {
  const { url, publishableKey } = bench.project;
  const own = (await visitor.session())!.access_token;
  const call = async (method: string, path: string, body?: object, bearer?: string): Promise<any> => {
    const headers = { apikey: publishableKey, "content-type": "application/json", ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }) };
    const answer = await fetch(`${url}/auth/v1/oauth${path}`, { method, headers, redirect: "manual", ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    return answer.status === 302 ? new URL(answer.headers.get("location")!) : answer.json();
  };
  const redirect_uri = "https://app-of-others.example.com/back";
  const { client_id } = await call("POST", "/clients/register", { client_name: "an app", redirect_uris: [redirect_uri], token_endpoint_auth_method: "none" });
  const code_verifier = randomBytes(32).toString("base64url");
  const challenge = createHash("sha256").update(code_verifier).digest("base64url");
  const query = new URLSearchParams({ client_id, redirect_uri, response_type: "code", scope: "email", code_challenge: challenge, code_challenge_method: "S256" });
  const consent: URL = await call("GET", `/authorize?${query}`);
  const authorization = consent.searchParams.get("authorization_id");
  await call("GET", `/authorizations/${authorization}`, undefined, own);
  const { redirect_url } = await call("POST", `/authorizations/${authorization}/consent`, { action: "approve" }, own);
  const code = new URL(redirect_url).searchParams.get("code");
  const { access_token } = await call("POST", "/token", { grant_type: "authorization_code", client_id, redirect_uri, code, code_verifier });
  return { token: access_token, client: client_id };
}

describe("tokens of Auth's OAuth server", () => {
  const bench = useBench(configurationNamed("OAuth server"));

  test("an app of others does not pass as the user, except where the rule names it", async () => {
    const { visitor } = await bench().member();
    const { token, client } = await tokenForApp(bench(), visitor);
    expect(claimsOf(token).client_id).toBe(client);
    const asApp = (path: string): Promise<Answer> => bench().visitor().get(path, [["Authorization", `Bearer ${token}`]]);
    const refused = await asApp("/members");
    expect([refused.status, refused.json()]).toEqual([403, { error: "forbidden", reason: "client" }]);
    const passed = await asApp("/apps/members");
    expect([passed.status, passed.header("server-timing")]).toEqual([200, expect.stringContaining("valid")]);
    expect((await visitor.get("/members")).status).toBe(200);
  });
});

describe("limits by address", () => {
  const limits = configurationNamed("limits by address");
  const bench = useBench({ ...limits, environment: { ...limits.environment, GOTRUE_JWT_EXP: "8" } });

  test("a visitor whose address is spent keeps his session, and another's is refreshed", async () => {
    const [spent, other] = [await bench().member("keyed"), await bench().member("keyed")].map(({ visitor }) => visitor) as [Visitor, Visitor];
    const at = (address: string): [string, string][] => [["CF-Connecting-IP", address]];
    const before = spent.cookies;
    await sleep(DUE_MS);
    expect(await spend(bench(), "203.0.113.7")).toBe(429);
    expect((await other.get("/members", at("203.0.113.8"))).header("server-timing")).toContain("refreshed");
    // By its own token as long as that lives.
    expect((await spent.get("/members", at("203.0.113.7"))).header("server-timing")).toMatch(/"(valid|unavailable)"/);
    expect(spent.cookies).toBe(before);
    expect((await spent.get("/members", at("203.0.113.9"))).header("server-timing")).toContain("refreshed");
  }, LONG_ENOUGH_MS);

  /** Asks from one address until Auth refuses it. */
  async function spend({ project }: Bench, address: string): Promise<number> {
    const headers = { apikey: project.secretKey, "sb-forwarded-for": address };
    let status = 0;
    for (let call = 0; call < 60 && status !== 429; call += 1) {
      status = (await fetch(`${project.url}/auth/v1/token?grant_type=refresh_token`, { method: "POST", headers, body: JSON.stringify({ refresh_token: "abcdefghijkl" }) })).status;
    }
    return status;
  }
});

describe("anonymous sign-ins off", () => {
  const bench = useBench(configurationNamed("anonymous sign-ins off"));

  test.each(WAYS)("nobody gets in without an address, by %s", async (way) => {
    const visitor = bench().visitor();
    expect(errorOf(await visitor.post(way, "/auth/anonymous", {}))).toBe("anonymous_provider_disabled");
    expect(await visitor.session()).toBeNull();
  });

  test.each(WAYS)("passkeys are off too, and nothing of an answer to them counts, by %s", async (way) => {
    const visitor = bench().visitor();
    expect(errorOf(await visitor.post(way, "/auth/passkey/options", {}))).toBe("passkey_disabled");
    expect(errorOf(await visitor.post(way, "/auth/passkey", { challenge_id: randomUUID(), credential: {} }))).toBe("passkey_disabled");
    expect(await visitor.session()).toBeNull();
  });
});

describe("sign-ups closed", () => {
  const bench = useBench(configurationNamed("sign-ups closed"));

  test.each(WAYS)("a stranger is told, and a member comes in, by %s", async (way) => {
    const stranger = bench().visitor();
    expect(errorOf(await stranger.post(way, "/auth/signup", { email: `${randomUUID()}@example.com`, password: PASSWORD }))).toBe("signup_disabled");
    const [email, member] = [await bench().user(), bench().visitor()];
    await member.post(way, "/auth/login", { email, password: PASSWORD });
    expect((await member.who()).email).toBe(email);
  });
});

describe("sign-ups confirmed at once", () => {
  const bench = useBench(configurationNamed("sign-ups confirmed at once"));

  test.each(WAYS)("who signs up is in, by %s", async (way) => {
    const [email, visitor] = [`${randomUUID()}@example.com`, bench().visitor()];
    await visitor.post(way, "/auth/signup", { email, password: PASSWORD });
    expect((await visitor.who()).email).toBe(email);
  });
});
