/**
 * A client that sends exactly what it is told and hands out exactly what it
 * got: no redirect is followed, nothing is decompressed, header lines keep
 * their order, their duplicates and their bytes (one character per byte).
 */
import { type ClientRequest, type IncomingMessage, request as nodeRequest } from "node:http";
import type { Duplex } from "node:stream";
import { type HeaderList, MAX_HEADER_BYTES } from "./origin.ts";

export interface Answer {
  status: number;
  statusText: string;
  headers: HeaderList;
  /** As it stood on the wire. */
  raw: Buffer;
  text: string;
  /** The values of one header joined with `, `, as a browser sees them; undefined without any. */
  header(name: string): string | undefined;
  all(name: string): string[];
  /** The body as JSON; the caller knows its shape. */
  json(): any;
}

export interface RawRequest {
  /** Where the connection goes. */
  socket: URL;
  /** What stands in the request line: an absolute URL for a proxy-style socket, else a path. */
  target: string;
  method?: string;
  /** Sent as they are; `Host` is added when absent. */
  headers?: HeaderList;
  body?: string | Buffer;
}

/** A request whose two directions are driven by the test. */
export interface OpenRequest {
  write(data: string | Buffer): void;
  end(): void;
  /** Closes the connection like a visitor who hangs up. */
  destroy(): void;
  /** The head of the answer, with its body still to be read. */
  response: Promise<OpenResponse>;
}

export interface OpenResponse {
  status: number;
  headers: HeaderList;
  stream: IncomingMessage;
  /** The next piece of the body, or undefined at its end. */
  next(): Promise<string | undefined>;
}

export interface Upgraded {
  status: number;
  headers: HeaderList;
  /** undefined when the upgrade was refused. */
  socket: Duplex | undefined;
  head: Buffer;
}

/** Sends a request and reads the whole answer. */
export async function send(raw: RawRequest): Promise<Answer> {
  const request = start(raw);
  const answered = answerTo(request);
  request.end(raw.body);
  const message = await answered;
  const chunks: Buffer[] = [];
  for await (const chunk of message) {
    chunks.push(chunk as Buffer);
  }
  return answer(message, Buffer.concat(chunks));
}

/** Sends the head of a request and leaves the rest to the test. */
export function open(raw: RawRequest): OpenRequest {
  const request = start(raw);
  request.flushHeaders();
  const response = answerTo(request).then((message) => {
    const pieces = message[Symbol.asyncIterator]();
    return {
      status: message.statusCode ?? 0,
      headers: pairs(message.rawHeaders),
      stream: message,
      async next() {
        const { value, done } = await pieces.next();
        return done === true ? undefined : String(value);
      },
    };
  });
  // A test that hangs up never looks at the answer.
  response.catch(() => undefined);
  return {
    write: (data) => void request.write(data),
    end: () => void request.end(),
    destroy: () => void request.destroy(),
    response,
  };
}

/** Asks for an upgrade and hands out the connection. */
export function upgrade(raw: RawRequest): Promise<Upgraded> {
  const request = start(raw);
  return new Promise((resolve, reject) => {
    request.once("upgrade", (message, socket, head) =>
      resolve({ status: message.statusCode ?? 0, headers: pairs(message.rawHeaders), socket, head }),
    );
    request.once("response", (message) => {
      message.resume();
      resolve({ status: message.statusCode ?? 0, headers: pairs(message.rawHeaders), socket: undefined, head: Buffer.alloc(0) });
    });
    request.once("error", reject);
    request.end();
  });
}

export function pairs(raw: string[]): HeaderList {
  const list: HeaderList = [];
  for (let index = 0; index + 1 < raw.length; index += 2) {
    list.push([raw[index] ?? "", raw[index + 1] ?? ""]);
  }
  return list;
}

function start({ socket, target, method = "GET", headers = [], body }: RawRequest): ClientRequest {
  const lines = [...headers];
  const has = (name: string): boolean => lines.some(([known]) => known.toLowerCase() === name);
  if (!has("host")) {
    lines.unshift(["Host", new URL(target, socket).host]);
  }
  if (body !== undefined && !has("content-length") && !has("transfer-encoding")) {
    lines.push(["Content-Length", String(Buffer.byteLength(body))]);
  }
  return nodeRequest({
    host: socket.hostname,
    port: socket.port,
    method,
    path: target,
    // Node writes a flat list as it stands.
    headers: lines.flat() as unknown as Record<string, string>,
    setDefaultHeaders: false,
    maxHeaderSize: MAX_HEADER_BYTES,
    agent: false,
  });
}

function answerTo(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
}

function answer(message: IncomingMessage, raw: Buffer): Answer {
  const headers = pairs(message.rawHeaders);
  const text = raw.toString("utf8");
  const all = (name: string): string[] =>
    headers.filter(([known]) => known.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  return {
    status: message.statusCode ?? 0,
    statusText: message.statusMessage ?? "",
    headers,
    raw,
    text,
    all,
    header: (name) => (all(name).length === 0 ? undefined : all(name).join(", ")),
    json: () => JSON.parse(text),
  };
}
