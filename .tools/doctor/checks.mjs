// What can be judged of variables and bindings without asking anybody: each check takes the context and returns findings.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { LAYOUT_CHECKS } from "./layout.mjs";
import { error, isPlaceholder, isSet, note, routesOf, warning } from "./findings.mjs";
import { readText } from "./settings.mjs";

const KV_ID = /^[0-9a-f]{32}$/i;
const OTHER_NAMES = { SUPABASE_ANON_KEY: "SUPABASE_PUBLISHABLE_KEY" };

// What other tools call the same, without what a framework puts before a public variable.
const ALIASES = {
  JWT_SECRET: "SUPABASE_JWT_SECRET",
  SUPABASE_API_URL: "SUPABASE_URL",
  SUPABASE_KEY: "SUPABASE_PUBLISHABLE_KEY",
  SUPABASE_PUBLIC_KEY: "SUPABASE_PUBLISHABLE_KEY",
  SUPABASE_PUBLISHABLE_DEFAULT_KEY: "SUPABASE_PUBLISHABLE_KEY",
  SUPABASE_SERVICE_KEY: "SUPABASE_SECRET_KEY",
  SUPABASE_SERVICE_ROLE_KEY: "SUPABASE_SECRET_KEY",
};
const PUBLIC_PREFIX = /^(NEXT_PUBLIC|NUXT_PUBLIC|PUBLIC|VITE|REACT_APP|EXPO_PUBLIC)_/;

// A browser client is looked for in as many source files; a project of more has its pages among the first.
const FILES_READ = 2_000;

/**
 * Judges `context`: `settings` as wrangler reads them, `vars` as the deployed Worker would see them, `local` values of this
 * machine, the Worker's `variables` and `problems`, `config`, which is undefined where no project is set, `app`, true where
 * the Worker is called inside another, and `ruling`, which says what holds for requests.
 */
export function judge(context) {
  return [...CHECKS, ...LAYOUT_CHECKS].flatMap((check) => check(context));
}

const CHECKS = [
  plaintextSecrets,
  placeholders,
  authPath,
  rejectedValues,
  twoNames,
  unknownVariables,
  missingInEnvironment,
  observing,
  secretKey,
  keyValueStore,
  gate,
  cookieDomain,
  httpOnly,
  loginPath,
  margin,
];

function plaintextSecrets({ settings, variables }) {
  const secrets = variables.filter(({ kind }) => kind === "secret").map(({ name }) => name);
  return secrets
    .filter((name) => isSet(settings.vars[name]))
    .map((name) =>
      error(
        "secret-in-plain-text",
        `${name} stands in ${settings.table("vars")} as plain text, where everyone with the file or the dashboard reads it.`,
        `Make a new one, delete the line, and run \`npx wrangler secret put ${name}${settings.flag}\`.`,
      ),
    );
}

function placeholders({ vars }) {
  return placeholderNames(vars).map((name) => error("placeholder", `${name} still holds a placeholder.`, "Replace it by the project's own value."));
}

function placeholderNames(vars) {
  return Object.keys(vars).filter((name) => isPlaceholder(vars[name]));
}

/** Whether the project's URL already holds what the Worker adds. */
export function hasAuthPath({ SUPABASE_URL: url }) {
  return typeof url === "string" && /\/auth\/v1\/?$/.test(url.trim());
}

function authPath({ vars }) {
  if (!hasAuthPath(vars)) return [];
  return [error("url-with-auth-path", "SUPABASE_URL ends with /auth/v1, which the Worker adds itself.", "Set it to the project's URL, without that path.")];
}

function rejectedValues({ settings, vars, local, variables, problems }) {
  const named = new Set(placeholderNames(vars));
  if (hasAuthPath(vars)) named.add("SUPABASE_URL");
  const secrets = new Set(variables.filter(({ kind }) => kind === "secret").map(({ name }) => name));
  return problems
    .filter(({ variable }) => !named.has(variable))
    .map(({ variable, text }) => {
      const set = secrets.has(variable)
        ? `Run \`npx wrangler secret put ${variable}${settings.flag}\` with another value.`
        : `${isSet(vars[variable]) ? "Change" : "Set"} it in ${settings.table("vars")}.`;
      const elsewhere = !isSet(vars[variable]) && isSet(local[variable]);
      return error("value-rejected", `${text}.`, elsewhere ? `${set} It is set on this machine only, and a deployment gets nothing of that.` : set);
    });
}

