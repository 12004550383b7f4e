// `npm run doctor -- --env production`: judges a configuration before it is deployed. Ends with status 1 on errors.
import { relative } from "node:path";
import { parseArgs } from "node:util";
import { Problem, main } from "../rust.mjs";
import { isPlaceholder, judge, routesOf } from "./checks.mjs";
import { checkAuth, checkFailOpen } from "./network.mjs";
import { startParser } from "./parser.mjs";
import { painter, report } from "./report.mjs";
import { localValues, readSettings } from "./settings.mjs";

const USAGE = `usage: npm run doctor -- [options]

  --env NAME         the environment of wrangler.toml (default: its top level, or CLOUDFLARE_ENV)
  --config FILE      another configuration than ./wrangler.toml
  --paths /a,/b      paths whose rule to show
  --host HOST        the host for --paths (default: that of the first route)
  --method METHOD    the method for --paths (default GET)
  --token-life N     how long the project's access tokens live, in seconds (default 3600)
  --offline          ask neither Auth nor Cloudflare

Secrets are read from the environment and from .dev.vars, as wrangler reads it. With CLOUDFLARE_API_TOKEN set,
Cloudflare is asked whether a route fails open.`;

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

// Stand in for what is missing, so that everything else is judged too.
const STAND_INS = { SUPABASE_URL: "https://unset.invalid", SUPABASE_PUBLISHABLE_KEY: "unset" };

await main(async () => {
  const options = readArguments();
  if (options.help) return void process.stdout.write(`${USAGE}\n`);
  const examination = await examine(options);
  process.stdout.write(report(examination, painter(process.stdout, process.env)));
  if (examination.findings.some(({ level }) => level === "error")) process.exitCode = 1;
});

function readArguments() {
  let options;
  try {
    options = parseArgs({ options: OPTIONS }).values;
  } catch (error) {
    throw new Problem(`${error.message}\n\n${USAGE}`);
  }
  if (!/^[1-9]\d*$/.test(options["token-life"])) throw new Problem(`--token-life must be a number of seconds\n\n${USAGE}`);
  // An empty name is wrangler's word for the top level.
  return { ...options, env: (options.env ?? process.env.CLOUDFLARE_ENV) || undefined };
}

async function examine(options) {
  const settings = readSettings(options);
  const ask = await startParser();
  const { variables } = ask({});
  const names = variables.map(({ name }) => name);
  const local = localValues(settings, names);
  // Of this machine's values a deployment gets the secrets alone, by `wrangler secret put`.
  const secrets = variables.filter(({ kind, name }) => kind === "secret" && name in local && !isPlaceholder(local[name]));
  const vars = { ...Object.fromEntries(secrets.map(({ name }) => [name, local[name]])), ...settings.vars };
  const requests = requestsFor(options, settings, vars);
  const { problems, config, answers } = understood(ask, vars, requests);
  const findings = judge({ settings, vars, local, variables, problems, config, tokenLife: Number(options["token-life"]) });
  if (!options.offline) {
    const isGood = (...names) => !problems.some(({ variable }) => names.includes(variable));
    const hasKey = isGood("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY");
    if (config && isGood("SUPABASE_URL")) findings.push(...(await checkAuth(config, hasKey, ask)));
    findings.push(...(await checkFailOpen(settings, process.env.CLOUDFLARE_API_TOKEN)));
  }
  const title = `${relative(process.cwd(), settings.configPath)}, ${settings.env ? `environment ${settings.env}` : "top level"}`;
  return { title, findings, paths: answers };
}

/** All problems of the variables, and what the others amount to. */
function understood(ask, vars, requests) {
  const { problems, config, requests: answers } = ask({ vars, requests });
  const shown = (rulings) => requests.map(({ path }, index) => ({ path, ...rulings[index] }));
  if (config) return { problems, config, answers: shown(answers) };
  const bad = new Set(problems.map(({ variable }) => variable));
  const good = Object.entries(vars).filter(([name]) => !bad.has(name));
  const second = ask({ vars: { ...STAND_INS, ...Object.fromEntries(good) }, requests });
  return { problems, config: second.config ?? undefined, answers: second.config && !bad.has("RULES") ? shown(second.requests) : [] };
}

function requestsFor({ paths, host, method }, settings, vars) {
  const [route] = routesOf(settings);
  const site = host ?? route?.host.replace(/^\*\.?/, "") ?? "localhost";
  const asked = paths?.split(",").filter((path) => path !== "");
  const stranger = asked?.find((path) => !path.startsWith("/"));
  if (stranger) throw new Problem(`--paths must hold paths that begin with /, and not ${stranger}`);
  const list = asked ?? ["/", String(vars.LOGIN_PATH ?? "/login"), "/favicon.ico"];
  return list.map((path) => ({ method, host: site, path }));
}
