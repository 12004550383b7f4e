// What a deployment would get: wrangler's own reading of wrangler.toml, so that inheritance between environments is
// exactly wrangler's, and the secrets that this machine knows.
import { dirname } from "node:path";
import { Problem } from "../rust.mjs";

// wrangler would report its usage, and look for a newer version, at every start.
process.env.WRANGLER_SEND_METRICS ??= "false";
const wrangler = await import("wrangler");

/** The configuration of the environment `env`, or of the top level without one. */
export function readSettings({ config, env }) {
  const settings = read(config, env ?? "");
  const top = env ? read(config, "") : undefined;
  return {
    ...settings,
    env,
    folder: dirname(settings.configPath),
    // Named for the remedies: where a table of this environment stands in the file.
    table: (name) => `[${env ? `env.${env}.` : ""}${name}]`,
    list: (name) => `[[${env ? `env.${env}.` : ""}${name}]]`,
    flag: env ? ` --env ${env}` : "",
    notInherited: top ? notInherited(top, settings) : [],
    topRoutes: top?.routes ?? [],
  };
}

/** The values of `names` that stand in the process's environment or, as `wrangler dev` reads it, in .dev.vars or .env. */
export function localValues(settings, names) {
  const file = wrangler.unstable_getVarsForDev(settings.configPath, undefined, {}, settings.env, true);
  const found = names.map((name) => [name, process.env[name] ?? file[name]?.value]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

function read(config, env) {
  try {
    const settings = wrangler.unstable_readConfig({ config, env }, { hideWarnings: true });
    if (!settings.configPath) throw new Problem("there is no wrangler.toml here. Name one with --config.");
    return settings;
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw new Problem(`wrangler cannot read the configuration: ${error.message}`);
  }
}

/** Variables (with their values) and bindings of the top level that the environment lacks, since neither are inherited. */
function notInherited(top, settings) {
  const entries = (from) => [
    ...Object.entries(from.vars).map(([name, value]) => ({ name, value })),
    ...from.kv_namespaces.map(({ binding }) => ({ name: binding })),
    ...from.durable_objects.bindings.map(({ name }) => ({ name })),
    ...from.services.map(({ binding }) => ({ name: binding })),
  ];
  const own = new Set(entries(settings).map(({ name }) => name));
  return entries(top).filter(({ name }) => !own.has(name));
}
