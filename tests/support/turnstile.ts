/** Cloudflare's siteverify as a test needs it: an answer of the widget is good once, for the secret it was made for. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export const TURNSTILE_HOST = "challenges.cloudflare.com";

export interface Turnstile {
  /** Where it listens. */
  host: string;
  secretKey: string;
  /** What the Worker asked. */
  asked: { secret?: string; response?: string; remoteip?: string }[];
  /** An answer as the widget would put it into the form. */
  solve(): string;
  /** `true`: it answers 502 instead. */
  fails(fails: boolean): void;
  close(): Promise<void>;
}

export async function startTurnstile(): Promise<Turnstile> {
  const secretKey = "1x0000000000000000000000000000000AA";
  const good = new Set<string>();
  const asked: Turnstile["asked"] = [];
  let solved = 0;
  let isDown = false;
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) {
      text += String(chunk);
    }
    const body = JSON.parse(text) as Turnstile["asked"][number];
    asked.push(body);
    const success = request.url === "/turnstile/v0/siteverify" && body.secret === secretKey && good.delete(body.response ?? "");
    response.writeHead(isDown ? 502 : 200, { "Content-Type": "application/json" });
    response.end(isDown ? "bad gateway" : JSON.stringify({ success, "error-codes": success ? [] : ["invalid-input-response"] }));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    secretKey,
    asked,
    solve() {
      solved += 1;
      const answer = `0.solved-${solved}`;
      good.add(answer);
      return answer;
    },
    fails: (fails) => void (isDown = fails),
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