function twoNames({ vars }) {
  return Object.entries(OTHER_NAMES)
    .filter(([other, name]) => isSet(vars[other]) && isSet(vars[name]))
    .map(([other, name]) => {
      const text = `${name} and ${other} are both set, and are two names of one key: ${other} counts for nothing.`;
      return vars[other] === vars[name] ? warning("key-twice", text, `Delete ${other}.`) : error("key-twice", text, "They differ: keep the one of this project.");
    });
}

function unknownVariables({ settings, variables, app }) {
  const names = variables.map(({ name }) => name);
  const known = new Set([...names, ...Object.keys(OTHER_NAMES)]);
  return Object.keys(settings.vars)
    .filter((name) => !known.has(name))
    .map((name) => ({ name, meant: similar(name, names) }))
    // Inside another Worker, what is not ours is its own.
    .filter(({ meant }) => !app || meant !== undefined)
    .map(({ name, meant }) =>
      warning(
        "unknown-variable",
        `${name} in ${settings.table("vars")} is no variable of this Worker.`,
        meant ? `${meant} is: correct the name, or delete the line.` : "Correct its name (the README has the table), or delete it.",
      ),
    );
}

/** The variable that a name was probably meant to be. */
function similar(name, names) {
  const plain = name.toUpperCase().replace(PUBLIC_PREFIX, "");
  const alias = ALIASES[plain] ?? OTHER_NAMES[plain];
  if (alias) return alias;
  const letters = (text) => text.replaceAll("_", "");
  return names.find((known) => known === plain || (plain.length > 4 && distance(letters(plain), letters(known)) <= 2));
}

/** How many letters have to be put in, taken out or replaced to make one text of the other. */
function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...one].entries()) {
    const next = [index + 1];
    for (const [at, wanted] of [...other].entries()) next.push(Math.min(row[at + 1] + 1, next[at] + 1, row[at] + (letter === wanted ? 0 : 1)));
    row = next;
  }
  return row.at(-1);
}

function missingInEnvironment({ settings, variables }) {
  // Where the top level only says what holds anyway, nothing is lost.
  const isDefault = ({ name, value }) => variables.some((variable) => variable.name === name && variable.default === String(value).trim());
  const lost = settings.notInherited.filter((entry) => typeof entry.value !== "string" || !isDefault(entry));
  if (lost.length === 0) return [];
  return [
    warning(
      "not-inherited",
      `${lost.map(({ name }) => name).join(", ")}: set at the top level of the configuration, and not in the environment ${settings.env}, which inherits neither variables nor bindings.`,
      `Repeat them below ${settings.table("vars")} and the environment's own bindings.`,
    ),
  ];
}

function observing({ vars }) {
  if (typeof vars.MODE !== "string" || vars.MODE.trim().toLowerCase() !== "observe") return [];
  return [note("observing", "MODE is observe: every decision goes to the log, nobody is denied, and no session is refreshed.", "Set it to enforce when the log looks right.")];
}

function secretKey({ settings, vars }) {
  // wrangler refuses to deploy without a secret that the configuration says it needs.
  if (isSet(vars.SUPABASE_SECRET_KEY) || settings.secrets?.required?.includes("SUPABASE_SECRET_KEY")) return [];
  return [
    note(
      "secret-key-unknown",
      "SUPABASE_SECRET_KEY is not known here. A secret that was put on the deployed Worker cannot be read back; without one, Auth's rate limit counts all visitors as one, so that one of them can use it up.",
      `\`npx wrangler secret list${settings.flag}\` shows whether it is set; with CLOUDFLARE_API_TOKEN the doctor asks.`,
    ),
  ];
}

function keyValueStore({ settings, config }) {
  const bound = settings.kv_namespaces.find(({ binding }) => binding === "SESSION_KV");
  const create = `\`npx wrangler kv namespace create SESSION_KV\` prints an id for ${settings.list("kv_namespaces")}.`;
  if (!bound && config?.revocation) {
    return [error("store-missing", "REVOCATION is on without SESSION_KV: revocations have nowhere to be kept, and no token is ended early.", create)];
  }
  if (!bound) return [warning("store-missing", "SESSION_KV is not bound: each isolate fetches the key set for itself.", create)];
  if (bound.id === undefined || KV_ID.test(bound.id)) return [];
  return [error("store-id", "SESSION_KV has an id that is none: it should be 32 hexadecimal digits.", create)];
}

