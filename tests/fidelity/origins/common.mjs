/** What the origins on Node.js have in common. Each gets `PORT`, `REPLIES` (a file) and `FILES` (a folder). */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";

export const PORT = Number(process.env.PORT);
export const FILES = process.env.FILES;
export const REPLIES = JSON.parse(readFileSync(process.env.REPLIES, "utf8"));
export const PAUSE_MS = 200;

/** What an app says of the request as its framework hands it out. */
export function echo(method, url, body) {
  return JSON.stringify({ method, url, length: body.length, sha256: createHash("sha256").update(body).digest("hex") });
}

export async function* parts(list) {
  for (const [index, part] of list.entries()) {
    if (index > 0) await sleep(PAUSE_MS);
    yield part;
  }
}

export async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Says again what it hears, at `/socket`. */
export function acceptSockets(server) {
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (protocols) => [...protocols][0] });
  server.on("upgrade", (request, socket, head) => {
    if (!request.url.startsWith("/socket")) {
      socket.end("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      connection.on("message", (data, binary) => connection.send(data, { binary }));
    });
  });
}
