// Which requests reach the Worker, and which rule they meet there.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { error, globTest, isSet, note, routesOf, warning } from "./findings.mjs";

// No more files of static assets are looked at; the paths of rules are looked at all the same.
const FILES_READ = 5_000;
// Samples of so many requests; a list of rules that needs more is not searched for dead ones.
const REQUESTS_ASKED = 20_000;
// Stands for what `*` may be, so unlike any path that no rule means it.
const ANYTHING = "zz9";

export const LAYOUT_CHECKS = [inheritedRoutes, shortRoutes, reach, origin, ownRoute, workersCache, assets, deadRules, openAliases];

/** Paths, hosts and methods that show which rule is for what: each glob with and without something in place of `*`. */
export function samplesOf(rules) {
  const list = (value) => (value === undefined ? [] : [value].flat()).filter((entry) => typeof entry === "string");
  const all = (field) => [...new Set(rules.flatMap((rule) => list(rule?.[field])))];
  const paths = all("path").map((glob) => glob.replace(/^!/, "")).flatMap((glob) => [glob.replaceAll("*", ANYTHING), glob.replaceAll("*", "")]);
  return {
    paths: [...new Set(paths.filter((path) => path.startsWith("/")))],
    hosts: all("hosts").map((glob) => glob.replaceAll("*", ANYTHING)),
    methods: all("methods").map((method) => method.toUpperCase()),
  };
}

/** The list of `RULES`, which may also be the text of its JSON; empty where it is none. */
export function rulesIn({ RULES }) {
  let rules = RULES;
  try {
    if (typeof rules === "string") rules = JSON.parse(rules);
  } catch {
    return [];
  }
  return Array.isArray(rules) ? rules : [];
}

function inheritedRoutes({ settings }) {
  const top = new Set(routesOf({ routes: settings.topRoutes }).map(({ pattern }) => pattern));
  const shared = routesOf(settings).filter(({ pattern }) => top.has(pattern));
  return shared.map(({ pattern }) =>
    error(
      "route-inherited",
      `The route ${pattern} is the top level's too, since an environment without routes of its own inherits them: deploying ${settings.env} takes it away from there.`,
      `Give [env.${settings.env}] routes of its own, or routes = [].`,
    ),
  );
}

function shortRoutes({ settings }) {
  return routesOf(settings)
    .filter(({ custom_domain, path }) => !custom_domain && !path.endsWith("*"))
    .map(({ pattern, path }) =>
      error("route-without-star", `The route ${pattern} is for ${path === "" ? "/" : path} alone: every other path goes past the Worker.`, `Write ${pattern.replace(/\/$/, "")}/*.`),
    );
}

function reach({ settings }) {
  const routes = routesOf(settings);
  const findings = [];
  // wrangler's own default: on where there is no route.
  const workersDev = settings.workers_dev ?? routes.length === 0;
  if (workersDev && routes.length === 0) {
    findings.push(note("workers-dev", "The Worker answers on workers.dev alone: enough for a first try.", 'Set routes = [{ pattern = "<host>/*", zone_name = "<zone>" }] and workers_dev = false for the site\'s own host.'));
  } else if (workersDev) {
    findings.push(warning("workers-dev", "workers_dev is on: the Worker also answers on workers.dev, round whatever else protects the site's host.", "Set workers_dev = false."));
  }
  if (settings.preview_urls !== false) {
    const state = settings.preview_urls === true ? "is on" : "is not set, so that the dashboard decides";
    findings.push(
      warning("preview-urls", `preview_urls ${state}: every version would answer on an address of its own, round whatever protects the site's host.`, "Set preview_urls = false."),
    );
  }
  if (routes.length === 0 && !workersDev) {
    findings.push(warning("no-route", "There is no route: nobody reaches the Worker.", 'Set routes = [{ pattern = "<host>/*", zone_name = "<zone>" }].'));
  }
  return findings;
}

function origin({ settings, config, app }) {
  const elsewhere = app || isSet(settings.vars.ORIGIN_URL) || settings.services.some(({ binding }) => binding === "ORIGIN") || settings.assets?.binding === "ASSETS";
  const findings = [];
  const custom = routesOf(settings).find(({ custom_domain }) => custom_domain);
  if (custom && !elsewhere) {
    findings.push(
      error("no-origin", `${custom.pattern} is a custom domain, behind which there is no origin.`, "Set ORIGIN_URL or bind ORIGIN or ASSETS, or make it a route of the zone."),
    );
  }
  if (!app && settings.compatibility_flags.includes("global_fetch_strictly_public")) {
    const text = "The compatibility flag global_fetch_strictly_public is on: the Worker's own fetch to the site comes back to the Worker";
    const remedy = "Delete it from compatibility_flags.";
    findings.push(
      elsewhere ? warning("strictly-public", `${text} if ORIGIN_URL lies on one of its routes.`, remedy) : error("strictly-public", `${text}, and every request is answered with 508.`, remedy),
    );
  }
  if (app && isSet(settings.vars.ORIGIN_URL)) {
    findings.push(warning("origin-unused", "ORIGIN_URL is set, and the Worker is called inside another: the app is its origin, and ORIGIN_URL counts for nothing.", "Delete it."));
  }
  if (!app && config?.origin_url && !config.has_identity_secret) {
    findings.push(
      note(
        "identity-secret",
        "ORIGIN_URL is set and IDENTITY_SECRET is not known here: whoever reaches the origin directly can send it any identity.",
        `\`npx wrangler secret put IDENTITY_SECRET${settings.flag}\`, and check X-Session-Assertion at the origin.`,
      ),
    );
  }
  return findings;
}

