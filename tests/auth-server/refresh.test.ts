/** The finer rules of refresh tokens, on the server's own clock. */
import { createHash } from "node:crypto";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { createControls } from "../support/auth-server/controls.ts";
import { refresh as refreshToken } from "../support/auth-server/refresh.ts";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { createState } from "../support/auth-server/state.ts";

const auth: AuthServer = await startAuthServer();

afterAll(() => auth.close());
beforeEach(() => auth.reset());

describe("v1", () => {
  test("an old token within the interval forks the family, and both branches work", async () => {
    const [oldest, , newest] = await chain(3);
    auth.clock.advance(9);
    const fork = await refresh(oldest);
    expect(fork.status).toBe(200);
    expect(fork.token).not.toBe(newest);
    expect((await refresh(newest)).status).toBe(200);
    expect((await refresh(fork.token)).status).toBe(200);
  });

  test("without rotation reuse is refused and nothing is revoked", async () => {
    auth.config({ rotation: false });
    const [oldest, , newest] = await chain(3);
    auth.clock.advance(11);
    expect(await refresh(oldest)).toMatchObject({ status: 400, code: "refresh_token_already_used" });
    expect((await refresh(newest)).status).toBe(200);
  });

  test("the newest token of a revoked family still refreshes within the interval", async () => {
    const [oldest, , newest] = await chain(3);
    auth.clock.advance(11);
    expect((await refresh(oldest)).code).toBe("refresh_token_already_used");
    auth.clock.advance(9);
    expect((await refresh(newest)).status).toBe(200);
  });

  test("a second factor revokes the token of before, which stays good as long as it is the parent", async () => {
    const { session_id, refresh_token: before } = auth.createSession();
    const { refresh_token: verified } = auth.verifyFactor(session_id);
    expect(verified).not.toBe(before);
    auth.clock.advance(1000);
    expect(await refresh(before)).toMatchObject({ status: 200, token: verified });
    const { token: newest } = await refresh(verified);
    auth.clock.advance(11);
    expect((await refresh(before)).code).toBe("refresh_token_already_used");
    auth.clock.advance(11);
    expect((await refresh(newest)).code).toBe("refresh_token_already_used");
  });
});

describe("the upgrade from v1 to v2", () => {
  beforeEach(() => {
    auth.config({ algorithmVersion: 1 });
  });

  test("each refresh within the interval answers another token, and later ones are refused while the session lives", async () => {
    const { refresh_token } = auth.createSession();
    auth.config({ algorithmVersion: 2, upgradePercent: 100 });
    const moved = await Promise.all(Array.from({ length: 6 }, () => refresh(refresh_token)));
    const tokens = moved.map(({ token }) => token);
    expect(new Set(tokens).size).toBe(6);
    tokens.forEach((token) => expect(token).toMatch(/^A[A-Za-z0-9_-]{50}$/));
    const counters = tokens.map((token) => Buffer.from(token, "base64url")[17]!).sort();
    expect(counters).toEqual([0, 1, 2, 3, 4, 5]);
    auth.clock.advance(11);
    expect(await refresh(refresh_token)).toMatchObject({ status: 400, code: "refresh_token_already_used" });
    const newest = tokens.find((token) => Buffer.from(token, "base64url")[17] === 5)!;
    expect((await refresh(newest)).status).toBe(200);
  });

  test("whoever kept an early token of an upgrade is out once the interval is over", async () => {
    const { refresh_token } = auth.createSession();
    auth.config({ algorithmVersion: 2, upgradePercent: 100 });
    const early = await refresh(refresh_token);
    await refresh(refresh_token);
    await refresh(refresh_token);
    auth.clock.advance(11);
    expect((await refresh(early.token)).code).toBe("refresh_token_already_used");
    expect(auth.sessions()).toEqual([]);
  });
});

