/** Sign-in flows, where possible driven by the real client library. */
import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";

const SITE = "http://localhost:3000";
const WELCOME = `${SITE}/welcome?from=mail`;
const auth: AuthServer = await startAuthServer({ siteUrl: SITE });

afterAll(() => auth.close());
beforeEach(() => auth.reset());

describe("PKCE with supabase-js", () => {
  test("OAuth: consent page, callback, exchange, refresh, sign-out", async () => {
    const client = browser();
    const { data } = await client.auth.signInWithOAuth({
      provider: "github",
      options: { redirectTo: WELCOME, scopes: "repo", skipBrowserRedirect: true },
    });
    const page = await (await follow(data.url!)).text();
    expect(page).toContain("Continue");
    const consent = await redirect(`${auth.url}/provider/github/answer?answer=continue&login_hint=ada@example.com&state=${hiddenState(page)}`);
    const back = new URL(await redirect(consent));
    expect([back.origin, back.pathname, back.searchParams.get("from")]).toEqual([SITE, "/welcome", "mail"]);

    const exchanged = await client.auth.exchangeCodeForSession(back.searchParams.get("code")!);
    expect(exchanged.error).toBeNull();
    expect(exchanged.data.session).toMatchObject({
      provider_token: expect.any(String),
      user: { email: "ada@example.com", app_metadata: { provider: "github", providers: ["github"] } },
    });
    const claims = await client.auth.getClaims();
    expect(claims.data?.claims.amr).toEqual([{ method: "oauth", provider: "github", timestamp: expect.any(Number) }]);
    const refreshed = await client.auth.refreshSession();
    expect(refreshed.data.session?.provider_token).toBeUndefined();
    expect((await client.auth.getUser()).data.user?.email).toBe("ada@example.com");
    expect((await client.auth.signOut()).error).toBeNull();
    expect(auth.sessions()).toEqual([]);
  });

  test("OAuth denied: the error comes back in query and fragment", async () => {
    const { data } = await browser().auth.signInWithOAuth({
      provider: "google",
      options: { redirectTo: WELCOME, skipBrowserRedirect: true, queryParams: { fail: "access_denied" } },
    });
    const provider = await redirect(data.url!);
    const back = new URL(await redirect(await redirect(provider)));
    expect(back.searchParams.get("error")).toBe("access_denied");
    const fragment = new URLSearchParams(back.hash.slice(1));
    expect([fragment.get("error"), fragment.get("sb"), back.searchParams.get("error_code")]).toEqual(["access_denied", "", null]);
  });

  test("a state that is unknown or used leads to the site with bad_oauth_state", async () => {
    auth.config({ oauthAuto: true });
    const provider = await redirect(`${auth.authUrl}/authorize?provider=github`);
    const callback = await redirect(provider);
    await redirect(callback);
    for (const url of [callback, `${auth.authUrl}/callback?state=unknown&code=x`]) {
      const response = await follow(url);
      const target = new URL(response.headers.get("location")!);
      expect([response.status, target.origin, target.hash]).toEqual([303, SITE, ""]);
      expect(target.searchParams.get("error_code")).toBe("bad_oauth_state");
    }
  });

  test("sign-up confirmed by mail", async () => {
    const client = browser();
    const credentials = { email: "new@example.com", password: "correct horse" };
    const signUp = await client.auth.signUp({ ...credentials, options: { emailRedirectTo: WELCOME, data: { plan: "free" } } });
    expect([signUp.data.session, signUp.data.user?.email]).toEqual([null, "new@example.com"]);
    expect((await client.auth.signInWithPassword(credentials)).error?.code).toBe("email_not_confirmed");
    const back = new URL(await redirect(auth.inbox.latest("new@example.com")!.link));
    const { data } = await client.auth.exchangeCodeForSession(back.searchParams.get("code")!);
    expect(data.user).toMatchObject({ user_metadata: { plan: "free" }, email_confirmed_at: expect.any(String) });
    const again = await client.auth.signUp(credentials);
    expect(again.data.user?.identities).toEqual([]);
    expect(again.data.user?.id).not.toBe(data.user?.id);
  });

  test("a magic link counts its 300 seconds from the click, a recovery from the request", async () => {
    auth.createUser({ email: "ada@example.com", password: "correct horse" });
    const client = browser();
    await client.auth.signInWithOtp({ email: "ada@example.com", options: { emailRedirectTo: WELCOME } });
    auth.clock.advance(400);
    const back = new URL(await redirect(auth.inbox.latest()!.link));
    expect((await client.auth.exchangeCodeForSession(back.searchParams.get("code")!)).error).toBeNull();

    await client.auth.resetPasswordForEmail("ada@example.com");
    auth.clock.advance(301);
    const late = new URL(await redirect(auth.inbox.latest()!.link));
    const { error } = await client.auth.exchangeCodeForSession(late.searchParams.get("code")!);
    expect(error?.code).toBe("flow_state_expired");
  });
});

