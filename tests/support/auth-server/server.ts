import { createAdaptorServer } from "@hono/node-server";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createApp } from "./app.ts";
import { type Controls, createControls } from "./controls.ts";
import { AUTH_BASE } from "./gateway.ts";
import type { Options } from "./settings.ts";
import { createState, setUrl } from "./state.ts";

export interface AuthServer extends Controls {
  /** `http://host:port`, what a client calls the project's URL. */
  url: string;
  /** `<url>/auth/v1` */
  authUrl: string;
  publishableKey: string;
  secretKey: string;
  /** Ends every connection and stops listening. */
  close(): Promise<void>;
}

/** Starts a server of its own on a free port of the loopback interface, or where `options` say. */
export async function startAuthServer(options: Options = {}): Promise<AuthServer> {
  const state = await createState(options);
  const controls = createControls(state);
  const app = createApp(state, controls);
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  const hostname = options.hostname ?? "127.0.0.1";
  await listen(server, options.port ?? 0, hostname);
  const url = `http://${hostname}:${(server.address() as AddressInfo).port}`;
  setUrl(state, url, options);
  return {
    ...controls,
    url,
    authUrl: `${url}${AUTH_BASE}`,
    publishableKey: state.publishableKey,
    secretKey: state.secretKey,
    close: () => close(server),
  };
}

function listen(server: Server, port: number, hostname: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => resolve());
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}
