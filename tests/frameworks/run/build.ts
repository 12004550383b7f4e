/** Installs and builds what has changed since the last run. */
import { createHash } from "node:crypto";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { runScript } from "./processes.ts";
import { FOLDER, SUPABASE_ENV } from "./settings.ts";

/** How many builds run at the same time; each is busy on more than one core at times. */
const AT_ONCE = 2;
/** Inside `node_modules`, so that a fresh installation forgets what was built with the old one. */
const STAMPS = join(FOLDER, "node_modules", ".edge-session");
/** What builds leave behind. */
const LEFT_BEHIND = new Set([
  ".astro",
  ".next",
  ".react-router",
  ".svelte-kit",
  "assets",
  "build",
  "dist",
  "next-env.d.ts",
  "node_modules",
  "tsconfig.tsbuildinfo",
]);

/** One installation for all apps, exactly as the lock file has it. */
export async function installPackages(): Promise<void> {
  const lock = hash([readFileSync(join(FOLDER, "package-lock.json"))]);
  if (isStamped("packages", lock)) {
    return;
  }
  // npm gives its own path to the scripts it runs.
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm === undefined ? ["npm"] : [process.execPath, npm];
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH].join(delimiter) };
  const args = [...first, "ci", "--ignore-scripts", "--loglevel=error"];
  const { status } = spawnSync(command!, args, { cwd: FOLDER, env, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    throw new Error(`\`npm ci\` in tests/frameworks ended with status ${status}`);
  }
  stamp("packages", lock);
}

export async function buildApps(folders: string[], onBuilt: (line: string) => void): Promise<void> {
  const waiting = folders.filter((folder) => !isStamped(folder, sources(folder)));
  const work = async (): Promise<void> => {
    for (let folder = waiting.shift(); folder !== undefined; folder = waiting.shift()) {
      const started = Date.now();
      await runScript(folder, "build");
      stamp(folder, sources(folder));
      onBuilt(`${folder}: built in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/** A hash of all that a build is made of. */
function sources(folder: string): string {
  const files = [...listFiles(join(FOLDER, folder)), ...listFiles(join(FOLDER, "plain"))];
  const lock = readFileSync(join(FOLDER, "package-lock.json"));
  return hash([JSON.stringify(SUPABASE_ENV), lock, ...files.flatMap((file) => [file, readFileSync(file)])]);
}

function listFiles(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !LEFT_BEHIND.has(name));
  return entries.flatMap((entry) => (entry.isDirectory() ? listFiles(join(folder, entry.name)) : [join(folder, entry.name)])).sort();
}

function hash(parts: (string | Buffer)[]): string {
  const digest = createHash("sha256");
  parts.forEach((part) => digest.update(part).update("\0"));
  return digest.digest("hex");
}

function isStamped(name: string, value: string): boolean {
  const file = join(STAMPS, name);
  return existsSync(file) && readFileSync(file, "utf8") === value;
}

function stamp(name: string, value: string): void {
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(join(STAMPS, name), value);
}
