// `npx edge-session init`: writes what a folder needs to be deployed behind the Worker. Nothing is overwritten, and nothing
// is written before it was shown.
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { createInterface } from "node:readline/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { examine } from "../doctor/examine.mjs";
import { painter, report } from "../doctor/report.mjs";
import { readConfig, readText } from "../doctor/settings.mjs";
import { Problem } from "../problem.mjs";
import { PLACEHOLDERS, additions, newConfiguration } from "./configuration.mjs";
import { findFramework, findProject, findStaticFolder, readManifest } from "./discover.mjs";
import { added, difference } from "./edit.mjs";

const KINDS = {
  static: "static files of this folder",
  zone: "a site whose DNS is at Cloudflare, in front of its origin",
  url: "a site at another address, such as on Vercel or Netlify",
  service: "a Worker that is already deployed, in front of it",
  worker: "a Worker in this folder, around it",
};

const USAGE = `usage: npx edge-session init [options]

  --url URL          the project's URL (default: what .env* or supabase/config.toml say)
  --key KEY          its publishable key, or the legacy anon key
  --kind KIND        what is behind the Worker:
${Object.entries(KINDS).map(([name, meaning]) => `                     ${name.padEnd(8)} ${meaning}`).join("\n")}
  --directory DIR    static: the folder of the files (default ./public)
  --origin URL       url: where the site is
  --service NAME     service: the name of the Worker
  --host HOST        a host of the site; may be given more than once
  --rule GLOB        what asks for a session; may be given more than once (default /members/*)
  --name NAME        the name of the Worker
  --yes              ask nothing

Files that are there already stay; what is added to one is shown first.`;

const OPTIONS = {
  url: { type: "string" },
  key: { type: "string" },
  kind: { type: "string" },
  directory: { type: "string" },
  origin: { type: "string" },
  service: { type: "string" },
  host: { type: "string", multiple: true, default: [] },
  rule: { type: "string", multiple: true, default: ["/members/*"] },
  name: { type: "string" },
  yes: { type: "boolean", default: false },
  help: { type: "boolean", default: false },
};

const CONFIGURATIONS = ["wrangler.toml", "wrangler.jsonc", "wrangler.json"];
// Beside the packed command, or in the clone.
const TEMPLATE = ["./template/", "../../template/"].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url));
const LOCAL = /^http:\/\/(localhost|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|[^./]+(:\d+)?(\/|$))/;

export async function init(args) {
  const given = readArguments(args);
  if (given.help) return void process.stdout.write(`${USAGE}\n`);
  const folder = process.cwd();
  const dialogue = createDialogue(given.yes);
  try {
    const answers = await ask(given, folder, dialogue);
    const plan = planned(answers, folder);
    show(plan);
    if (plan.files.length > 0 && !(await dialogue.agree("Write this?"))) throw new Problem("nothing was written.");
    write(plan, folder);
    await conclude(answers, folder);
  } finally {
    dialogue.close();
  }
}

