/**
 * What stands between everybody and Auth: an HTTP proxy that fails as planned.
 *
 * It tells the Worker from the browser's own client by `X-Client-Info`. The
 * client gets the faults that it survives by itself: at a 429, 409 or HTML 403
 * it deletes the session on its own, which nothing at the edge can prevent.
 */
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Agent } from "node:http";
import type { AddressInfo } from "node:net";
import { Random } from "./random.ts";

const AT_WORKER = {
  "500": 20,
  "429": 10,
  "cut": 2.5,
  /** The work is done, its answer is lost. */
  "cut after": 2.5,
  /** The work is done, its answer comes when the Worker's patience is over. */
  "late": 2,
  "delay": 5,
  "409": 3,
  "HTML 403": 3,
  /** A cache or a mix-up on the way: somebody else's session. */
  "stranger": 2,
  "none": 50,
} as const;
/** At a second factor that the Worker verifies: its answer is another refresh token, too. */
const AT_FACTOR = { "late": 40, "none": 60 } as const;
const AT_CLIENT = { "500": 15, "cut": 3, "cut after": 3, "delay": 5, "none": 74 } as const;
/** While sessions change to the second version of refresh tokens, what matters is whether the commit came before the loss. */
const AT_UPGRADE = { "500": 5, "cut": 12, "cut after": 30, "late": 5, "none": 48 } as const;
type Fault = keyof typeof AT_WORKER;

/** The client repeats a failed refresh for 30 real seconds, which is many virtual minutes: it must not come to that. */
const FAULTS_IN_A_ROW = 3;

/** The Worker asks once more for a lost answer, half a second later; if that fails too, an upgraded session cannot be saved. */
const REPEATED_MS = 1_500;

export interface Gatekeeper {
  url: string;
  /** Calls of the Worker to `/token`. */
  workerCalls: number;
  clientCalls: number;
  /** How often each fault struck. */
  struck: Record<string, number>;
  /** Hears of every refresh: the token that was sent, and what became of it. */
  watch: (token: string, line: string) => void;
  /** Whether the Worker asks again for a lost answer to this refresh token: it does so while the access token is alive. */
  isRepeated: (token: string) => boolean;
  /** Where Auth is. */
  target: string;
  /** Answers of a stranger's session, for the fault of that name. */
  stranger: string;
  /** While false, every call passes. */
  active: boolean;
  /** While true, answers to tokens of the first version are lost more often than not. */
  upgrading: boolean;
  /** Refuses every connection for this long. */
  restart(ms: number): Promise<void>;
  close(): Promise<void>;
}

