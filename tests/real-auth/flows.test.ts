/** Every flow of the Worker against a real Auth, by form and by JSON. */
import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import { claimsOf } from "../support/sessions.ts";
import { PASSWORD, useBench } from "./bench.ts";
import { configurationNamed } from "./project.ts";
import { travel, WAYS, type Way } from "./visitor.ts";

const NAMES = [
  "ES256, tokens of version 1",
  "HS256, tokens of version 1",
  "tokens of version 2",
  "no issuer, as self-hosted Auth has it",
  "access token hook that renames the role and drops the issuer",
];

/** Checks what a route answers when it has signed somebody in. */
function expectSignedIn(way: Way, answer: { status: number; header(name: string): string | undefined }): void {
  const done = way === "form" ? [answer.status, answer.header("location")] : [answer.status];
  expect(done).toEqual(way === "form" ? [303, "/members"] : [200]);
}

describe.each(NAMES)("%s", (name) => {
  const bench = useBench(configurationNamed(name));

  describe.each(WAYS)("by %s", (way) => {
    test("password: a member comes in, a wrong password does not", async () => {
      const email = await bench().user();
      const visitor = bench().visitor();
      const wrong = await visitor.post(way, "/auth/login", { email, password: "wrong", next: "/members" });
      expect(way === "form" ? wrong.header("location") : wrong.json().error).toContain("invalid_credentials");
      expect((await visitor.get("/members")).status).not.toBe(200);
      expectSignedIn(way, await visitor.post(way, "/auth/login", { email, password: PASSWORD, next: "/members" }));
      expect((await visitor.get("/members")).status).toBe(200);
      expect((await visitor.who()).email).toBe(email);
    });

    test("sign-up: the mailed hash confirms and signs in once", async () => {
      const visitor = bench().visitor();
      const email = `${randomUUID()}@example.com`;
      const sent = await visitor.post(way, "/auth/signup", { email, password: PASSWORD, next: "/members" });
      expect(way === "form" ? sent.header("location") : sent.json()).toEqual(way === "form" ? expect.stringContaining("sent=1") : { sent: true });
      const [mail] = bench().project.mail.list(email);
      const page = `/auth/confirm?token_hash=${mail!.tokenHash}&type=email&next=%2Fmembers`;
      expect((await visitor.get(page)).status).toBe(200);
      const fields = { token_hash: mail!.tokenHash, type: "email", next: "/members" };
      await visitor.post(way, "/auth/confirm", fields);
      expect((await visitor.who()).email).toBe(email);
      const again = await bench().visitor().post(way, "/auth/confirm", fields);
      expect(again.header("location") ?? again.text).toContain("otp_expired");
    });

    test("one-time mail: the hash signs a known user in", async () => {
      const [email, visitor] = [await bench().user(), bench().visitor()];
      await visitor.post(way, "/auth/otp", { email, next: "/members" });
      const { tokenHash } = bench().project.mail.list(email)[0]!;
      await visitor.post(way, "/auth/confirm", { token_hash: tokenHash, type: "email", next: "/members" });
      expect((await visitor.who()).email).toBe(email);
    });

    test("recovery: the link of the mail leads through /callback to a session", async () => {
      const [email, visitor] = [await bench().user(), bench().visitor()];
      await visitor.post(way, "/auth/recover", { email, next: "/members" });
      const back = await travel(bench().project.mail.list(email)[0]!.link);
      expect([back.pathname, back.searchParams.get("code")]).toEqual(["/auth/callback", expect.any(String)]);
      const answer = await visitor.get(back.pathname + back.search);
      expect([answer.status, answer.header("location")]).toEqual([303, "/members"]);
      expect((await visitor.who()).email).toBe(email);
    });

    test("anonymous: a session without an address", async () => {
      const visitor = bench().visitor();
      expectSignedIn(way, await visitor.post(way, "/auth/anonymous", { next: "/members" }));
      expect((await visitor.who()).is_anonymous).toBe(true);
    });

    test("sign-out: this session, all others, or all end at Auth", async () => {
      for (const [scope, mine, other] of [["local", false, true], ["others", true, false], ["global", false, false]] as const) {
        const { visitor, email } = await bench().member();
        const second = bench().visitor();
        await second.post("JSON", "/auth/login", { email, password: PASSWORD });
        const tokens = [await visitor.session(), await second.session()].map((session) => session!.access_token);
        await visitor.post(way, "/auth/signout", { scope });
        const alive = await Promise.all(tokens.map((token) => livesAtAuth(token)));
        expect(alive, scope).toEqual([mine, other]);
        expect((await visitor.session()) !== null, scope).toBe(scope === "others");
      }
    });
  });

  test("OAuth: out to the provider and back, started and finished at the edge", async () => {
    const visitor = bench().visitor();
    const email = `${randomUUID()}@example.com`;
    bench().project.provider.as(email);
    const start = await visitor.get("/auth/login?provider=keycloak&next=%2Fmembers");
    expect(start.status).toBe(303);
    const back = await travel(start.header("location")!);
    const answer = await visitor.get(back.pathname + back.search);
    expect([answer.status, answer.header("location")]).toEqual([303, "/members"]);
    expect((await visitor.who()).email).toBe(email);
    expect(claimsOf((await visitor.session())!.access_token).app_metadata.provider).toBe("keycloak");
  });

  test("a change of address is confirmed by both", async () => {
    const { visitor, email } = await bench().member();
    const other = `${randomUUID()}@example.com`;
    expect((await visitor.client().auth.updateUser({ email: other })).error).toBeNull();
    for (const address of [email, other]) {
      const { tokenHash } = bench().project.mail.list(address).at(-1)!;
      await visitor.post("form", "/auth/confirm", { token_hash: tokenHash, type: "email_change", next: "/members" });
    }
    expect((await visitor.who()).email).toBe(other);
  });

  test("the origin's own client and the Worker see the same session", async () => {
    const { visitor, email } = await bench().member();
    const client = visitor.client();
    const [user, claims] = [await client.auth.getUser(), await client.auth.getClaims()];
    expect([user.data.user?.email, user.error]).toEqual([email, null]);
    expect([claims.data?.claims.email, claims.error]).toEqual([email, null]);
    const events: string[] = [];
    client.auth.onAuthStateChange((event, session) => void events.push(`${event} ${session?.user.email ?? ""}`));
    await expect.poll(() => events).toContain(`INITIAL_SESSION ${email}`);
  });

  test("refreshes of the client and of the Worker alternate", async () => {
    const { visitor, email } = await bench().member();
    for (let round = 0; round < 3; round += 1) {
      const before = (await visitor.session())!.refresh_token;
      const { data, error } = await visitor.client().auth.refreshSession();
      expect([error, data.session?.refresh_token === before]).toEqual([null, false]);
      expect(outcomeOf(await visitor.get("/members"))).toBe("valid");
      expect((await visitor.who()).email).toBe(email);
    }
  });

  test("a banned and a deleted user are out at the next refresh", async () => {
    const { visitor } = await bench().member();
    const session = (await visitor.session())!;
    await bench().admin("PUT", `/admin/users/${session.user!.id}`, { ban_duration: "24h" });
    const { error } = await visitor.client().auth.refreshSession();
    expect(error?.code).toBe("user_banned");
    await bench().admin("DELETE", `/admin/users/${session.user!.id}`);
    expect(await livesAtAuth(session.access_token)).toBe(false);
  });

  async function livesAtAuth(token: string): Promise<boolean> {
    const { url, publishableKey } = bench().project;
    const headers = { apikey: publishableKey, Authorization: `Bearer ${token}` };
    return (await fetch(`${url}/auth/v1/user`, { headers })).ok;
  }
});
