// One examination: read, parse, judge, ask.
import { join, relative } from "node:path";
import { Problem } from "../problem.mjs";
import { hasAuthPath, judge } from "./checks.mjs";
import { isPlaceholder, routesOf } from "./findings.mjs";
import { rulesIn, samplesOf } from "./layout.mjs";
import { checkAuth, checkCloudflare } from "./network.mjs";
import { localValues, readSettings, readText } from "./settings.mjs";
import { startWorker } from "./worker.mjs";

// Stand in for what is missing, so that everything else is judged too.
const STAND_INS = { SUPABASE_URL: "https://unset.invalid", SUPABASE_PUBLISHABLE_KEY: "unset" };
// A table of more rows is not read; --paths asks for any others.
const ROWS = 24;

/** Judges the configuration that the command line's `options` name: a title, findings, and the rules of paths. */
export async function examine(options) {
  const settings = readSettings(options);
  const ask = await startWorker();
  const { variables } = ask({});
  const local = localValues(settings, variables.map(({ name }) => name));
  // Of this machine's values a deployment gets the secrets alone, by `wrangler secret put`.
  const secrets = variables.filter(({ kind, name }) => kind === "secret" && name in local && !isPlaceholder(local[name]));
  const vars = { ...Object.fromEntries(secrets.map(({ name }) => [name, local[name]])), ...settings.vars };
  const { problems, config, readable } = understood(ask, vars);
  const site = options.host ?? siteOf(settings);
  const ruling = (requests) => (readable === undefined ? [] : ask({ vars: readable, requests: requests.map((request) => ({ method: "GET", host: site, ...request })) }).requests);
  const main = mainOf(settings);
  const context = { settings, vars, local, variables, problems, config, ruling, site, main, app: /\bwithSession\b/.test(main), tokenLife: Number(options["token-life"]) };
  const findings = judge(context);
  if (!options.offline) findings.push(...(await asked(context, ask)));
  const title = `${relative(process.cwd(), settings.configPath)}, ${settings.env ? `environment ${settings.env}` : "top level"}`;
  const requests = requestsFor(options, context);
  const rulings = ruling(requests);
  const rules = rulesIn(vars);
  return { title, findings, paths: rulings.map((one, index) => ({ ...requests[index], ...one, name: rules[one.rule]?.name })) };
}

/** All problems of the variables, and what the others amount to; `readable` are those whose rules can be asked for. */
function understood(ask, vars) {
  const { problems, config } = ask({ vars });
  if (config) return { problems, config, readable: vars };
  const bad = new Set(problems.map(({ variable }) => variable));
  const good = { ...STAND_INS, ...Object.fromEntries(Object.entries(vars).filter(([name]) => !bad.has(name))) };
  const second = ask({ vars: good });
  return { problems, config: second.config ?? undefined, readable: second.config && !bad.has("RULES") ? good : undefined };
}

async function asked({ settings, config, problems, vars }, ask) {
  // An address that is known to be wrong says nothing more.
  const isGood = (...names) => !problems.some(({ variable }) => names.includes(variable));
  const hasKey = isGood("SUPABASE_PUBLISHABLE_KEY", "SUPABASE_ANON_KEY");
  const auth = config && isGood("SUPABASE_URL") && !hasAuthPath(vars) ? await checkAuth(config, hasKey, ask) : [];
  return [...auth, ...(await checkCloudflare(settings, vars, process.env))];
}

/** The text of the module that is deployed, where it is somebody's own; empty where it is the built Worker. */
function mainOf({ folder, main }) {
  if (typeof main !== "string" || /(^|\/)build\/index\.js$/.test(main)) return "";
  return readText(join(folder, main)) ?? "";
}

function siteOf(settings) {
  const [route] = routesOf(settings);
  return route?.host.replace(/^\*\.?/, "") || "localhost";
}

function requestsFor({ paths, host, method }, { settings, vars, site }) {
  const asked = paths?.split(",").filter((path) => path !== "");
  const stranger = asked?.find((path) => !path.startsWith("/"));
  if (stranger) throw new Problem(`--paths must hold paths that begin with /, and not ${stranger}`);
  const rules = rulesIn(vars);
  const usual = ["/", String(vars.LOGIN_PATH ?? "/login"), "/favicon.ico", ...samplesOf(rules).paths];
  // Only where a rule asks for the host does it change anything.
  const routes = routesOf(settings).map((route) => route.host.replace(/^\*\.?/, "")).filter(Boolean);
  const hosts = host === undefined && rules.some((rule) => rule?.hosts !== undefined) ? [...new Set([site, ...routes])] : [site];
  const list = hosts.flatMap((one) => [...new Set(asked ?? usual)].map((path) => ({ method, host: one, path })));
  return asked ? list : list.slice(0, ROWS);
}
