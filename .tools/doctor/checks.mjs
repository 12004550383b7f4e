// What can be judged without asking anybody: each check takes the context and returns findings.

// Values that stand for another: copied from this project's examples, or never filled in.
const PLACEHOLDER = /[<>…]|^https:\/\/abcdefghijklmnop\.|0{16}|^a-fake-|\byour[-_ ]/i;
const KV_ID = /^[0-9a-f]{32}$/i;

export const error = (text, remedy) => ({ level: "error", text, remedy });
export const warning = (text, remedy) => ({ level: "warning", text, remedy });
export const note = (text, remedy) => ({ level: "note", text, remedy });

/**
 * Judges `context`: `settings` as wrangler reads them, `vars` as the deployed Worker would see them, `local` values of
 * this machine, the parser's `variables` and `problems`, and `config`, which is undefined where no project is set.
 */
export function judge(context) {
  return CHECKS.flatMap((check) => check(context));
}

/** Whether a value was copied from an example and never filled in. */
export function isPlaceholder(value) {
  return typeof value === "string" && PLACEHOLDER.test(value);
}

/** The routes of the settings: pattern, the host part of it, and whether it is a custom domain. */
export function routesOf({ route, routes = [] }) {
  return [route, ...routes]
    .filter((entry) => entry !== undefined)
    .map((entry) => (typeof entry === "string" ? { pattern: entry } : entry))
    .map((entry) => ({ ...entry, host: entry.pattern.replace(/^[a-z]+:\/\//i, "").split(/[/:]/)[0].toLowerCase() }));
}

const CHECKS = [
  plaintextSecrets,
  placeholders,
  rejectedValues,
  unknownVariables,
  missingInEnvironment,
  inheritedRoutes,
  observing,
  secretKey,
  keyValueStore,
  gate,
  reach,
  origin,
  workersCache,
  cookieDomain,
  margin,
];

function plaintextSecrets({ settings, variables }) {
  const secrets = variables.filter(({ kind }) => kind === "secret").map(({ name }) => name);
  return secrets
    .filter((name) => isSet(settings.vars[name]))
    .map((name) =>
      error(
        `${name} stands in ${settings.table("vars")} as plain text, where everyone with the file or the dashboard reads it.`,
        `Make a new one, delete the line, and run \`npx wrangler secret put ${name}${settings.flag}\`.`,
      ),
    );
}

function placeholders({ vars }) {
  return placeholderNames(vars).map((name) =>
    error(`${name} still holds a placeholder.`, "Replace it by the project's own value."),
  );
}

function placeholderNames(vars) {
  return Object.keys(vars).filter((name) => isPlaceholder(vars[name]));
}

function rejectedValues({ settings, vars, local, variables, problems }) {
  const named = new Set(placeholderNames(vars));
  const secrets = new Set(variables.filter(({ kind }) => kind === "secret").map(({ name }) => name));
  return problems
    .filter(({ variable }) => !named.has(variable))
    .map(({ variable, text }) => {
      const set = secrets.has(variable)
        ? `Run \`npx wrangler secret put ${variable}${settings.flag}\` with another value.`
        : `${isSet(vars[variable]) ? "Change" : "Set"} it in ${settings.table("vars")}.`;
      const elsewhere = !isSet(vars[variable]) && isSet(local[variable]);
      return error(`${text}.`, elsewhere ? `${set} It is set on this machine only, and a deployment gets nothing of that.` : set);
    });
}

function unknownVariables({ settings, variables }) {
  const known = new Set([...variables.map(({ name }) => name), "SUPABASE_ANON_KEY"]);
  return Object.keys(settings.vars)
    .filter((name) => !known.has(name))
    .map((name) => warning(`${name} in ${settings.table("vars")} is no variable of this Worker.`, "Correct its name (the README has the table), or delete it."));
}

function missingInEnvironment({ settings, variables }) {
  // Where the top level only says what holds anyway, nothing is lost.
  const isDefault = ({ name, value }) => variables.some((variable) => variable.name === name && variable.default === String(value).trim());
  const lost = settings.notInherited.filter((entry) => typeof entry.value !== "string" || !isDefault(entry));
  if (lost.length === 0) return [];
  return [
    warning(
      `${lost.map(({ name }) => name).join(", ")}: set at the top level of the configuration, and not in the environment ${settings.env}, which inherits neither variables nor bindings.`,
      `Repeat them below ${settings.table("vars")} and the environment's own bindings.`,
    ),
  ];
}

function inheritedRoutes({ settings }) {
  const top = new Set(routesOf({ routes: settings.topRoutes }).map(({ pattern }) => pattern));
  const shared = routesOf(settings).filter(({ pattern }) => top.has(pattern));
  return shared.map(({ pattern }) =>
    error(
      `The route ${pattern} is the top level's too, since an environment without routes of its own inherits them: deploying ${settings.env} takes it away from there.`,
      `Give [env.${settings.env}] routes of its own, or routes = [].`,
    ),
  );
}

function observing({ vars }) {
  if (typeof vars.MODE !== "string" || vars.MODE.trim().toLowerCase() !== "observe") return [];
  return [note("MODE is observe: every decision goes to the log, nobody is denied, and no session is refreshed.", "Set it to enforce when the log looks right.")];
}

function secretKey({ settings, vars }) {
  if (isSet(vars.SUPABASE_SECRET_KEY)) return [];
  return [
    note(
      "SUPABASE_SECRET_KEY is not known here. A secret that was put on the deployed Worker cannot be read back; without one, Auth's rate limit counts all visitors as one.",
      `\`npx wrangler secret list${settings.flag}\` shows whether it is set.`,
    ),
  ];
}

function keyValueStore({ settings, config }) {
  const bound = settings.kv_namespaces.find(({ binding }) => binding === "SESSION_KV");
  const create = `\`npx wrangler kv namespace create SESSION_KV\` prints an id for ${settings.list("kv_namespaces")}.`;
  if (!bound && config?.revocation) {
    return [error("REVOCATION is on without SESSION_KV: revocations have nowhere to be kept, and no token is ended early.", create)];
  }
  if (!bound) return [warning("SESSION_KV is not bound: each isolate fetches the key set for itself.", create)];
  if (bound.id === undefined || KV_ID.test(bound.id)) return [];
  return [error("SESSION_KV has an id that is none: it should be 32 hexadecimal digits.", create)];
}

function gate({ settings }) {
  const bound = settings.durable_objects.bindings.find(({ name }) => name === "REFRESH_GATE");
  if (!bound) {
    return [
      warning(
        "REFRESH_GATE is not bound: requests that arrive together each refresh for themselves.",
        `Add name = "REFRESH_GATE", class_name = "RefreshGate" as ${settings.list("durable_objects.bindings")}.`,
      ),
    ];
  }
  // With `script_name` the class, and so its migration, is another Worker's.
  if (bound.script_name !== undefined && bound.script_name !== settings.name) return [];
  if (bound.class_name !== "RefreshGate") {
    return [error(`REFRESH_GATE is bound to the class ${bound.class_name}, which this Worker does not have.`, 'Set class_name = "RefreshGate".')];
  }
  if (isMigrated(settings)) return [];
  return [
    error(
      "The Durable Object class RefreshGate has no migration: Cloudflare refuses the deployment.",
      'Add [[migrations]] with a new tag and new_sqlite_classes = ["RefreshGate"].',
    ),
  ];
}

function isMigrated({ migrations, exports = {} }) {
  if (exports.RefreshGate?.type === "durable-object") return exports.RefreshGate.state !== "deleted";
  let exists = false;
  for (const step of migrations) {
    const made = [...(step.new_sqlite_classes ?? []), ...(step.new_classes ?? [])];
    const renamed = [...(step.renamed_classes ?? []), ...(step.transferred_classes ?? [])].map(({ to }) => to);
    if ([...made, ...renamed].includes("RefreshGate")) exists = true;
    if ((step.deleted_classes ?? []).includes("RefreshGate")) exists = false;
  }
  return exists;
}

function reach({ settings }) {
  const routes = routesOf(settings);
  const findings = [];
  // wrangler's own default: on where there is no route.
  const workersDev = settings.workers_dev ?? routes.length === 0;
  if (workersDev) {
    findings.push(warning("workers_dev is on: the Worker also answers on workers.dev, round whatever else protects the site's host.", "Set workers_dev = false."));
  }
  if (settings.preview_urls !== false) {
    const state = settings.preview_urls === true ? "is on" : "is not set, so that the dashboard decides";
    findings.push(warning(`preview_urls ${state}: every version would answer on an address of its own, round whatever protects the site's host.`, "Set preview_urls = false."));
  }
  if (routes.length === 0 && !workersDev) {
    findings.push(warning("There is no route: nobody reaches the Worker.", 'Set routes = [{ pattern = "<host>/*", zone_name = "<zone>" }].'));
  }
  return findings;
}

function origin({ settings, config }) {
  const elsewhere = isSet(settings.vars.ORIGIN_URL) || settings.services.some(({ binding }) => binding === "ORIGIN") || settings.assets?.binding === "ASSETS";
  const findings = [];
  const custom = routesOf(settings).find(({ custom_domain }) => custom_domain);
  if (custom && !elsewhere) {
    findings.push(error(`${custom.pattern} is a custom domain, behind which there is no origin.`, "Set ORIGIN_URL or bind ORIGIN or ASSETS, or make it a route of the zone."));
  }
  if (settings.compatibility_flags.includes("global_fetch_strictly_public")) {
    const text = "The compatibility flag global_fetch_strictly_public is on: the Worker's own fetch to the site comes back to the Worker";
    const remedy = "Delete it from compatibility_flags.";
    findings.push(elsewhere ? warning(`${text} if ORIGIN_URL lies on one of its routes.`, remedy) : error(`${text}, and every request is answered with 508.`, remedy));
  }
  if (config?.has_origin_url && !config.has_identity_secret) {
    findings.push(
      note(
        "ORIGIN_URL is set and IDENTITY_SECRET is not known here: whoever reaches the origin directly can send it any identity.",
        `\`npx wrangler secret put IDENTITY_SECRET${settings.flag}\`, and check X-Session-Assertion at the origin.`,
      ),
    );
  }
  return findings;
}

function workersCache({ settings }) {
  const enabled = settings.exports?.default?.cache?.enabled ?? settings.cache?.enabled ?? false;
  if (!enabled) return [];
  return [
    error(
      "Workers Cache is on: it answers before the Worker runs, and its key holds neither host nor cookie, so one visitor gets another's page.",
      "Set enabled = false in [cache], or cache = { enabled = false } in [exports.default].",
    ),
  ];
}

function cookieDomain({ settings, config }) {
  const domain = config?.cookie_domain?.replace(/^\./, "").toLowerCase();
  if (!domain) return [];
  const isBelow = (host) => host === domain || host.endsWith(`.${domain}`);
  const strangers = routesOf(settings).filter(({ host }) => !isBelow(host.replace(/^\*\.?/, "")));
  return strangers.map(({ pattern }) =>
    error(`COOKIE_DOMAIN ${domain} does not contain the host of the route ${pattern}: browsers drop the session's cookies there.`, "Set it to a domain above every route, or leave it out."),
  );
}

function margin({ config, tokenLife }) {
  if (config === undefined || config.refresh_margin_seconds < tokenLife) return [];
  return [
    error(
      `REFRESH_MARGIN_SECONDS is ${config.refresh_margin_seconds}, and an access token lives ${tokenLife} s: every request would refresh.`,
      "Set it well below the token's life, 90 for most.",
    ),
  ];
}

/** An empty value counts as unset, as it does for the Worker. */
function isSet(value) {
  return typeof value === "string" ? value.trim() !== "" : value !== undefined;
}
