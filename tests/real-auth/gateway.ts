/**
 * What stands in front of a bare Auth in every project: it takes `/auth/v1` off, wants a known `apikey`, and turns the
 * secret key into a token of the service role.
 */
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Gateway {
  /** The project's URL. */
  url: string;
  close(): Promise<void>;
}

export interface Keys {
  publishable: string;
  secret: string;
  /** Signs a token of the service role with the key in use. */
  serviceToken(): Promise<string>;
}

const BASE = "/auth/v1";
const OPEN_PATHS = ["/verify", "/callback", "/authorize", "/.well-known/jwks.json"];

/** `upstream` is the bare Auth: scheme, host and port. */
export async function startGateway(upstream: string, keys: Keys): Promise<Gateway> {
  const server = createServer((request, response) => {
    pass(new URL(upstream), keys, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function pass(auth: URL, keys: Keys, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  const path = pathname.startsWith(`${BASE}/`) ? pathname.slice(BASE.length) : null;
  const apikey = request.headers.apikey;
  const known = apikey === keys.publishable || apikey === keys.secret;
  if (path === null || (!known && !OPEN_PATHS.includes(path))) {
    const body = JSON.stringify({ message: "Invalid API key", hint: "Double check the API key." });
    response.writeHead(path === null ? 404 : 401, { "Content-Type": "application/json" }).end(body);
    return;
  }
  const upstream = httpRequest({ host: auth.hostname, port: auth.port, method: request.method, path: path + search, headers: await headers(keys, request) });
  upstream.once("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
    answer.pipe(response);
  });
  upstream.once("error", () => response.writeHead(502).end("no Auth"));
  request.pipe(upstream);
}

/** Only who holds the secret key may say for whom he asks. */
async function headers(keys: Keys, request: IncomingMessage): Promise<NodeJS.Dict<string | string[]>> {
  const passed: NodeJS.Dict<string | string[]> = { ...request.headers };
  if (passed.apikey !== keys.secret) {
    delete passed["sb-forwarded-for"];
  } else if (passed.authorization === undefined || passed.authorization === `Bearer ${keys.secret}`) {
    passed.authorization = `Bearer ${await keys.serviceToken()}`;
  }
  delete passed.apikey;
  return passed;
}
