/** What the conformance suite asks of whoever started the server, over HTTP on loopback. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Project } from "./program.ts";

export interface Operator {
  url: string;
  close(): Promise<void>;
}

export async function startOperator(project: Project): Promise<Operator> {
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://localhost");
    answer(project, pathname, searchParams).then(
      (body) => response.end(JSON.stringify(body ?? {})),
      (error) => response.writeHead(500).end(String(error)),
    );
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

async function answer(project: Project, path: string, query: URLSearchParams): Promise<unknown> {
  const to = query.get("to") ?? undefined;
  switch (path) {
    case "/inbox":
      return project.mail.list(to);
    case "/messages":
      return project.messages(to);
    case "/age":
      return project.age(Number(query.get("seconds")));
    case "/upgrade":
      return { upgraded: await project.upgrade() };
    case "/rotate":
      return project.rotate();
    case "/revoke":
      return project.revokeEarlierKeys();
    default:
      throw new Error(`there is nothing at ${path}`);
  }
}
