// `npx edge-session doctor --env production`: judges a configuration before it is deployed. Ends with status 1 on errors.
import { parseArgs } from "node:util";
import { Problem } from "../problem.mjs";
import { examine } from "./examine.mjs";
import { painter, report } from "./report.mjs";

const USAGE = `usage: npx edge-session doctor [options]

  --env NAME         the environment of wrangler.toml (default: its top level, or CLOUDFLARE_ENV)
  --config FILE      another configuration than the wrangler.toml (or .json, .jsonc) here
  --paths /a,/b      paths whose rule to show (default: some for each rule)
  --host HOST        the host for --paths (default: that of the first route)
  --method METHOD    the method for --paths (default GET)
  --token-life N     how long the project's access tokens live, in seconds (default 3600)
  --offline          ask neither Auth nor Cloudflare

Secrets are read from the environment and from .dev.vars, as wrangler reads it. With CLOUDFLARE_API_TOKEN set,
Cloudflare is asked whether a route fails open; with CLOUDFLARE_ACCOUNT_ID too, whether the secret key is set.`;

const OPTIONS = {
  env: { type: "string" },
  config: { type: "string" },
  paths: { type: "string" },
  host: { type: "string" },
  method: { type: "string", default: "GET" },
  "token-life": { type: "string", default: "3600" },
  offline: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

export async function doctor(args) {
  const options = readArguments(args);
  if (options.help) return void process.stdout.write(`${USAGE}\n`);
  const examination = await examine(options);
  process.stdout.write(report(examination, painter(process.stdout, process.env)));
  if (examination.findings.some(({ level }) => level === "error")) process.exitCode = 1;
}

function readArguments(args) {
  let options;
  try {
    options = parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Problem(`${error.message}\n\n${USAGE}`);
  }
  if (!/^[1-9]\d*$/.test(options["token-life"])) throw new Problem(`--token-life must be a number of seconds\n\n${USAGE}`);
  // An empty name is wrangler's word for the top level.
  return { ...options, env: (options.env ?? process.env.CLOUDFLARE_ENV) || undefined };
}
