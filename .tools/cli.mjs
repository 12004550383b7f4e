#!/usr/bin/env node
// `npx edge-session <command>`. The package holds this file with everything it imports in one.
import { Problem, main } from "./problem.mjs";

const USAGE = `usage: npx edge-session <command> [options]

  init      writes wrangler.toml, .dev.vars and a first rule for this folder
  doctor    judges the configuration before it is deployed
  tail      shows a deployed Worker's log, one readable line for each request

\`npx edge-session <command> --help\` says more.`;

// wrangler's own requirement; an older Node.js cannot run the Worker's wasm either.
const OLDEST = [22, 12];

const COMMANDS = {
  doctor: async (args) => (await import("./doctor/main.mjs")).doctor(args),
  init: async (args) => (await import("./init/main.mjs")).init(args),
  tail: async (args) => (await import("./tail/main.mjs")).tail(args),
};

await main(async () => {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
    throw new Problem(`this is Node.js ${process.versions.node}; edge-session and wrangler need ${OLDEST.join(".")} or later.`);
  }
  const [name, ...args] = process.argv.slice(2);
  if (name === undefined || name === "help" || name === "--help") return void process.stdout.write(`${USAGE}\n`);
  if (!Object.hasOwn(COMMANDS, name)) throw new Problem(`there is no command ${name}\n\n${USAGE}`);
  await COMMANDS[name](args);
});