describe("mails", () => {
  test("a code typed in signs in once, and a new mail takes the place of the old", async () => {
    auth.createUser({ email: "ada@example.com" });
    const client = browser("implicit");
    await client.auth.signInWithOtp({ email: "ada@example.com" });
    await client.auth.signInWithOtp({ email: "ada@example.com" });
    const [old, current] = auth.inbox.list("ada@example.com");
    const verify = (token: string) => client.auth.verifyOtp({ email: "ada@example.com", token, type: "email" });
    if (old!.token !== current!.token) {
      expect((await verify(old!.token)).error?.code).toBe("otp_expired");
    }
    expect((await verify(current!.token)).data.session).not.toBeNull();
    expect((await verify(current!.token)).error?.code).toBe("otp_expired");
  });

  test("the implicit link carries tokens in the fragment, a used one the error", async () => {
    auth.createUser({ email: "ada@example.com" });
    await browser("implicit").auth.signInWithOtp({ email: "ada@example.com", options: { emailRedirectTo: WELCOME } });
    const { link } = auth.inbox.latest()!;
    const back = new URL(await redirect(link));
    const fragment = new URLSearchParams(back.hash.slice(1));
    expect([...fragment.keys()]).toEqual(["access_token", "expires_at", "expires_in", "refresh_token", "sb", "token_type", "type"]);
    expect(back.search).toBe("?from=mail");
    const used = new URL(await redirect(link));
    expect(Object.fromEntries(new URLSearchParams(used.hash.slice(1)))).toMatchObject({ error: "access_denied", error_code: "otp_expired", sb: "" });
    expect(used.searchParams.get("error")).toBeNull();
  });

  test("links of the template style lead to the site with a token hash that signs in", async () => {
    auth.config({ mailLinks: "token_hash" });
    const client = browser();
    await client.auth.signInWithOtp({ email: "new@example.com", options: { emailRedirectTo: WELCOME } });
    const link = new URL(auth.inbox.latest()!.link);
    expect([link.origin, link.pathname, link.searchParams.get("next")]).toEqual([SITE, "/auth/confirm", "/welcome?from=mail"]);
    const token_hash = link.searchParams.get("token_hash")!;
    expect(token_hash).toMatch(/^pkce_[0-9a-f]{56}$/);
    expect((await browser().auth.verifyOtp({ token_hash, type: "email" })).data.user?.email).toBe("new@example.com");
  });

  test("a token expires, and a second mail within the minimum interval is refused", async () => {
    auth.config({ mailMinInterval: 60, otpExp: 100 });
    auth.createUser({ email: "ada@example.com" });
    const client = browser();
    expect((await client.auth.signInWithOtp({ email: "ada@example.com" })).error).toBeNull();
    expect((await client.auth.signInWithOtp({ email: "ada@example.com" })).error?.code).toBe("over_email_send_rate_limit");
    auth.clock.advance(101);
    const { tokenHash: token_hash } = auth.inbox.latest()!;
    expect((await client.auth.verifyOtp({ token_hash, type: "magiclink" })).error?.code).toBe("otp_expired");
  });

  test("a change of address needs both mails", async () => {
    const client = browser();
    await signedIn(client, "ada@example.com");
    await client.auth.updateUser({ email: "lovelace@example.com" });
    const confirm = (address: string) =>
      browser().auth.verifyOtp({ token_hash: auth.inbox.latest(address)!.tokenHash, type: "email_change" });
    expect((await confirm("ada@example.com")).data.session).toBeNull();
    expect((await client.auth.getUser()).data.user).toMatchObject({ email: "ada@example.com", new_email: "lovelace@example.com" });
    expect((await confirm("lovelace@example.com")).data.user?.email).toBe("lovelace@example.com");
  });

  test("people read the mails at /inbox, safely", async () => {
    await browser().auth.signInWithOtp({ email: "ada+<b>@example.com" });
    const page = await (await fetch(`${auth.url}/inbox`)).text();
    const { token, tokenHash } = auth.inbox.latest()!;
    expect(page).toContain("ada+&lt;b&gt;@example.com");
    expect(page).toContain(token);
    expect(page).toMatch(new RegExp(`<a href="[^"]*token=${tokenHash}`));
  });
});

