import { parseArgs } from "node:util";
import { startAuthServer } from "./server.ts";
import type { Options } from "./settings.ts";

const DEFAULT_PORT = 54321;

const USAGE = `usage: node main.ts [--port N] [--hostname H] [--options JSON]

  --port      port to listen on (default ${DEFAULT_PORT}, 0 for a free one)
  --hostname  address to listen on (default 127.0.0.1)
  --options   settings as a JSON object, see README.md`;

const { values } = parseArgs({
  options: {
    port: { type: "string", default: String(DEFAULT_PORT) },
    hostname: { type: "string" },
    options: { type: "string", default: "{}" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(USAGE);
} else {
  const given = JSON.parse(values.options) as Options;
  const hostname = values.hostname === undefined ? {} : { hostname: values.hostname };
  const server = await startAuthServer({ ...given, ...hostname, port: Number(values.port) });
  const { url, authUrl, publishableKey, secretKey } = server;
  // One line of JSON, so that a parent process can wait for it and read it.
  console.log(JSON.stringify({ url, authUrl, publishableKey, secretKey }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void server.close().then(() => process.exit(0)));
  }
}
