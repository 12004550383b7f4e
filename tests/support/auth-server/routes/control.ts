import { Hono } from "hono";
import type { Calls } from "../calls.ts";
import type { ConfigPatch, Controls, FactorSpec, InviteSpec, SessionSpec, SignSpec, UserSpec } from "../controls.ts";
import type { FaultSpec } from "../faults.ts";
import type { Env } from "../http.ts";
import type { Algorithm } from "../keys.ts";
import type { State } from "../state.ts";

interface KeyAction {
  action: "standby" | "rotate" | "revoke";
  alg?: Algorithm;
  kid?: string;
}

/** The endpoints below `/control`, one for each of the controls. */
export function controlApp(state: State, controls: Controls): Hono<Env> {
  const app = new Hono<Env>();
  app.onError((error, c) => c.json({ error: error.message }, 400));

  app.get("/", (c) => {
    const { url, publishableKey, secretKey } = state;
    return c.json({ url, authUrl: `${url}/auth/v1`, publishableKey, secretKey });
  });
  app.post("/reset", (c) => {
    controls.reset();
    return c.json({});
  });

  app.get("/clock", (c) => c.json(clock(controls)));
  app.post("/clock", async (c) => {
    const move = await c.req.json<{ offset?: number; advance?: number }>();
    controls.clock.set(move.offset ?? controls.clock.offset);
    controls.clock.advance(move.advance ?? 0);
    return c.json(clock(controls));
  });

  app.get("/fault", (c) => c.json(controls.faults.list()));
  app.post("/fault", async (c) => {
    const spec = await c.req.json<FaultSpec | FaultSpec[]>();
    return c.json([spec].flat().map((fault) => controls.faults.add(fault)));
  });
  app.delete("/fault", (c) => {
    controls.faults.clear();
    return c.json({});
  });

  app.get("/calls", (c) => c.json(calls(controls.calls)));
  app.delete("/calls", (c) => {
    controls.calls.clear();
    return c.json({});
  });

  app.get("/keys", (c) => c.json(controls.keys.list()));
  app.post("/keys", async (c) => c.json(await changeKeys(controls, await c.req.json<KeyAction>())));

  app.get("/config", (c) => c.json(controls.config()));
  app.post("/config", async (c) => c.json(controls.config(await c.req.json<ConfigPatch>())));

  app.post("/users", async (c) => c.json(controls.createUser(await c.req.json<UserSpec>())));
  app.delete("/users/:id", (c) => c.json({ deleted: controls.deleteUser(c.req.param("id")) }));
  app.get("/sessions", (c) => c.json(controls.sessions()));
  app.post("/sessions", async (c) => c.json(controls.createSession(await c.req.json<SessionSpec>())));
  app.delete("/sessions/:id", (c) => c.json({ deleted: controls.deleteSession(c.req.param("id")) }));
  app.post("/sessions/:id/factor", (c) => c.json(controls.verifyFactor(c.req.param("id"))));
  app.post("/sign", async (c) => c.json({ token: await controls.sign(await c.req.json<SignSpec>()) }));

  app.get("/messages", (c) => c.json(controls.messages.list(c.req.query("to"))));
  app.delete("/messages", (c) => {
    controls.messages.clear();
    return c.json({});
  });
  app.post("/invite", async (c) => c.json(controls.invite(await c.req.json<InviteSpec>())));
  app.post("/factors", async (c) => c.json(controls.factor(await c.req.json<FactorSpec>())));
  app.post("/totp", async (c) => c.json({ code: controls.totp((await c.req.json<{ secret: string }>()).secret) }));

  app.get("/inbox", (c) => c.json(controls.inbox.list(c.req.query("to"))));
  app.delete("/inbox", (c) => {
    controls.inbox.clear();
    return c.json({});
  });
  return app;
}

function clock({ clock }: Controls): { offset: number; now: number } {
  return { offset: clock.offset, now: clock.now() };
}

function calls(all: Calls): object {
  return { ...all.counts(), log: all.log() };
}

async function changeKeys({ keys }: Controls, { action, alg, kid }: KeyAction): Promise<object> {
  switch (action) {
    case "standby":
      return keys.standby(alg, kid);
    case "rotate":
      return keys.rotate(alg, kid);
    case "revoke":
      return keys.revoke(kid);
    default:
      throw new Error("action must be standby, rotate or revoke");
  }
}
