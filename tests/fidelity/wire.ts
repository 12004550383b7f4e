/**
 * HTTP/1.1 by its bytes: a client that writes what it is told and reads what comes, and a wiretap before an origin.
 * Text is one character per byte (latin1).
 */
import { createHash } from "node:crypto";
import { connect, createServer, type Socket } from "node:net";
import type { HeaderList } from "../support/origin.ts";

export interface Message {
  /** The first line. */
  start: string;
  headers: HeaderList;
  /** Without its framing. */
  body: string;
  trailers: HeaderList;
}

export interface Answered extends Message {
  /** Answers of class 1xx before it. */
  interim: { start: string; headers: HeaderList }[];
  /** Whether the body came in pieces, as it was made. */
  inPieces: boolean;
  /** What a WebSocket said: opcodes and payloads of the frames. */
  frames: string[];
  /** How it ended where it is not whole. */
  broken: string;
}

/** What the client writes. */
export interface Bytes {
  head: string;
  body: string;
  /** Waits for 100 (Continue) before the body. */
  waits: boolean;
  /** Bytes to write once the connection is a WebSocket's. */
  frames?: string;
  method: string;
}

/** Longer than any pause that an origin makes. */
const PATIENCE_MS = 2_000;
/** Pieces that come further apart than this were not held back. */
const APART_MS = 100;
/** How long a client waits for 100 before it sends the body anyway (RFC 9110 10.1.1). */
const CONTINUE_MS = 300;

/** One exchange on a connection of its own. */
export function exchange(port: number, host: string, bytes: Bytes): Promise<Answered> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.setNoDelay(true);
    let [received, isSent, isOver] = ["", false, false];
    const arrivals: [at: number, length: number][] = [];
    const finish = (ending: string): void => {
      if (isOver) {
        return;
      }
      isOver = true;
      clearTimeout(patience);
      socket.destroy();
      resolve({ ...readAnswer(received, bytes.method, true), inPieces: cameInPieces(received, arrivals), broken: ending });
    };
    const patience = setTimeout(() => finish("nothing more came"), PATIENCE_MS);
    const sendBody = (): void => {
      if (!isSent) {
        isSent = true;
        socket.write(Buffer.from(bytes.body, "latin1"));
      }
    };
    socket.once("connect", () => {
      socket.write(Buffer.from(bytes.head, "latin1"));
      if (bytes.waits) {
        setTimeout(sendBody, CONTINUE_MS);
      } else {
        sendBody();
      }
    });
    let hasUpgraded = false;
    socket.on("data", (data) => {
      received += data.toString("latin1");
      arrivals.push([Date.now(), received.length]);
      const answer = readAnswer(received, bytes.method, false);
      if (answer.interim.some(({ start }) => start.includes(" 100"))) {
        sendBody();
      }
      if (bytes.frames !== undefined && answer.start.includes(" 101 ")) {
        if (!hasUpgraded) {
          hasUpgraded = true;
          socket.write(Buffer.from(bytes.frames, "latin1"));
        }
        // A frame of close is the last.
        if (answer.frames.some((frame) => frame.startsWith("8 "))) {
          finish("");
        }
        return;
      }
      if (answer.isWhole) {
        finish("");
      }
    });
    socket.once("error", () => finish("the connection was reset"));
    socket.once("end", () => {
      const answer = readAnswer(received, bytes.method, true);
      finish(answer.isWhole ? "" : received === "" ? "no answer" : "the answer was cut");
    });
  });
}

/** What stands on the wire of an answer so far. `isEnded`: the other side has closed. */
export function readAnswer(received: string, method: string, isEnded: boolean): Answered & { isWhole: boolean } {
  const interim: Answered["interim"] = [];
  let rest = received;
  for (;;) {
    const head = readHead(rest);
    if (head === undefined) {
      return { start: "", headers: [], body: "", trailers: [], interim, inPieces: false, frames: [], broken: "", isWhole: false };
    }
    const status = Number(head.start.split(" ")[1]);
    if (status === 101) {
      return { ...head, body: "", trailers: [], interim, inPieces: false, frames: readFrames(head.rest), broken: "", isWhole: false };
    }
    if (status >= 100 && status < 200) {
      interim.push({ start: head.start, headers: head.headers });
      rest = head.rest;
      continue;
    }
    const isBodiless = method === "HEAD" || status === 204 || status === 304;
    const body = isBodiless ? { body: head.rest, trailers: [], isWhole: true } : readBody(head.headers, head.rest, isEnded);
    return { start: head.start, headers: head.headers, interim, inPieces: false, frames: [], broken: "", ...body };
  }
}

/** The first request in what an origin was sent, and whether it is there whole. */
export function readRequest(sent: string): (Message & { isWhole: boolean; rest: string }) | undefined {
  const head = readHead(sent);
  if (head === undefined) {
    return undefined;
  }
  const framed = head.headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name));
  const body = framed ? readBody(head.headers, head.rest, false) : { body: "", trailers: [], isWhole: true, rest: head.rest };
  return { start: head.start, headers: head.headers, rest: "", ...body };
}

