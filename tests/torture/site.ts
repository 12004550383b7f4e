/** The origin of the bed: it answers with the user that it was told of, and slow pages when the bed lets them. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export const SLOW = "/slow/";

export interface SlowPage {
  path: string;
  /** The request has reached the origin. */
  arrived: Promise<void>;
  /** Lets the answer go. */
  release(): void;
}

export class Site {
  readonly #server: Server;
  readonly #slow = new Map<string, { arrive(): void; released: Promise<void> }>();
  #pages = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      const answer = (): void => {
        response.writeHead(200, { "Content-Type": "text/plain" });
        response.end(request.headers["x-session-user-id"] ?? "");
      };
      const slow = this.#slow.get(request.url ?? "");
      slow?.arrive();
      void (slow?.released ?? Promise.resolve()).then(answer);
    });
    this.#server.keepAliveTimeout = 60_000;
  }

  static async start(): Promise<Site> {
    const site = new Site();
    await new Promise<void>((listening) => site.#server.listen(0, "127.0.0.1", listening));
    return site;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  slowPage(): SlowPage {
    this.#pages += 1;
    const path = `${SLOW}${this.#pages}`;
    let arrive = (): void => undefined;
    let release = (): void => undefined;
    const arrived = new Promise<void>((resolve) => (arrive = resolve));
    const released = new Promise<void>((resolve) => (release = resolve));
    this.#slow.set(path, { arrive: () => arrive(), released });
    return { path, arrived, release };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }
}