function readArguments(args) {
  let options;
  try {
    options = parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new Problem(`${error.message}\n\n${USAGE}`);
  }
  if (options.kind !== undefined && !Object.hasOwn(KINDS, options.kind)) throw new Problem(`--kind must be one of ${Object.keys(KINDS).join(", ")}\n\n${USAGE}`);
  for (const host of options.host) if (!/^[a-z\d*.-]+$/i.test(host)) throw new Problem(`--host must be a host, such as www.example.com, and not ${host}`);
  for (const name of ["url", "origin"]) if (options[name] !== undefined && !/^https?:\/\/[^/]/.test(options[name])) throw new Problem(`--${name} must begin with http:// or https://`);
  const stranger = options.rule.find((glob) => !/^!?[/*]/.test(glob));
  if (stranger !== undefined) throw new Problem(`--rule must be a path, such as /members/*, and not ${stranger}`);
  if (options.key?.startsWith("sb_secret_")) throw new Problem("--key is the publishable key. Put the secret one with `npx wrangler secret put SUPABASE_SECRET_KEY`.");
  return options;
}

/** Questions on a terminal; elsewhere, and with --yes, their defaults. */
function createDialogue(isSilent) {
  const terminal = isSilent || !process.stdin.isTTY ? undefined : createInterface({ input: process.stdin, output: process.stdout });
  return {
    isOpen: terminal !== undefined,
    async ask(question, otherwise) {
      if (terminal === undefined) return otherwise;
      const answer = await terminal.question(`${question}${otherwise ? ` (${otherwise})` : ""}: `);
      return answer.trim() || otherwise;
    },
    async agree(question) {
      if (isSilent) return true;
      if (terminal === undefined) throw new Problem("this is no terminal: pass --yes to have this written.");
      return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
    },
    close: () => terminal?.close(),
  };
}

async function ask(given, folder, dialogue) {
  const found = findProject(folder);
  const framework = findFramework(folder);
  const existing = CONFIGURATIONS.find((name) => existsSync(join(folder, name)));
  for (const [what, { file }] of Object.entries(found)) if (given[what] === undefined) tell(`the project's ${what} is taken from ${file}`);
  if (framework !== undefined && given.kind === undefined) tell(`this is ${framework.name}`);
  const url = given.url ?? (await dialogue.ask("The project's URL", found.url?.value));
  const key = given.key ?? (await dialogue.ask("Its publishable key", found.key?.value));
  if (url === undefined || key === undefined) throw new Problem(`the project's ${url === undefined ? "URL" : "key"} is not known: pass --${url === undefined ? "url" : "key"}.`);
  if (dialogue.isOpen && given.kind === undefined) process.stdout.write(`${Object.entries(KINDS).map(([name, meaning]) => `  ${name.padEnd(8)} ${meaning}`).join("\n")}\n`);
  const kind = given.kind ?? (await dialogue.ask("What is behind the Worker", framework || existing ? "worker" : "static"));
  if (!Object.hasOwn(KINDS, kind)) throw new Problem(`it must be one of ${Object.keys(KINDS).join(", ")}`);
  const hosts = given.host.length > 0 || !dialogue.isOpen || kind === "worker" ? given.host : ((await dialogue.ask("The site's host, empty for a first try", "")) ?? "").split(/[\s,]+/).filter(Boolean);
  const answers = { ...given, url: url.replace(/\/+$/, ""), key, kind, hosts, framework, existing };
  if (kind === "static") {
    answers.directory = given.directory ?? `./${findStaticFolder(folder) ?? "public"}`;
    answers.hasLoginPage = ["login.html", "login/index.html"].some((page) => existsSync(join(folder, answers.directory, page)));
  }
  if (kind === "url") answers.origin = given.origin ?? (await dialogue.ask("Where the site is"));
  if (kind === "service") answers.service = given.service ?? (await dialogue.ask("The name of that Worker"));
  const missing = { url: "origin", service: "service" }[kind];
  if (missing !== undefined && !answers[missing]) throw new Problem(`--kind ${kind} needs --${missing}.`);
  answers.name = given.name ?? (readManifest(folder)?.name ?? "site").replace(/^@[^/]*\//, "").replaceAll(/[^a-z\d-]/gi, "-").toLowerCase();
  return answers;
}

/** The files to write, each with its text and, where it is there already, the lines that are new. */
function planned(answers, folder) {
  const { existing, kind } = answers;
  const isLocal = LOCAL.test(answers.url);
  // A deployment cannot reach an Auth server of this machine.
  const deployed = isLocal ? { url: PLACEHOLDERS.url, key: PLACEHOLDERS.key } : { url: answers.url, key: answers.key };
  const files = [];
  const notes = [];
  if (existing === undefined && kind === "worker") throw new Problem("--kind worker adds to a wrangler.toml (or .jsonc), and there is none here.");
  if (existing === undefined) files.push({ path: "wrangler.toml", text: newConfiguration({ ...answers, ...deployed }) });
  else if (kind === "worker") extend(answers, deployed, folder, files, notes);
  else notes.push(`${existing} stays as it is. What it needs: docs/deploying.md.`);
  const secrets = `# Read by \`wrangler dev\` alone. A deployed Worker gets them by \`npx wrangler secret put <NAME>\`.\n${isLocal ? `SUPABASE_URL=${answers.url}\nSUPABASE_PUBLISHABLE_KEY=${answers.key}\n` : ""}SUPABASE_SECRET_KEY=\n`;
  propose(".dev.vars", secrets, folder, files, notes);
  ignore(folder, files);
  manifest(folder, files);
  if (kind === "static" && !existsSync(join(folder, answers.directory))) files.push(...templateFiles(answers.directory));
  return { files, notes };
}

function extend({ existing, rule, framework }, deployed, folder, files, notes) {
  const text = readFileSync(join(folder, existing), "utf8");
  const raw = readConfig(join(folder, existing));
  const migrations = Array.isArray(raw.migrations) ? raw.migrations : [];
  const tags = new Set(migrations.map(({ tag }) => tag));
  const tag = Array.from({ length: tags.size + 1 }, (_, index) => `edge-session-v${index + 1}`).find((one) => !tags.has(one));
  const has = {
    vars: Object.keys(raw.vars ?? {}),
    gate: (raw.durable_objects?.bindings ?? []).some(({ name }) => name === "REFRESH_GATE"),
    migration: JSON.stringify(migrations).includes('"RefreshGate"'),
    store: (raw.kv_namespaces ?? []).some(({ binding }) => binding === "SESSION_KV"),
  };
  const more = additions({ ...deployed, rule, tag, has });
  const after = added(existing, text, more);
  if (after === undefined) notes.push(`${existing} is written in a way that this cannot add to. It needs:\n\n${JSON.stringify({ vars: more.vars, ...more.tables }, null, 2)}`);
  else if (after !== text) files.push({ path: existing, text: after, lines: difference(text, after) });
  if (raw.assets !== undefined && raw.assets.run_worker_first !== true) notes.push(`set run_worker_first = true in the assets of ${existing}: files are served before the Worker runs, and no rule guards them.`);
  notes.push(`wrap what ${raw.main ?? "the Worker"} exports${framework ? ` (docs/frameworks.md has ${framework.name}'s)` : ""}:\n\n  import { withSession, RefreshGate } from "edge-session";\n  export { RefreshGate };\n  export default withSession(app);   // app: { fetch(request, env, ctx) }`);
}

function propose(path, text, folder, files, notes) {
  if (existsSync(join(folder, path))) notes.push(`${path} is there already and stays as it is.`);
  else files.push({ path, text });
}

function ignore(folder, files) {
  const before = readText(join(folder, ".gitignore"));
  if (before !== undefined && /^\/?\.dev\.vars/m.test(before)) return;
  const text = before === undefined ? "node_modules\n.wrangler\n.dev.vars*\n.env*\n" : `${before.trimEnd()}\n.dev.vars*\n`;
  files.push({ path: ".gitignore", text, ...(before === undefined ? {} : { lines: ["+ .dev.vars*"] }) });
}

function manifest(folder, files) {
  const before = readText(join(folder, "package.json"));
  const { version, devDependencies } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  const own = readManifest(folder) ?? { name: "site", private: true, type: "module" };
  const scripts = { dev: "wrangler dev", doctor: "edge-session doctor", predeploy: "edge-session doctor", deploy: "wrangler deploy", ...own.scripts };
  const needed = { "edge-session": `^${version}`, wrangler: `^${devDependencies.wrangler}` };
  const missing = Object.entries(needed).filter(([name]) => own.dependencies?.[name] === undefined && own.devDependencies?.[name] === undefined);
  const packages = missing.length === 0 ? {} : { devDependencies: { ...own.devDependencies, ...Object.fromEntries(missing) } };
  const text = `${JSON.stringify({ ...own, scripts, ...packages }, null, /^\t/m.test(before ?? "") ? "\t" : 2)}\n`;
  if (text === before) return;
  files.push({ path: "package.json", text, ...(before === undefined ? {} : { lines: difference(before, text) }) });
}

/** The pages of the template, as files of another folder. */
function templateFiles(directory) {
  const base = fileURLToPath(new URL("public", TEMPLATE));
  const files = readdirSync(base, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map((entry) => {
    const source = join(entry.parentPath, entry.name);
    return { path: join(directory, relative(base, source)), text: readFileSync(source, "utf8") };
  });
}

function show({ files, notes }) {
  for (const { path, text, lines } of files) {
    const shown = lines ?? (/\.(toml|json)$/.test(path) ? text.trimEnd().split("\n").map((line) => `+ ${line}`) : []);
    process.stdout.write(`\n${lines === undefined ? "new" : "changed"}: ${path}\n${shown.map((line) => `  ${line}\n`).join("")}`);
  }
  for (const note of notes) process.stdout.write(`\n${note}\n`);
  process.stdout.write("\n");
}

function write({ files }, folder) {
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** The doctor's word, and what is left to do. */
async function conclude({ existing }, folder) {
  const config = join(folder, existing ?? "wrangler.toml");
  const examination = await examine({ config, env: undefined, method: "GET", "token-life": "3600", offline: true });
  process.stdout.write(report(examination, painter(process.stdout, process.env)));
  const isInstalled = existsSync(join(folder, "node_modules", "wrangler")) && existsSync(join(folder, "node_modules", "edge-session"));
  const commands = [...(isInstalled ? [] : [["npm install", ""]]), ["npm run dev", "the site on this machine"], ["npx wrangler secret put SUPABASE_SECRET_KEY", "so that Auth counts visitors one by one"], ["npm run deploy", "once the doctor has no errors"]];
  const width = Math.max(...commands.map(([command]) => command.length));
  process.stdout.write(`\nWhat is left:\n${commands.map(([command, why]) => `  ${command.padEnd(width)}${why && `  # ${why}`}`.trimEnd()).join("\n")}\n`);
}

function tell(text) {
  process.stdout.write(`edge-session: ${text}\n`);
}
