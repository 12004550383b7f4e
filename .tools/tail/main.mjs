// `npx edge-session tail`: what a deployed Worker logs, one readable line for each request.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { painter } from "../doctor/report.mjs";
import { Problem } from "../problem.mjs";
import { readable, recordIn } from "./line.mjs";

const USAGE = `usage: npx edge-session tail [options] [WORKER]

  --env NAME      the environment of wrangler.toml
  --config FILE   another configuration than ./wrangler.toml
  --problems      only what an operator must look at: errors, exceptions, and answers of 500 and above
  --bypass        also what was forwarded untouched

It shows what \`wrangler tail --format json\` gets, and needs a login or CLOUDFLARE_API_TOKEN as that does.`;

const OPTIONS = {
  env: { type: "string" },
  config: { type: "string" },
  problems: { type: "boolean", default: false },
  bypass: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};
const RED = 31;
const DIM = 2;

export async function tail(args) {
  const { values, positionals } = readArguments(args);
  if (values.help) return void process.stdout.write(`${USAGE}\n`);
  const paint = painter(process.stdout, process.env);
  const passed = ["env", "config"].flatMap((name) => (values[name] === undefined ? [] : [`--${name}`, values[name]]));
  const child = spawn(process.execPath, [wrangler(), "tail", ...positionals, "--format", "json", ...passed], { stdio: ["inherit", "pipe", "inherit"] });
  const forward = (signal) => child.kill(signal);
  process.on("SIGINT", forward).on("SIGTERM", forward);
  const ended = new Promise((resolve) => child.once("close", resolve));
  for await (const event of events(createInterface({ input: child.stdout }))) {
    for (const line of linesOf(event, values, paint)) process.stdout.write(`${line}\n`);
  }
  const status = await ended;
  process.off("SIGINT", forward).off("SIGTERM", forward);
  if (status !== 0 && status !== null) throw new Problem(`wrangler tail ended with status ${status}; what it said stands above.`);
}

function readArguments(args) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Problem(`${error.message}\n\n${USAGE}`);
  }
}

/** The project's own wrangler, whose login and version are those of its deployments. */
function wrangler() {
  try {
    const manifest = createRequire(join(process.cwd(), "package.json")).resolve("wrangler/package.json");
    return join(dirname(manifest), "bin", "wrangler.js");
  } catch {
    throw new Problem("wrangler is not installed here: run `npm install --save-dev wrangler`.");
  }
}

/** The events of wrangler's output, which it may print on one line or on several. */
async function* events(lines) {
  let held = "";
  for await (const line of lines) {
    if (held === "" && !line.startsWith("{")) continue;
    held += line;
    // An object ends with a brace that nothing stands before, or on the line on which it began.
    if (line !== "}" && held !== line) continue;
    let event;
    try {
      event = JSON.parse(held);
    } catch {
      continue;
    }
    held = "";
    yield event;
  }
}

function linesOf({ logs = [], exceptions = [], event, eventTimestamp }, { problems, bypass }, paint) {
  const at = new Date(eventTimestamp || Date.now());
  const page = described(event?.request);
  const dim = (text) => paint(DIM, text);
  const told = logs.flatMap(({ message = [], level }) => message.map((text) => ({ text: String(text), level })));
  const lines = told.flatMap(({ text, level }) => {
    const record = recordIn(text);
    if (record === undefined) return level === "error" ? [paint(RED, `  ${text}`)] : [];
    const isProblem = record.level === "error" || record.status >= 500;
    if (problems ? !isProblem : record.outcome === "bypass" && !bypass && !isProblem) return [];
    const line = readable(record, { at, dim, page, ruleName: (rule) => (rule === null || rule === undefined ? "no rule" : `rule ${rule}`) });
    return [isProblem ? paint(RED, line) : line];
  });
  return [...lines, ...exceptions.map(({ name, message }) => paint(RED, `  ${name}: ${message}`))];
}

/** Method and path; a query may hold codes. */
function described(request) {
  if (request?.url === undefined) return "";
  const path = URL.parse(request.url)?.pathname ?? "";
  return `${`${request.method} ${path.length > 32 ? `${path.slice(0, 31)}…` : path}`.padEnd(38)} `;
}
