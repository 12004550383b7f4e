// One examination: read, parse, judge, ask.
import { relative } from "node:path";
import { Problem } from "../rust.mjs";
import { isPlaceholder, judge, routesOf } from "./checks.mjs";
import { checkAuth, checkFailOpen } from "./network.mjs";
import { startParser } from "./parser.mjs";
import { localValues, readSettings } from "./settings.mjs";

// Stand in for what is missing, so that everything else is judged too.
const STAND_INS = { SUPABASE_URL: "https://unset.invalid", SUPABASE_PUBLISHABLE_KEY: "unset" };

/** Judges the configuration that the command line's `options` name: a title, findings, and the rules of paths. */
export async function examine(options) {
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