function ownRoute({ settings, config, app }) {
  if (app || !config?.origin_url) return [];
  const { hostname, pathname } = new URL(config.origin_url);
  // Of a custom domain there is no path.
  const isOn = ({ host, path, custom_domain }) => globTest(host).test(hostname) && (custom_domain || globTest(path || "/").test(pathname) || globTest(path).test(`${pathname}/`));
  return routesOf(settings)
    .filter(isOn)
    .map(({ pattern }) =>
      error(
        "origin-on-route",
        `ORIGIN_URL ${config.origin_url} lies on the Worker's own route ${pattern}: its requests lead back to itself, or to where they go without it.`,
        "Name the origin's own host, or leave ORIGIN_URL out: then requests go to the zone's origin.",
      ),
    );
}

function workersCache({ settings }) {
  const enabled = settings.exports?.default?.cache?.enabled ?? settings.cache?.enabled ?? false;
  if (!enabled) return [];
  return [
    error(
      "workers-cache",
      "Workers Cache is on: it answers before the Worker runs, and its key holds neither host nor cookie, so one visitor gets another's page.",
      "Set enabled = false in [cache], or cache = { enabled = false } in [exports.default].",
    ),
  ];
}

function assets({ settings, vars, ruling }) {
  const { assets } = settings;
  if (assets === undefined || assets.run_worker_first === true) return [];
  const remedy = `Set run_worker_first = true in ${settings.table("assets")}.`;
  if (!Array.isArray(assets.run_worker_first)) {
    return [error("assets-first", "Static assets are served before the Worker runs: no rule guards them, and no session is kept fresh on their pages.", remedy)];
  }
  const list = assets.run_worker_first.filter((entry) => typeof entry === "string");
  const wanted = list.filter((glob) => !glob.startsWith("!")).map((glob) => globTest(glob));
  const excluded = list.filter((glob) => glob.startsWith("!")).map((glob) => globTest(glob.slice(1)));
  const isFirst = (path) => wanted.some((test) => test.test(path)) && !excluded.some((test) => test.test(path));
  const paths = [...new Set([...samplesOf(rulesIn(vars)).paths, ...assetFiles(settings)].flatMap(pageForms))].filter((path) => !isFirst(path));
  const rulings = ruling(paths.map((path) => ({ path })));
  const open = paths.filter((_, index) => rulings[index]?.guarded);
  if (open.length === 0) return [];
  // The paths of real files and of rules say more than the made-up ones.
  const told = [...open.filter((path) => !path.includes(ANYTHING)), ...open].slice(0, 3);
  return [error("assets-first", `run_worker_first leaves out paths that a rule guards, such as ${[...new Set(told)].join(", ")}: assets there are served without asking the Worker.`, remedy)];
}

/** Every path under which a page may be asked for, whatever `html_handling` is. */
function pageForms(path) {
  const bare = path.replace(/(\/index)?\.html$/, "").replace(/\/(index)?$/, "");
  return [path, bare || "/", `${bare}/`, `${bare}.html`, `${bare}/index`, `${bare}/index.html`].filter((form) => form !== "/.html");
}

function assetFiles({ folder, assets: { directory = "" } }) {
  try {
    const names = readdirSync(join(folder, directory), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const base = join(folder, directory).length;
    return names.slice(0, FILES_READ).map((entry) => `/${join(entry.parentPath, entry.name).slice(base).replaceAll("\\", "/").replace(/^\//, "")}`);
  } catch {
    // wrangler says so where there is no such folder.
    return [];
  }
}

function deadRules({ vars, ruling, site }) {
  const rules = rulesIn(vars);
  const { paths, hosts, methods } = samplesOf(rules);
  const requests = [...new Set(["/", `/${ANYTHING}`, ...paths])].flatMap((path) =>
    [site, ...hosts].flatMap((host) => [...new Set(["GET", "POST", ...methods])].map((method) => ({ method, host, path }))),
  );
  if (requests.length > REQUESTS_ASKED) return [];
  const rulings = ruling(requests);
  if (rulings.length === 0) return [];
  const found = new Set(rulings.map(({ rule }) => rule));
  return rules.flatMap((rule, index) => {
    if (found.has(index)) return [];
    const first = samplesOf([rule]).paths[0];
    const before = rulings[requests.findIndex(({ path }) => path === first)]?.rule;
    const which = Number.isInteger(before) ? `RULES[${before}] comes first for everything it names` : "no request meets it";
    return [warning("rule-dead", `RULES[${index}]${first === undefined ? "" : ` (${[rule.path].flat()[0]})`} never holds: ${which}.`, "Move it further up, or delete it.")];
  });
}

/** The site with and without `www`: what is guarded under one name alone, and both lead here. */
function openAliases({ settings, vars, ruling }) {
  const rules = rulesIn(vars);
  const names = [...new Set(routesOf(settings).map(({ host }) => host))];
  const pairs = names.filter((host) => names.includes(`www.${host}`)).flatMap((host) => [[host, `www.${host}`], [`www.${host}`, host]]);
  const paths = samplesOf(rules).paths;
  return pairs.flatMap(([guarded, open]) => {
    const here = ruling(paths.map((path) => ({ host: guarded, path })));
    const there = ruling(paths.map((path) => ({ host: open, path })));
    const at = paths.findIndex((_, index) => here[index]?.guarded && !there[index]?.guarded && rules[here[index].rule]?.hosts !== undefined);
    if (at < 0) return [];
    const index = here[at].rule;
    return [warning("guard-alias", `RULES[${index}] (${[rules[index].path ?? "every path"].flat()[0]}) guards ${guarded} and leaves ${open} open, and both are routes of this Worker.`, "Name both in hosts, or leave hosts out.")];
  });
}
