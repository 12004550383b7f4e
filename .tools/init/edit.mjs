// Adds to a configuration that somebody wrote, and leaves every line of it as it was.
import { parse as parseToml, stringify } from "smol-toml";
import { withoutComments } from "../doctor/settings.mjs";

/** The text with `vars` and `tables` added; undefined where the way it is written leaves no safe place for them. */
export function added(path, text, { vars, tables }) {
  const isToml = path.endsWith(".toml");
  const parse = isToml ? parseToml : (json) => JSON.parse(withoutComments(json));
  try {
    const before = parse(text);
    const after = isToml ? addedToToml(text, before, vars, tables) : addedToJson(text, before, vars, tables);
    return isDeepEqual(parse(after), merged(before, vars, tables)) ? after : undefined;
  } catch {
    return undefined;
  }
}

/** The lines that are new, each with the mark of one. */
export function difference(before, after) {
  const old = before.split("\n");
  let at = 0;
  return after.split("\n").flatMap((line) => {
    if (line === old[at]) {
      at += 1;
      return [];
    }
    return [`+ ${line}`];
  });
}

function merged(before, vars, tables) {
  const result = structuredClone(before);
  result.vars = { ...result.vars, ...vars };
  for (const [name, value] of Object.entries(tables)) {
    if (name === "durable_objects") result[name] = { ...result[name], bindings: [...(result[name]?.bindings ?? []), ...value.bindings] };
    else result[name] = [...(result[name] ?? []), ...value];
  }
  return result;
}

function addedToToml(text, before, vars, tables) {
  const { RULES, ...plain } = vars;
  const lines = stringify(plain).trimEnd();
  // A table of its own may stand anywhere but inside another, and so at the end.
  const tail = stringify({ ...(RULES ? { vars: { RULES } } : {}), ...tables }).trim();
  const header = /^\[vars\][^\n]*\n/m;
  const withVars = before.vars === undefined ? `${text.trimEnd()}\n\n[vars]\n${lines}\n` : text.replace(header, (found) => `${found}${lines}${lines === "" ? "" : "\n"}`);
  return `${withVars.trimEnd()}\n${tail === "" ? "" : `\n${tail}\n`}`;
}

function addedToJson(text, before, vars, tables) {
  const bindings = tables.durable_objects?.bindings ?? [];
  const lists = { kv_namespaces: tables.kv_namespaces ?? [], migrations: tables.migrations ?? [] };
  let result = inObject(text, "vars", Object.entries(vars), before.vars);
  if (bindings.length > 0 && before.durable_objects !== undefined) result = inList(result, "bindings", bindings);
  else if (bindings.length > 0) result = atTheTop(result, "durable_objects", { bindings });
  for (const [name, values] of Object.entries(lists)) {
    if (values.length > 0) result = before[name] === undefined ? atTheTop(result, name, values) : inList(result, name, values);
  }
  return result;
}

function inObject(text, name, members, existing) {
  if (members.length === 0) return text;
  if (existing === undefined) return atTheTop(text, name, Object.fromEntries(members));
  const lines = members.map(([key, value]) => `\n    ${JSON.stringify(key)}: ${JSON.stringify(value)},`).join("");
  return text.replace(new RegExp(`"${name}"\\s*:\\s*\\{`), (found) => `${found}${lines}`);
}

function inList(text, name, values) {
  // Comments and commas at ends are blanks in it, and every place is the same.
  const plain = withoutComments(text);
  const start = new RegExp(`"${name}"\\s*:\\s*\\[`).exec(plain);
  const end = closing(plain, start.index + start[0].length);
  const before = plain.slice(0, end).trimEnd();
  const lines = values.map((value) => JSON.stringify(value)).join(", ");
  return `${text.slice(0, before.length)}${before.endsWith("[") ? "" : ", "}${lines}${text.slice(before.length)}`;
}

/** Where the list ends whose first member stands at `start`. */
function closing(plain, start) {
  let depth = 0;
  for (const { 0: found, index } of plain.slice(start).matchAll(/"(?:[^"\\\n]|\\.)*"|[[\]]/g)) {
    if (found === "]" && depth === 0) return start + index;
    if (found.length === 1) depth += found === "[" ? 1 : -1;
  }
  return plain.length;
}

/** In front of everything else, so that no comma is missing before it. */
function atTheTop(text, name, value) {
  return text.replace("{", `{\n  ${JSON.stringify(name)}: ${JSON.stringify(value)},`);
}

function isDeepEqual(one, other) {
  const sorted = (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.keys(value).sort().map((key) => [key, sorted(value[key])])) : Array.isArray(value) ? value.map(sorted) : value;
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}
