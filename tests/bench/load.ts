/** Eight keep-alive connections that send requests one after the other and count what comes back. */
import { Agent, request } from "node:http";

export const CONNECTIONS = 8;

export interface Shot {
  path: string;
  headers: Record<string, string>;
  /** The status every answer must have: a bench of error pages measures nothing. */
  status: number;
}

export interface Client {
  /** Sends `count` requests and waits for all answers. */
  fire(count: number, shot: (index: number) => Shot): Promise<void>;
  close(): void;
}

export function connect(port: number, connections = CONNECTIONS): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  return {
    async fire(count, shot) {
      let next = 0;
      const drive = async (): Promise<void> => {
        while (next < count) {
          const index = next;
          next += 1;
          await send(agent, port, shot(index));
        }
      };
      await Promise.all(Array.from({ length: Math.min(connections, count) }, drive));
    },
    close: () => agent.destroy(),
  };
}

function send(agent: Agent, port: number, { path, headers, status }: Shot): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request({ agent, host: "127.0.0.1", port, path, headers }, (response) => {
      response.resume();
      response.once("end", () => {
        if (response.statusCode === status) {
          resolve();
        } else {
          reject(new Error(`${path} was answered with ${response.statusCode} instead of ${status}`));
        }
      });
      response.once("error", reject);
    });
    sent.once("error", reject);
    sent.end();
  });
}
