/** Small servers between and beside the parts: a proxy that counts and edits, and a gate that holds an answer back. */
import { createServer, type IncomingMessage, request as nodeRequest, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { pairs } from "../../support/http.ts";
import { type HeaderList, MAX_HEADER_BYTES } from "../../support/origin.ts";

export interface Passed {
  method: string;
  url: string;
  path: string;
  headers: HeaderList;
}

export interface Recorder {
  url: string;
  port: number;
  /** What passed since the last `clear`. */
  requests: Passed[];
  /** How long a request is under way, in milliseconds, until the next `clear`. */
  delay(milliseconds: number): void;
  clear(): void;
  close(): Promise<void>;
}

/** Passes every request on to `target` as it came, and the answer back with the headers that `edit` leaves. */
export async function startRecorder(target: () => string, edit = (headers: HeaderList): HeaderList => headers): Promise<Recorder> {
  const requests: Passed[] = [];
  let delayMs = 0;
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    const url = request.url ?? "/";
    requests.push({ method: request.method ?? "", url, path: url.split("?")[0] ?? "", headers: pairs(request.rawHeaders) });
    setTimeout(() => pass(request, response, target(), edit), delayMs);
  });
  return {
    ...(await listen(server)),
    requests,
    delay: (milliseconds) => void (delayMs = milliseconds),
    clear() {
      requests.splice(0);
      delayMs = 0;
    },
  };
}

export interface Gate {
  url: string;
  /** Lets the answer to `/<id>` go, now or when it is asked for. */
  open(id: string): void;
  close(): Promise<void>;
}

/** Holds back the answer to each path until a test opens it: what waits for it was sent before. */
export async function startGate(): Promise<Gate> {
  const opened = new Map<string, { promise: Promise<void>; resolve: () => void }>();
  const at = (path: string) => {
    const known = opened.get(path) ?? Promise.withResolvers<void>();
    opened.set(path, known);
    return known;
  };
  const server = createServer((request, response) => {
    void at(request.url ?? "").promise.then(() => response.end("open"));
  });
  return { ...(await listen(server)), open: (id) => at(`/${id}`).resolve() };
}

function pass(request: IncomingMessage, response: ServerResponse, target: string, edit: (headers: HeaderList) => HeaderList): void {
  const { hostname, port } = new URL(target);
  const onward = nodeRequest({
    host: hostname,
    port,
    method: request.method,
    path: request.url,
    headers: request.rawHeaders as unknown as Record<string, string>,
    setDefaultHeaders: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  });
  onward.once("response", (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, edit(pairs(answer.rawHeaders)).flat());
    response.flushHeaders();
    answer.pipe(response);
  });
  onward.once("error", () => response.destroy());
  response.once("close", () => onward.destroy());
  request.pipe(onward);
}

async function listen(server: Server): Promise<{ url: string; port: number; close(): Promise<void> }> {
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
