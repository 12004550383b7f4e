// What a deployment would get: the configuration file, read as wrangler reads it (a test compares the two), and the
// secrets that this machine knows. wrangler itself takes two seconds to load, and need not be installed yet.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseEnv } from "node:util";
import { TomlError, parse as parseToml } from "smol-toml";
import { Problem } from "../problem.mjs";

const NAMES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

// What an environment takes from the top level where it is silent, of all that is judged here; the rest is its own.
const INHERITED = ["assets", "cache", "main", "preview_urls", "workers_dev"];
const LISTS = ["kv_namespaces", "services"];

/** The configuration of the environment `env`, or of the top level without one. */
export function readSettings({ config, env }) {
  const configPath = config === undefined ? findConfig() : resolve(config);
  const raw = readConfig(configPath);
  const settings = ofEnvironment(raw, env);
  return {
    ...settings,
    configPath,
    env,
    folder: dirname(configPath),
    // Named for the remedies: where a table of this environment stands in the file.
    table: (name) => `[${env ? `env.${env}.` : ""}${name}]`,
    list: (name) => `[[${env ? `env.${env}.` : ""}${name}]]`,
    flag: env ? ` --env ${env}` : "",
    notInherited: env ? notInherited(ofEnvironment(raw), settings) : [],
    topRoutes: env ? routesOfBoth(raw, raw) : [],
  };
}

/** The values of `names` that stand in the process's environment or, as `wrangler dev` reads it, in .dev.vars or .env. */
export function localValues({ folder, env }, names) {
  const file = localFile(folder, env);
  const found = names.map((name) => [name, process.env[name] ?? file[name]]);
  return Object.fromEntries(found.filter(([, value]) => value !== undefined));
}

/** The nearest configuration, from this folder upwards. */
export function findConfig(from = process.cwd()) {
  // The kind of file counts before its distance, as it does for wrangler.
  for (const name of NAMES) {
    for (let folder = from; ; folder = dirname(folder)) {
      if (existsSync(join(folder, name))) return join(folder, name);
      if (dirname(folder) === folder) break;
    }
  }
  throw new Problem("there is no wrangler.toml here. Name one with --config, or make one with `npx edge-session init`.");
}

/** The file as it stands. A mistake in its syntax is a `Problem` with line and column. */
export function readConfig(path) {
  const text = readText(path);
  if (text === undefined) throw new Problem(`${path} does not exist.`);
  try {
    return path.endsWith(".toml") ? parseToml(text) : JSON.parse(withoutComments(text));
  } catch (error) {
    const { line, column } = error instanceof TomlError ? error : placeInJson(error, text);
    const reason = error.message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    throw new Problem(`${path}:${line}:${column}: ${reason}\n\n${frame(text, line, column)}`);
  }
}

function ofEnvironment(raw, env) {
  const own = env === undefined ? raw : raw.env?.[env];
  if (own === undefined) {
    const names = Object.keys(raw.env ?? {}).map((name) => JSON.stringify(name));
    throw new Problem(`No environment found in configuration with name "${env}". There ${names.length === 0 ? "is none" : `are ${names.join(", ")}`}.`);
  }
  checkShapes(own);
  checkShapes(raw);
  const inherited = INHERITED.map((field) => [field, own[field] ?? raw[field]]);
  return {
    ...Object.fromEntries(inherited),
    ...Object.fromEntries(LISTS.map((field) => [field, own[field] ?? []])),
    name: own.name ?? (env === undefined ? raw.name : `${raw.name}-${env}`),
    compatibility_flags: own.compatibility_flags ?? raw.compatibility_flags ?? [],
    exports: own.exports ?? raw.exports ?? {},
    durable_objects: { bindings: own.durable_objects?.bindings ?? [] },
    migrations: own.migrations ?? raw.migrations ?? [],
    routes: routesOfBoth(own, raw),
    secrets: own.secrets,
    vars: own.vars ?? {},
  };
}

/** wrangler checks every field at the deployment; here only what the doctor walks through must be what it looks like. */
function checkShapes(table) {
  const isTable = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const isListOf = (test) => (value) => Array.isArray(value) && value.every(test);
  const isRoute = (value) => typeof value === "string" || (isTable(value) && typeof value.pattern === "string");
  const shapes = {
    assets: isTable,
    cache: isTable,
    compatibility_flags: isListOf((flag) => typeof flag === "string"),
    durable_objects: (value) => isTable(value) && (value.bindings === undefined || isListOf(isTable)(value.bindings)),
    exports: isTable,
    kv_namespaces: isListOf(isTable),
    migrations: isListOf(isTable),
    route: isRoute,
    routes: isListOf(isRoute),
    secrets: isTable,
    services: isListOf(isTable),
    vars: isTable,
  };
  const bad = Object.keys(shapes).find((field) => table[field] !== undefined && !shapes[field](table[field]));
  if (bad !== undefined) throw new Problem(`\`${bad}\` in the configuration has a shape that wrangler does not take.`);
}

/** Each of the two fields is inherited by itself, and a deployment takes `route` before `routes`. */
function routesOfBoth(own, raw) {
  const route = own.route ?? raw.route;
  return route === undefined ? (own.routes ?? raw.routes ?? []) : [route];
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

/** .dev.vars, that of the environment before the common one; without either, all files of .env, the more special ones last. */
function localFile(folder, env) {
  const secrets = [env && `.dev.vars.${env}`, ".dev.vars"].filter(Boolean).map((name) => readText(join(folder, name)));
  const first = secrets.find((text) => text !== undefined);
  if (first !== undefined) return parseEnv(first);
  const names = [".env", ".env.local", env && `.env.${env}`, env && `.env.${env}.local`].filter(Boolean);
  return Object.assign({}, ...names.map((name) => parseEnv(readText(join(folder, name)) ?? "")));
}

/** The text of a file, or undefined where there is none. */
export function readText(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(error.code)) return undefined;
    throw error;
  }
}

/** JSON with comments and commas at the end, both made blanks, so that places stay. */
export function withoutComments(text) {
  const blank = (found) => found.replaceAll(/[^\n]/g, " ");
  const plain = text.replaceAll(/"(?:[^"\\\n]|\\.)*"|\/\/[^\n]*|\/\*[^]*?\*\//g, (found) => (found.startsWith('"') ? found : blank(found)));
  return plain.replaceAll(/"(?:[^"\\\n]|\\.)*"|,(?=\s*[}\]])/g, (found) => (found === "," ? " " : found));
}

function placeInJson({ message }, text) {
  const [, line, column] = /line (\d+) column (\d+)/.exec(message) ?? [];
  if (line !== undefined) return { line: Number(line), column: Number(column) };
  const position = Number(/position (\d+)/.exec(message)?.[1] ?? text.length);
  const before = text.slice(0, position).split("\n");
  return { line: before.length, column: before.at(-1).length + 1 };
}

/** The line in question and the one before it, with a mark below the place. */
function frame(text, line, column) {
  const width = String(line).length;
  const lines = text.split(/\r?\n/);
  const shown = [line - 1, line].filter((number) => number > 0).map((number) => `  ${String(number).padStart(width)} | ${lines[number - 1] ?? ""}`);
  return [...shown, `  ${" ".repeat(width)} | ${" ".repeat(Math.max(0, column - 1))}^`].join("\n");
}
