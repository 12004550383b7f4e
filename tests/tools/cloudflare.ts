/**
 * As much of Cloudflare's API as wrangler needs for the documented commands: it takes what it is sent and remembers it. So
 * the real commands run, with their real arguments.
 */
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { WebSocketServer } from "ws";

export interface Cloudflare {
  listener: RequestListener;
  /** Lets the server also stream the logs of a Worker, to whoever asked for a tail. */
  stream: (server: Server) => void;
  /** Method and path of every request, without the account. */
  calls: string[];
}

const ID = "0123456789abcdef0123456789abcdef";
const VERSION = "01234567-89ab-4def-8123-456789abcdef";
const OLDER = "11234567-89ab-4def-8123-456789abcdef";

export function createCloudflare(): Cloudflare {
  const calls: string[] = [];
  const listener: RequestListener = (request, response) => {
    void (async () => {
      await drain(request);
      const { pathname, search } = new URL(request.url ?? "/", "http://cloudflare");
      const call = `${request.method} ${pathname.replace("/accounts/account", "")}`;
      calls.push(call);
      const { status, body } = answer(call, search, request.headers.host ?? "");
      response.writeHead(status, { "content-type": typeof body === "string" ? "text/plain" : "application/json" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    })();
  };
  return { listener, stream, calls };
}

/** Some requests and what the Worker logged about them. */
function stream(server: Server): void {
  new WebSocketServer({ server }).on("connection", (socket) => {
    // wrangler's first message is not masked, which a strict server takes for the end.
    socket.on("error", () => {});
    const records = [
      { level: "info", outcome: "valid", reason: "verified", rule: null, status: 200 },
      { level: "info", outcome: "expired", reason: "refresh_token_not_found", rule: null, status: 200 },
      { level: "error", outcome: "unavailable", reason: "origin_unreachable", rule: 0, status: 502, auth_calls: 2, ms: { total: 31 } },
    ];
    for (const record of records) {
      const message = JSON.stringify(record);
      const logs = [{ level: "log", message: [message], timestamp: 0 }];
      const event = { request: { url: "https://www.example.com/", method: "GET", headers: {}, cf: {} }, response: { status: 200 } };
      socket.send(JSON.stringify({ outcome: "ok", scriptName: "edge-session", exceptions: [], logs, eventTimestamp: 0, event }));
    }
  });
}

function answer(call: string, search: string, host: string): { status: number; body: object | string } {
  if (/^GET \/storage\/kv\/namespaces\/\w+\/values\//.test(call)) return { status: 200, body: '{"fetched_at":0,"keys":[]}' };
  const asked = /\/versions\/([\w-]+)$/.exec(call)?.[1];
  if (call.startsWith("GET ") && asked !== undefined) return succeeded(version(asked));
  // What wrangler takes for a Worker that was never deployed.
  if (/^GET \/workers\/services\/[\w-]+$/.test(call)) return refused(10090, "workers.api.error.service_not_found");
  if (/\/tails$/.test(call)) return succeeded({ id: ID, url: `ws://${host}/tail`, expires_at: "2100-01-01T00:00:00Z" });
  const result = RESULTS.find(([pattern]) => pattern.test(call))?.[1];
  // An unknown request is refused, so that a command which needs more than is here fails.
  return result === undefined ? refused(7003, `no route for ${call}${search}`) : succeeded(result);
}

const succeeded = (result: unknown) => ({ status: 200, body: { success: true, errors: [], messages: [], result } });
const refused = (code: number, message: string) => ({ status: 404, body: { success: false, errors: [{ code, message }], messages: [], result: null } });

const deployment = (id: string) => ({
  id,
  source: "wrangler",
  strategy: "percentage",
  author_email: "somebody@example.com",
  created_on: "2026-10-01T00:00:00Z",
  annotations: {},
  versions: [{ version_id: id, percentage: 100 }],
});

const version = (id: string) => ({
  id,
  number: 1,
  metadata: { created_on: "2026-10-01T00:00:00Z", author_email: "somebody@example.com", author_id: ID, source: "wrangler" },
  annotations: {},
  resources: { bindings: [], script: { etag: "etag", handlers: ["fetch"], last_deployed_from: "wrangler" }, script_runtime: { usage_model: "standard" } },
});

const RESULTS: [RegExp, unknown][] = [
  [/^POST \/analytics_engine\/sql$/, { meta: [], data: [], rows: 0 }],
  [/^DELETE \/workers\/scripts\/[\w-]+\/tails\/\w+$/, null],
  [/^GET \/storage\/kv\/namespaces$/, []],
  [/^POST \/storage\/kv\/namespaces$/, { id: ID, title: "SESSION_KV", supports_url_encoding: true }],
  [/^DELETE \/storage\/kv\/namespaces\/\w+\/values\//, null],
  [/^GET \/workers\/scripts\/[\w-]+\/secrets$/, [{ name: "SUPABASE_SECRET_KEY", type: "secret_text" }]],
  [/^PUT \/workers\/scripts\/[\w-]+\/secrets$/, { name: "", type: "secret_text" }],
  [/^DELETE \/workers\/scripts\/[\w-]+\/secrets\/\w+$/, null],
  [/^GET \/workers\/scripts\/[\w-]+\/deployments$/, { deployments: [deployment(VERSION), deployment(OLDER)] }],
  [/^POST \/workers\/scripts\/[\w-]+\/deployments$/, deployment(OLDER)],
  [/^GET \/workers\/workers\/[\w-]+$/, { id: ID, name: "edge-session", subdomain: { enabled: false, previews_enabled: false }, tags: [] }],
  [/^(GET|POST) \/workers\/scripts\/[\w-]+\/subdomain$/, { enabled: false, previews_enabled: false }],
  [/^PATCH \/workers\/scripts\/[\w-]+\/script-settings$/, {}],
  [/^GET \/workers\/scripts\/[\w-]+\/settings$/, { bindings: [], tags: [] }],
  [/^POST \/workers\/scripts\/[\w-]+\/assets-upload-session$/, { jwt: "a.b.c", buckets: [] }],
  [/^GET \/zones$/, [{ id: ID, name: "example.com" }]],
  [/^GET \/zones\/\w+\/workers\/routes$/, []],
  [/^PUT \/workers\/scripts\/[\w-]+\/routes$/, [{ pattern: "www.example.com/*" }]],
  [/^PUT \/workers\/scripts\/[\w-]+$/, { id: "edge-session", deployment_id: VERSION, etag: "etag", startup_time_ms: 5, available_on_subdomain: false }],
  [/^GET \/workers\/scripts\/[\w-]+\/versions$/, { items: [version(VERSION), version(OLDER)] }],
];

async function drain(request: IncomingMessage): Promise<void> {
  for await (const _ of request) {
    // Only its end matters.
  }
}
