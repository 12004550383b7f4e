/**
 * An HTTP origin on loopback that echoes what it receives, records it, and
 * answers by script where a test asks for that.
 *
 * Bytes of header values are kept as Node hands them out: one character per
 * byte (latin1). `utf8()` turns them into text.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { WebSocketServer } from "ws";

export type HeaderList = [name: string, value: string][];

/** One part of a streamed body: waits for `after`, then sends `data`. */
export interface Chunk {
  data: string | Buffer;
  after?: Promise<unknown>;
}

/** What the origin answers on one path. */
export interface Reply {
  status?: number;
  statusText?: string;
  headers?: HeaderList;
  body?: string | Buffer;
  /** Sent piece by piece instead of `body`. */
  chunks?: Chunk[];
  /** Compresses `body` and names the coding in the header. */
  encoding?: "gzip" | "br";
  /** Waits before anything is sent. */
  delayMs?: number;
  /** Ends the connection without an answer. */
  cut?: boolean;
  /** Answers as soon as the head of the request is there, while its body still arrives. */
  early?: boolean;
}

/** A request as it stood on the wire. */
export interface Received {
  method: string;
  url: string;
  path: string;
  headers: HeaderList;
  /** Resolves at the first byte of the body, before the last one was sent. */
  firstByte: Promise<void>;
  body: Buffer;
  bodySha256: string;
  /** Whether the body has arrived to its end. */
  complete: boolean;
  upgrade: boolean;
  /** Whether the whole answer was taken; false while it is under way or after the other side hung up. */
  answered: boolean;
  header(name: string): string | undefined;
  all(name: string): string[];
}

export const MAX_HEADER_BYTES = 256 * 1024;

export interface Origin {
  url: string;
  host: string;
  port: number;
  requests: Received[];
  /** Answers `path` (without its query) with `reply` until `clear`. */
  on(path: string, reply: Reply): void;
  /** The one request that arrived since the last `clear`; throws if there were none or several. */
  only(): Received;
  clear(): void;
  close(): Promise<void>;
}

export async function startOrigin(): Promise<Origin> {
  const requests: Received[] = [];
  const replies = new Map<string, Reply>();
  // Big sessions are part of what is tested.
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    void serve(request, response, requests, replies);
  });
  const sockets = acceptWebSockets(server, requests, replies);
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    port,
    requests,
    on: (path, reply) => void replies.set(path, reply),
    only() {
      const [first, ...others] = requests;
      if (first === undefined || others.length > 0) {
        throw new Error(`the origin received ${requests.length} requests instead of one`);
      }
      return first;
    },
    clear() {
      requests.length = 0;
      replies.clear();
    },
    async close() {
      sockets.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** Reads header bytes, handed out one character per byte, as UTF-8. */
export function utf8(value: string): string {
  return Buffer.from(value, "latin1").toString("utf8");
}

/** Turns text into one character per UTF-8 byte, as Node's HTTP functions take it. */
export function bytes(value: string): string {
  return Buffer.from(value, "utf8").toString("latin1");
}

export function sha256(data: string | Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  requests: Received[],
  replies: Map<string, Reply>,
): Promise<void> {
  const received = record(request, false);
  requests.push(received);
  response.once("finish", () => {
    received.answered = !request.socket.destroyed;
  });
  const reply = replies.get(received.path) ?? {};
  const arrived = readBody(request, received);
  if (reply.early !== true) {
    await arrived;
  }
  if (reply.delayMs !== undefined) {
    await new Promise((passed) => setTimeout(passed, reply.delayMs));
  }
  if (reply.cut === true) {
    request.socket.destroy();
    return;
  }
  await answer(received, response, reply);
}

async function answer(received: Received, response: ServerResponse, reply: Reply): Promise<void> {
  const scripted = reply.body !== undefined || reply.chunks !== undefined || reply.status !== undefined;
  const plain = Buffer.from(scripted ? (reply.body ?? "") : echo(received));
  const body = compress(plain, reply.encoding);
  const headers = [...(reply.headers ?? [])];
  if (!headers.some(([name]) => name.toLowerCase() === "content-type")) {
    headers.push(["Content-Type", scripted ? "text/plain" : "application/json"]);
  }
  if (reply.encoding !== undefined) {
    headers.push(["Content-Encoding", reply.encoding]);
  }
  const status = reply.status ?? 200;
  const bodiless = status === 204 || status === 304;
  if (reply.chunks === undefined && !bodiless && !headers.some(([name]) => name.toLowerCase() === "content-length")) {
    headers.push(["Content-Length", String(body.length)]);
  }
  response.writeHead(status, reply.statusText, headers.flat());
  if (reply.chunks === undefined) {
    response.end(bodiless ? undefined : body);
    return;
  }
  response.flushHeaders();
  for (const chunk of reply.chunks) {
    await chunk.after;
    response.write(chunk.data);
  }
  response.end();
}

function compress(body: Buffer, encoding: Reply["encoding"]): Buffer {
  switch (encoding) {
    case "gzip":
      return gzipSync(body);
    case "br":
      return brotliCompressSync(body);
    case undefined:
      return body;
  }
}

/** The default answer: what was received, as JSON. */
function echo(received: Received): string {
  const { method, url, headers, body, bodySha256 } = received;
  return JSON.stringify({ method, url, headers, bodyLength: body.length, bodySha256 });
}

function record(request: IncomingMessage, upgrade: boolean): Received {
  const url = request.url ?? "";
  const headers = pairs(request.rawHeaders);
  const firstByte = new Promise<void>((arrived) => request.once("data", () => arrived()));
  const all = (name: string): string[] =>
    headers.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return {
    method: request.method ?? "",
    url,
    path: url.split("?")[0] ?? "",
    headers,
    firstByte,
    body: Buffer.alloc(0),
    bodySha256: sha256(""),
    complete: false,
    upgrade,
    answered: false,
    header: (name) => all(name)[0],
    all,
  };
}

async function readBody(request: IncomingMessage, received: Received): Promise<void> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) {
      chunks.push(chunk as Buffer);
    }
    received.complete = true;
  } catch {
    // A visitor who hangs up leaves the part that arrived.
  }
  received.body = Buffer.concat(chunks);
  received.bodySha256 = sha256(received.body);
}

function pairs(raw: string[]): HeaderList {
  const list: HeaderList = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    list.push([raw[index] ?? "", raw[index + 1] ?? ""]);
  }
  return list;
}

/** Accepts every upgrade (or refuses it as scripted), echoes each message. */
function acceptWebSockets(server: Server, requests: Received[], replies: Map<string, Reply>): WebSocketServer {
  const sockets = new WebSocketServer({ noServer: true });
  sockets.on("headers", (lines, request) => {
    const reply = replies.get((request.url ?? "").split("?")[0] ?? "");
    for (const [name, value] of reply?.headers ?? []) {
      lines.push(`${name}: ${value}`);
    }
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const received = record(request, true);
    requests.push(received);
    const reply = replies.get(received.path);
    if (reply?.status !== undefined) {
      socket.end(`HTTP/1.1 ${reply.status} ${reply.statusText ?? "Refused"}\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      connection.on("message", (data, binary) => connection.send(data, { binary }));
    });
  });
  return sockets;
}