export async function startGatekeeper(seed: number, delayMs: number, lateMs: number): Promise<Gatekeeper> {
  const random = new Random(seed, 1_000_003);
  const agent = new Agent({ keepAlive: true, maxSockets: 256 });
  const inARow = new Map<string, number>();
  /** Tokens of the first version that met a lost answer, before or after the commit. */
  const lost = new Set<string>();
  let lostAt = 0;
  const server = createServer((request, response) => {
    handle(request, response).catch(() => request.socket.destroy());
  });
  const port = await listen(server, 0);
  const keeper: Gatekeeper = {
    url: `http://127.0.0.1:${port}`,
    workerCalls: 0,
    clientCalls: 0,
    struck: {},
    watch: () => undefined,
    isRepeated: () => false,
    target: "",
    stranger: "",
    active: false,
    upgrading: false,
    async restart(ms) {
      while (Date.now() - lostAt < REPEATED_MS) {
        await new Promise((passed) => setTimeout(passed, 50));
      }
      await new Promise<void>((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      });
      await new Promise((passed) => setTimeout(passed, ms));
      await listen(server, port);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      agent.destroy();
    },
  };
  return keeper;

  function draw(request: IncomingMessage, fromWorker: boolean, body: Buffer): Fault {
    if (keeper.active && fromWorker && /\/factors\/[^/]+\/verify$/.test(request.url ?? "")) {
      return random.pick(AT_FACTOR);
    }
    const isToken = (request.url ?? "").startsWith("/auth/v1/token");
    const isOther = (request.url ?? "").includes("/jwks.json") || (request.url ?? "").startsWith("/auth/v1/logout");
    if (!keeper.active || !(isToken || isOther)) {
      return "none";
    }
    const upgraded = keeper.upgrading && fromWorker ? oldToken(body) : undefined;
    if (upgraded !== undefined && (lost.has(upgraded) || !keeper.isRepeated(upgraded))) {
      // Nobody can be helped whose answers all get lost until Auth has forgotten the token: the Worker asks once more.
      return "none";
    }
    // The first is lost in any case: a run in which none was would prove nothing.
    const isFirst = upgraded !== undefined && lost.size === 0;
    const fault = isFirst ? "cut after" : pick(fromWorker && isToken, upgraded !== undefined);
    if (upgraded !== undefined && (fault === "cut" || fault === "cut after")) {
      lost.add(upgraded);
      lostAt = Date.now();
      const when = fault === "cut" ? "before" : "after";
      keeper.struck[`upgrade lost ${when}`] = (keeper.struck[`upgrade lost ${when}`] ?? 0) + 1;
    }
    // A sign-out whose answer is lost would leave the browser in a state that no model knows.
    const chosen = !isToken && fault === "cut after" ? "cut" : fault;
    if (fromWorker) {
      return chosen;
    }
    const key = body.toString();
    const count = chosen === "none" || chosen === "delay" ? 0 : (inARow.get(key) ?? 0) + 1;
    inARow.set(key, count);
    return count > FAULTS_IN_A_ROW ? "none" : chosen;
  }

  function pick(isRefreshOfWorker: boolean, isUpgraded: boolean): Fault {
    if (!isRefreshOfWorker) {
      return random.pick(AT_CLIENT);
    }
    return isUpgraded ? random.pick(AT_UPGRADE) : random.pick(AT_WORKER);
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await read(request);
    const fromWorker = String(request.headers["x-client-info"] ?? "").startsWith("edge-session/");
    if ((request.url ?? "").startsWith("/auth/v1/token")) {
      keeper[fromWorker ? "workerCalls" : "clientCalls"] += 1;
    }
    const fault = draw(request, fromWorker, body);
    tell(fromWorker, body, fault);
    keeper.struck[fault] = (keeper.struck[fault] ?? 0) + 1;
    switch (fault) {
      case "none":
        return pass(request, body, response);
      case "delay":
        await new Promise((passed) => setTimeout(passed, delayMs));
        return pass(request, body, response);
      case "late":
        return pass(request, body, response, lateMs);
      case "cut":
        request.socket.destroy();
        return;
      case "cut after":
        tell(fromWorker, body, describe(await forward(request, body)));
        request.socket.destroy();
        return;
      case "500":
        return answer(response, 500, '{"code":"unexpected_failure","message":"Internal Server Error"}');
      case "429":
        return answer(response, 429, '{"code":"over_request_rate_limit","message":"Request rate limit reached"}');
      case "409":
        return answer(response, 409, '{"code":"conflict","message":"Too many concurrent token refresh requests"}');
      case "HTML 403":
        return answer(response, 403, "<html><body>Just a moment…</body></html>", "text/html");
      case "stranger":
        return answer(response, 200, keeper.stranger);
    }
  }

  function tell(fromWorker: boolean, body: Buffer, what: string): void {
    const token = /"refresh_token":"([^"]+)"/.exec(body.toString())?.[1];
    if (token !== undefined && what !== "none") {
      keeper.watch(token, `  Auth to ${fromWorker ? "the Worker" : "the client"} for ${token.slice(0, 6)}: ${what}`);
    }
  }

  async function pass(request: IncomingMessage, body: Buffer, response: ServerResponse, heldMs = 0): Promise<void> {
    const forwarded = await forward(request, body);
    const { status, headers, body: answered } = forwarded;
    tell(String(request.headers["x-client-info"] ?? "").startsWith("edge-session/"), body, describe(forwarded));
    if (heldMs > 0) {
      await new Promise((passed) => setTimeout(passed, heldMs));
    }
    response.writeHead(status, headers);
    response.end(answered);
  }

  function forward(request: IncomingMessage, body: Buffer): Promise<{ status: number; headers: Record<string, string>; body: Buffer }> {
    return new Promise((resolve, reject) => {
      const onward = httpRequest(
        `${keeper.target}${request.url ?? ""}`,
        { agent, method: request.method ?? "GET", headers: { ...request.headers, host: new URL(keeper.target).host } },
        (answered) => {
          read(answered).then((read) => {
            const kept = ["content-type", "cache-control", "x-supabase-api-version", "x-sb-error-code"];
            const headers = Object.fromEntries(
              kept.flatMap((name) => (answered.headers[name] === undefined ? [] : [[name, String(answered.headers[name])]])),
            );
            resolve({ status: answered.statusCode ?? 502, headers, body: read });
          }, reject);
        },
      );
      onward.once("error", reject);
      onward.end(body);
    });
  }
}

/** The refresh token of the first version in a request. */
function oldToken(body: Buffer): string | undefined {
  return /"refresh_token":"([a-z0-9]{12})"/.exec(body.toString())?.[1];
}

/** The refresh token or the code in an answer. */
function describe({ status, body }: { status: number; body: Buffer }): string {
  const text = body.toString();
  const token = /"refresh_token":"([^"]{6})/.exec(text)?.[1];
  return `${status} ${token ?? /"(?:error_)?code":"([^"]+)"/.exec(text)?.[1] ?? ""}`;
}

function answer(response: ServerResponse, status: number, body: string, type = "application/json"): void {
  response.writeHead(status, { "Content-Type": type, "X-Supabase-Api-Version": "2024-01-01" });
  response.end(body);
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function read(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) {
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