interface Body {
  body: string;
  trailers: HeaderList;
  isWhole: boolean;
  rest?: string;
}

function readBody(headers: HeaderList, rest: string, isEnded: boolean): Body {
  const value = (name: string): string | undefined => headers.find(([known]) => known.toLowerCase() === name)?.[1];
  if (/chunked/i.test(value("transfer-encoding") ?? "")) {
    return readChunks(rest);
  }
  const length = value("content-length");
  if (length === undefined) {
    return { body: rest, trailers: [], isWhole: isEnded };
  }
  const expected = Number(length);
  return { body: rest.slice(0, expected), trailers: [], isWhole: rest.length >= expected, rest: rest.slice(expected) };
}

function readChunks(rest: string): Body {
  let [body, at] = ["", 0];
  for (;;) {
    const end = rest.indexOf("\r\n", at);
    if (end < 0) {
      return { body, trailers: [], isWhole: false };
    }
    const size = Number.parseInt(rest.slice(at, end), 16);
    at = end + 2;
    if (!(size >= 0)) {
      return { body, trailers: [], isWhole: false };
    }
    if (size === 0) {
      return readTrailers(body, rest.slice(at));
    }
    body += rest.slice(at, at + size);
    at += size + 2;
    if (at > rest.length) {
      return { body, trailers: [], isWhole: false };
    }
  }
}

function readTrailers(body: string, rest: string): Body {
  if (rest.startsWith("\r\n")) {
    return { body, trailers: [], isWhole: true, rest: rest.slice(2) };
  }
  const end = rest.indexOf("\r\n\r\n");
  return end < 0
    ? { body, trailers: [], isWhole: false }
    : { body, trailers: fields(rest.slice(0, end)), isWhole: true, rest: rest.slice(end + 4) };
}

function readHead(text: string): { start: string; headers: HeaderList; rest: string } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) {
    return undefined;
  }
  const line = text.indexOf("\r\n");
  return { start: text.slice(0, line), headers: line === end ? [] : fields(text.slice(line + 2, end)), rest: text.slice(end + 4) };
}

function fields(lines: string): HeaderList {
  return lines.split("\r\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

/** Frames without a mask, as a server sends them, of at most 64 KiB. */
function readFrames(bytes: string): string[] {
  const frames: string[] = [];
  for (let at = 0; at + 2 <= bytes.length; ) {
    const [first, second] = [bytes.charCodeAt(at), bytes.charCodeAt(at + 1)];
    const isLong = second === 126;
    const size = isLong ? bytes.charCodeAt(at + 2) * 256 + bytes.charCodeAt(at + 3) : second;
    const start = at + (isLong ? 4 : 2);
    if (start + size > bytes.length) {
      break;
    }
    frames.push(`${first & 15} ${bytes.slice(start, start + size)}`);
    at = start + size;
  }
  return frames;
}

/** A frame with a mask of zeros, as a client may send it. */
export function frame(opcode: number, payload: string): string {
  return String.fromCharCode(0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0) + payload;
}

/** What a server answers to a key (RFC 6455 4.2.2). */
export function acceptOf(key: string): string {
  return createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
}

function cameInPieces(received: string, arrivals: [at: number, length: number][]): boolean {
  const body = received.indexOf("\r\n\r\n") + 4;
  const inBody = arrivals.filter(([, length]) => length > body).map(([at]) => at);
  return inBody.some((at, index) => index > 0 && at - inBody[index - 1]! > APART_MS);
}

export interface Tap {
  /** Hands out what the origin was sent since the last time, once it is there whole. */
  take(): Promise<string>;
  close(): Promise<void>;
}

/** Passes connections at `host:port` on to `target` and keeps what is sent there. */
export async function startTap(host: string, port: number, target: string): Promise<Tap> {
  let sent = "";
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const origin = connect({ host: target, port, noDelay: true, allowHalfOpen: true });
    for (const socket of [client, origin]) {
      open.add(socket);
      socket.on("error", () => [client, origin].forEach((each) => each.destroy()));
      socket.once("close", () => [client, origin].forEach((each) => (open.delete(socket), each.destroy())));
    }
    client.on("data", (data) => {
      sent += data.toString("latin1");
    });
    client.pipe(origin);
    origin.pipe(client);
  });
  await new Promise<void>((listening, failed) => server.once("error", failed).listen(port, host, listening));
  return {
    async take() {
      const deadline = Date.now() + 500;
      // An origin may answer before it was sent everything.
      while (sent !== "" && readRequest(sent)?.isWhole !== true && Date.now() < deadline) {
        await new Promise((passed) => setTimeout(passed, 5));
      }
      const taken = sent;
      sent = "";
      return taken;
    },
    async close() {
      open.forEach((socket) => socket.destroy());
      await new Promise((closed) => server.close(closed));
    },
  };
}