describe("users", () => {
  test("anonymous sign-in, and its refusal", async () => {
    const { data } = await browser().auth.signInAnonymously();
    expect(data.user).toMatchObject({ is_anonymous: true, role: "authenticated", email: "" });
    auth.config({ anonymousUsers: false });
    expect((await browser().auth.signInAnonymously()).error?.code).toBe("anonymous_provider_disabled");
  });

  test("autoconfirm signs in at once, and names a taken address", async () => {
    auth.config({ autoconfirm: true });
    const credentials = { email: "ada@example.com", password: "correct horse" };
    expect((await browser().auth.signUp(credentials)).data.session).not.toBeNull();
    expect((await browser().auth.signUp(credentials)).error?.code).toBe("user_already_exists");
    const weak = await browser().auth.signUp({ email: "x@example.com", password: "short" });
    expect(weak.error).toMatchObject({ code: "weak_password", reasons: ["length"] });
  });

  test("a new password ends the other sessions, and metadata merge", async () => {
    const [client, other] = [browser(), browser()];
    await signedIn(client, "ada@example.com");
    await other.auth.signInWithPassword({ email: "ada@example.com", password: "correct horse" });
    const { data } = await client.auth.updateUser({ password: "battery staple", data: { theme: "dark", plan: null } });
    expect(data.user?.user_metadata).toEqual({ theme: "dark" });
    expect((await client.auth.getUser()).error).toBeNull();
    expect((await other.auth.getUser()).error?.name).toBe("AuthSessionMissingError");
    expect((await browser().auth.signInWithPassword({ email: "ada@example.com", password: "correct horse" })).error?.code).toBe("invalid_credentials");
  });
});

test.each([
  ["http://localhost:9999/any/port/of/loopback", true],
  ["http://127.0.0.1:5000/x", true],
  ["https://app.example.com/cb", true],
  ["https://app.example.com/cb?next=/x", false],
  ["https://app.example.com/deep/er/path?next=/x", true],
  ["https://a.preview.example.com/", true],
  ["https://a.b.preview.example.com/", false],
  ["myapp://callback", true],
  ["https://evil.example.net/cb", false],
  ["http://2130706433/", false],
  ["http://203.0.113.1/", false],
  ["https://app.example.com/cb#fragment", true],
  ["/relative", false],
])("redirect_to %s: allowed %s", async (target, allowed) => {
  auth.config({
    uriAllowList: ["https://app.example.com/cb", "https://app.example.com/deep/**", "https://*.preview.example.com/", "myapp://*", "http://203.0.113.1/"],
    oauthAuto: true,
  });
  const query = new URLSearchParams({ provider: "github", redirect_to: target });
  const back = await redirect(await redirect(await redirect(`${auth.authUrl}/authorize?${query}`)));
  const expected = new URL(allowed ? target : SITE);
  const landed = new URL(back);
  expect([landed.protocol, landed.host, landed.pathname]).toEqual([expected.protocol, expected.host, expected.pathname]);
});

function browser(flowType: "pkce" | "implicit" = "pkce"): SupabaseClient {
  const stored = new Map<string, string>();
  const storage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  return createClient(auth.url, auth.publishableKey, {
    auth: { flowType, storage, persistSession: true, autoRefreshToken: false, detectSessionInUrl: false },
  });
}

async function signedIn(client: SupabaseClient, email: string): Promise<void> {
  auth.createUser({ email, password: "correct horse", user_metadata: { plan: "free" } });
  const { error } = await client.auth.signInWithPassword({ email, password: "correct horse" });
  expect(error).toBeNull();
}

/** Follows provider redirects by hand up to the first page. */
async function follow(url: string): Promise<Response> {
  const response = await fetch(url, { redirect: "manual" });
  const location = response.headers.get("location");
  return location?.startsWith(`${auth.url}/provider/`) === true ? follow(location) : response;
}

async function redirect(url: string): Promise<string> {
  const response = await fetch(url, { redirect: "manual" });
  expect([302, 303]).toContain(response.status);
  return response.headers.get("location")!;
}

function hiddenState(page: string): string {
  return /name="state" value="([^"]+)"/.exec(page)![1]!;
}