function gate({ settings, app, main }) {
  const bound = settings.durable_objects.bindings.find(({ name }) => name === "REFRESH_GATE");
  if (!bound) {
    return [
      warning(
        "gate-missing",
        "REFRESH_GATE is not bound: requests that arrive together each refresh for themselves.",
        `Add name = "REFRESH_GATE", class_name = "RefreshGate" as ${settings.list("durable_objects.bindings")}.`,
      ),
    ];
  }
  // With `script_name` the class, and so its migration, is another Worker's.
  if (bound.script_name !== undefined && bound.script_name !== settings.name) return [];
  if (bound.class_name !== "RefreshGate") {
    return [error("gate-class", `REFRESH_GATE is bound to the class ${bound.class_name}, which this Worker does not have.`, 'Set class_name = "RefreshGate".')];
  }
  if (app && !/\bRefreshGate\b/.test(main)) {
    return [error("gate-class", `${settings.main} does not export the class RefreshGate: Cloudflare refuses the deployment.`, 'Add export { RefreshGate } from "edge-session".')];
  }
  if (isMigrated(settings)) return [];
  return [
    error(
      "gate-migration",
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

function cookieDomain({ settings, config }) {
  const domain = config?.cookie_domain?.replace(/^\./, "").toLowerCase();
  if (!domain) return [];
  const isBelow = (host) => host === domain || host.endsWith(`.${domain}`);
  const strangers = routesOf(settings).filter(({ host }) => !isBelow(host.replace(/^\*\.?/, "")));
  return strangers.map(({ pattern }) =>
    error("cookie-domain", `COOKIE_DOMAIN ${domain} does not contain the host of the route ${pattern}: browsers drop the session's cookies there.`, "Set it to a domain above every route, or leave it out."),
  );
}

function httpOnly({ settings, config }) {
  if (!config?.cookie_http_only) return [];
  const user = browserClientIn(settings.folder);
  if (user === undefined) return [];
  return [
    error(
      "http-only",
      `COOKIE_HTTP_ONLY is on, and ${user} makes a browser client, which cannot read such cookies: it takes every visitor for signed out.`,
      "Set COOKIE_HTTP_ONLY = \"false\", or give the client accessToken and let it ask the Worker (docs/routes.md).",
    ),
  ];
}

/** A source file below the folder that calls `createBrowserClient`. */
function browserClientIn(folder) {
  const folders = [""];
  let left = FILES_READ;
  for (const below of folders) {
    let entries;
    try {
      entries = readdirSync(join(folder, below), { withFileTypes: true });
    } catch {
      continue;
    }
    for (const entry of entries) {
      const path = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory() && !/^(\.|node_modules$|dist$|build$|target$)/.test(entry.name)) folders.push(path);
      if (!entry.isFile() || !/\.([cm]?[jt]sx?|svelte|vue|astro|html)$/.test(entry.name)) continue;
      if (/\bcreateBrowserClient\s*[(<]/.test(readText(join(folder, path)) ?? "")) return path;
      left -= 1;
      if (left === 0) return undefined;
    }
  }
  return undefined;
}

function loginPath({ config }) {
  if (!config?.auth_path || !config.login_path.startsWith(`${config.auth_path}/`)) return [];
  const route = config.login_path.slice(config.auth_path.length + 1).split(/[/?]/)[0];
  // A page at /login is the site's where no provider is named; the others never reach the site.
  if (!["callback", "confirm", "health", "session", "sso", "token"].includes(route)) return [];
  return [
    error(
      "login-path-taken",
      `LOGIN_PATH ${config.login_path} is a route that the Worker serves itself: visitors without a session never see a login page.`,
      "Set it to a page of the site's.",
    ),
  ];
}

function margin({ config, tokenLife }) {
  if (config === undefined || config.refresh_margin_seconds < tokenLife) return [];
  return [
    error(
      "margin",
      `REFRESH_MARGIN_SECONDS is ${config.refresh_margin_seconds}, and an access token lives ${tokenLife} s: every request would refresh.`,
      "Set it well below the token's life, 90 for most.",
    ),
  ];
}
