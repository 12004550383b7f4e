/** Refreshes against a real Auth: many at once, late ones, the change of versions, keys that turn, and second factors. */
import { setTimeout as sleep } from "node:timers/promises";
import { Secret, TOTP } from "otpauth";
import { describe, expect, test } from "vitest";
import { outcomeOf } from "../support/expectations.ts";
import { claimsOf } from "../support/sessions.ts";
import { PASSWORD, type Bench, useBench } from "./bench.ts";
import type { Configuration } from "./configurations.ts";
import { REUSE_INTERVAL_SECONDS } from "./program.ts";
import { configurationNamed } from "./project.ts";

const SHORT: Configuration = configurationNamed("short tokens");
const V2 = configurationNamed("tokens of version 2");
const SHORT_V2: Configuration = { ...V2, environment: { ...V2.environment, ...SHORT.environment } };
const LONG_ENOUGH_MS = 120_000;
/** Past the margin of a short token, and before its end. */
const DUE_MS = 6_500;

function sessionId(token: string): string {
  return claimsOf(token).session_id;
}

async function refreshesOf(bench: Bench, session: string): Promise<number> {
  const [row] = await bench.project.query(
    "select (select count(*) from auth.refresh_tokens where session_id = $1)::int as rows, refresh_token_counter::int as counter from auth.sessions where id = $1",
    [session],
  );
  return row.counter ?? row.rows - 1;
}

describe.each([
  ["version 1", SHORT],
  ["version 2", SHORT_V2],
])("short tokens, %s", (_name, configuration) => {
  const bench = useBench(configuration);

  test("20 requests at once with a token that is due cost one refresh, and all pass", async () => {
    const { visitor } = await bench().member();
    const id = sessionId((await visitor.session())!.access_token);
    await sleep(DUE_MS);
    const answers = await visitor.burst("/members", 20);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(await refreshesOf(bench(), id)).toBe(1);
    expect(outcomeOf(await visitor.get("/members"))).toBe("valid");
  }, LONG_ENOUGH_MS);

  test("a tab that slept over two refreshes is still signed in, and so is the other", async () => {
    const { visitor } = await bench().member();
    const tab = visitor.asleep();
    for (let round = 0; round < 2; round += 1) {
      await sleep(DUE_MS);
      expect((await visitor.get("/members")).status).toBe(200);
    }
    expect((await tab.get("/members")).status).toBe(200);
    await sleep(DUE_MS);
    expect((await visitor.get("/members")).status).toBe(200);
  }, LONG_ENOUGH_MS);

  test("cookies of before a second factor that come late do not end the session", async () => {
    const { visitor } = await bench().member();
    const late = visitor.asleep();
    const client = visitor.client();
    const { data: factor } = await client.auth.mfa.enroll({ factorType: "totp", friendlyName: "app" });
    const code = new TOTP({ secret: Secret.fromBase32(factor!.totp.secret) }).generate();
    expect((await client.auth.mfa.challengeAndVerify({ factorId: factor!.id, code })).error).toBeNull();
    expect((await visitor.who()).aal).toBe("aal2");
    await sleep(DUE_MS);
    expect((await visitor.get("/members")).status).toBe(200);
    await sleep((REUSE_INTERVAL_SECONDS + 1) * 1000);
    await late.get("/members");
    await sleep(DUE_MS);
    expect((await visitor.get("/members")).status).toBe(200);
    expect((await visitor.who()).aal).toBe("aal2");
  }, LONG_ENOUGH_MS);

  test("a session that ended elsewhere ends here at its next refresh", async () => {
    const { visitor, email } = await bench().member();
    const other = bench().visitor();
    await other.post("JSON", "/auth/login", { email, password: PASSWORD });
    await other.client().auth.signOut({ scope: "others" });
    await sleep(DUE_MS + 2_000);
    expect((await visitor.get("/members")).status).not.toBe(200);
    expect(await visitor.session()).toBeNull();
    expect((await other.get("/members")).status).toBe(200);
  }, LONG_ENOUGH_MS);
});

describe("the change from version 1 to version 2", () => {
  const upgrading = configurationNamed("upgrade of tokens from version 1 to 2");
  const bench = useBench({ ...upgrading, environment: SHORT.environment });

  test("sessions of version 1 go on as sessions of version 2, with 20 requests at once", async () => {
    const { visitor, email } = await bench().member();
    expect((await visitor.session())!.refresh_token).toHaveLength(12);
    await bench().project.upgrade();
    await sleep(DUE_MS);
    const answers = await visitor.burst("/members", 20);
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect((await visitor.session())!.refresh_token).toMatch(/^A/);
    await sleep(DUE_MS);
    expect((await visitor.get("/members")).status).toBe(200);
    expect((await visitor.who()).email).toBe(email);
  }, LONG_ENOUGH_MS);
});

describe("keys", () => {
  const bench = useBench(configurationNamed("ES256, tokens of version 1"));

  test("tokens of the old and the new key pass after a rotation", async () => {
    const { visitor: before } = await bench().member();
    const kid = () => before.session().then((session) => JSON.parse(Buffer.from(session!.access_token.split(".")[0]!, "base64url").toString()).kid);
    const oldKid = await kid();
    await bench().project.rotate();
    expect(outcomeOf(await before.get("/members"))).toBe("valid");
    const { visitor: after } = await bench().member();
    expect(outcomeOf(await after.get("/members"))).toBe("valid");
    await before.client().auth.refreshSession();
    expect(await kid()).not.toBe(oldKid);
    expect(outcomeOf(await before.get("/members"))).toBe("valid");
  }, LONG_ENOUGH_MS);
});

describe("a project without published keys", () => {
  const bench = useBench(configurationNamed("HS256, tokens of version 1"));

  test("without the secret the Worker asks Auth for the user", async () => {
    const { visitor, email } = await bench().member("asking");
    expect(outcomeOf(await visitor.get("/members"))).toBe("valid");
    expect((await visitor.who()).email).toBe(email);
  });
});