describe("v2", () => {
  beforeEach(() => {
    auth.config({ algorithmVersion: 2 });
  });

  test("any older token is taken while refreshes keep coming, since the window slides", async () => {
    const [oldest, , newest] = await chain(3);
    for (let step = 0; step < 3; step += 1) {
      auth.clock.advance(9);
      expect(await refresh(oldest)).toMatchObject({ status: 200, token: newest });
    }
    auth.clock.advance(11);
    expect((await refresh(oldest)).code).toBe("refresh_token_already_used");
    expect((await refresh(newest)).code).toBe("refresh_token_not_found");
    expect(auth.sessions()).toEqual([]);
  });

  test("a second factor adds two to the counter, so that a token of before is reuse", async () => {
    const { session_id, refresh_token: before } = auth.createSession();
    const { refresh_token: verified } = auth.verifyFactor(session_id);
    const counter = (token: string): number => Buffer.from(token, "base64url")[17]!;
    expect(counter(verified) - counter(before)).toBe(2);
    auth.clock.advance(11);
    expect((await refresh(before)).code).toBe("refresh_token_already_used");
    expect(auth.sessions()).toEqual([]);
  });

  test("a token from a counter not reached yet was not issued by this server", async () => {
    const state = await createState({ algorithmVersion: 2 });
    const { refresh_token, session_id } = createControls(state).createSession();
    const newer = await refreshToken(state, refresh_token);
    // As after a restored backup: the server no longer knows of the last rotation.
    state.store.sessions.get(session_id)!.counter = 0;
    await expect(refreshToken(state, newer.token)).rejects.toMatchObject({ status: 400, code: "validation_failed" });
  });

  test("a changed counter is a malformed token, and with a new checksum an unknown one", async () => {
    const bytes = Buffer.from(auth.createSession().refresh_token, "base64url");
    bytes[17] = 5;
    expect((await refresh(bytes.toString("base64url"))).code).toBe("validation_failed");
    const body = bytes.subarray(0, -4);
    const checksum = createHash("sha256").update(body).digest().subarray(0, 4);
    const forged = Buffer.concat([body, checksum]).toString("base64url");
    expect((await refresh(forged)).code).toBe("refresh_token_not_found");
  });

  test("the session id stands in bytes 1 to 16, and tokens grow by one character from counter 128", async () => {
    const session = auth.createSession();
    const id = Buffer.from(session.refresh_token, "base64url").subarray(1, 17).toString("hex");
    expect(id).toBe(session.session_id.replaceAll("-", ""));
    let token = session.refresh_token;
    for (let counter = 1; counter <= 128; counter += 1) {
      expect(token).toHaveLength(51);
      token = (await refresh(token)).token;
    }
    expect(token).toHaveLength(52);
    expect((await refresh(token)).status).toBe(200);
  });
});

test("waiting for a held lock ends in 200 with the same token, or in 409 after the time-out", async () => {
  auth.config({ refreshHoldMs: 200 });
  const { refresh_token } = auth.createSession();
  const [first, second] = await Promise.all([refresh(refresh_token), refresh(refresh_token)]);
  expect([first!.status, second!.status]).toEqual([200, 200]);
  expect(second!.token).toBe(first!.token);

  auth.config({ lockTimeoutMs: 50 });
  const statuses = (await Promise.all([refresh(first!.token), refresh(first!.token)])).map(({ status }) => status);
  expect(statuses.sort()).toEqual([200, 409]);
});

test.each([
  ["timebox", { sessionTimebox: 100 }],
  ["inactivity", { sessionInactivity: 100 }],
])("a session over its %s expires at the refresh, and keeps its row", async (_name, patch) => {
  auth.config(patch);
  const { refresh_token, access_token } = auth.createSession();
  auth.clock.advance(101);
  expect(await refresh(refresh_token)).toMatchObject({ status: 400, code: "session_expired" });
  expect((await user(access_token)).status).toBe(200);
});

test("a newer login ends the older session where one user has one session", async () => {
  auth.config({ singleSessionPerUser: true });
  const older = auth.createSession({ email: "ada@example.com", ageSeconds: 5 });
  const newer = auth.createSession({ email: "ada@example.com" });
  expect((await refresh(older.refresh_token)).code).toBe("session_expired");
  expect((await refresh(newer.refresh_token)).status).toBe(200);
});

test("a ban refuses the refresh and /user, and passes", async () => {
  const { refresh_token, access_token } = auth.createSession({ bannedFor: 60 });
  expect(await refresh(refresh_token)).toMatchObject({ status: 400, code: "user_banned" });
  expect((await user(access_token)).status).toBe(403);
  auth.clock.advance(61);
  expect((await refresh(refresh_token)).status).toBe(200);
  expect((await user(access_token)).status).toBe(200);
});

test.each([
  ["global", [false, false]],
  ["local", [false, true]],
  ["others", [true, false]],
])("logout with scope %s", async (scope, alive) => {
  const [mine, other] = [auth.createSession({ email: "ada@example.com" }), auth.createSession({ email: "ada@example.com" })];
  const stranger = auth.createSession();
  const headers = { apikey: auth.publishableKey, Authorization: `Bearer ${mine.access_token}` };
  const response = await fetch(`${auth.authUrl}/logout?scope=${scope}`, { method: "POST", headers });
  expect(response.status).toBe(204);
  const ids = auth.sessions().map(({ id }) => id);
  expect([ids.includes(mine.session_id), ids.includes(other.session_id)]).toEqual(alive);
  expect(ids).toContain(stranger.session_id);
});

/** The refresh tokens of one session, oldest first. */
async function chain(length: number): Promise<[string, string, string]> {
  const tokens = [auth.createSession().refresh_token];
  while (tokens.length < length) {
    tokens.push((await refresh(tokens.at(-1)!)).token);
  }
  return tokens as [string, string, string];
}

async function refresh(refresh_token: string): Promise<{ status: number; token: string; code: string }> {
  const response = await fetch(`${auth.authUrl}/token?grant_type=refresh_token`, {
    method: "POST",
    headers: { apikey: auth.publishableKey },
    body: JSON.stringify({ refresh_token }),
  });
  const body = (await response.json()) as { refresh_token: string; error_code: string };
  return { status: response.status, token: body.refresh_token, code: body.error_code };
}

function user(token: string): Promise<Response> {
  return fetch(`${auth.authUrl}/user`, { headers: { apikey: auth.publishableKey, Authorization: `Bearer ${token}` } });
}
