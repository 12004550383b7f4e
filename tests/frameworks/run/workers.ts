/** Apps on Workers, built by their own adapters, as `withSession(app)` and behind `ORIGIN`, in `wrangler dev`. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pack, removeFolder } from "../../package/install.ts";
import { PUBLISHABLE_KEY, QUIET_ENV, SUPABASE_ENV, SUPABASE_URL } from "./settings.ts";

export const WORKERS = fileURLToPath(new URL("../workers/", import.meta.url));

export interface WorkerApp {
  name: string;
  title: string;
  /** The module with `withSession`, the app that it wraps, and the folder of assets. */
  main: string;
  app: string;
  assets: string;
  /** The configuration that its build writes, where that bundles as well. */
  built?: string;
  /** Further lines of `[assets]`. */
  handling?: string;
  /** What the framework does not have, with the reason. */
  without: Record<string, string>;
}

const NO_UPGRADE = "a route of Next.js cannot answer with an upgrade";

export const WORKER_APPS: WorkerApp[] = [
  { name: "opennext", title: "Next.js (OpenNext)", main: "worker.ts", app: ".open-next/worker.js", assets: ".open-next/assets", handling: 'html_handling = "none"\nnot_found_handling = "none"\n', without: { "a WebSocket": NO_UPGRADE } },
  { name: "sveltekit", title: "SvelteKit", main: "worker.js", app: ".svelte-kit/cloudflare/_worker.js", assets: ".svelte-kit/cloudflare", without: {} },
  { name: "astro", title: "Astro", main: "src/worker.ts", app: "", assets: "dist/client", built: "dist/server/wrangler.json", without: {} },
  { name: "react-router", title: "React Router", main: "workers/app.ts", app: "", assets: "build/client", built: "build/server/wrangler.json", without: { "a page rendered at build time": "it renders none by default" } },
];

/** One installation for all of them, with the package of this repository in it. */
export function installWorkers(): void {
  const lock = createHash("sha256").update(readFileSync(join(WORKERS, "package-lock.json"))).digest("hex");
  const stamp = join(WORKERS, "node_modules", ".installed");
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
    const npm = process.env.npm_execpath;
    const [command, ...first] = npm === undefined ? ["npm"] : [process.execPath, npm];
    const { status } = spawnSync(command!, [...first, "ci", "--ignore-scripts", "--loglevel=error"], { cwd: WORKERS, stdio: ["ignore", 2, 2] });
    if (status !== 0) {
      throw new Error(`\`npm ci\` in tests/frameworks/workers ended with status ${status}`);
    }
    writeFileSync(stamp, lock);
  }
  const packed = pack();
  const place = join(WORKERS, "node_modules", "edge-session");
  rmSync(place, { recursive: true, force: true });
  cpSync(packed.folder, place, { recursive: true });
  removeFolder(dirname(packed.path));
}

/** Writes the configuration and builds; what was built of the same sources stands. */
export function buildWorker({ name, main, assets, built, handling }: WorkerApp): string {
  const folder = join(WORKERS, name);
  writeFileSync(join(folder, "wrangler.toml"), configuration(main, assets, handling));
  const stamp = join(WORKERS, "node_modules", `.built-${name}`);
  const sources = sourcesOf(folder);
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== sources) {
    const { scripts } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { scripts: { build: string; worker?: string } };
    // OpenNext has npm run the build of Next.js by its usual name.
    const script = scripts.worker ?? scripts.build;
    const path = [join(folder, "node_modules", ".bin"), join(WORKERS, "node_modules", ".bin"), dirname(process.execPath), process.env.PATH].join(delimiter);
    const env = { ...process.env, ...QUIET_ENV, ...SUPABASE_ENV, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false", PATH: path };
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { cwd: folder, env, encoding: "utf8" });
    if (status !== 0) {
      throw new Error(`\`${script}\` of ${name} ended with status ${status}:\n${(stdout + stderr).slice(-3_000)}`);
    }
    writeFileSync(stamp, sources);
  }
  return join(folder, built ?? "wrangler.toml");
}

/** Guards before a page, a file, and a page that was rendered at build time. */
export function variables(): string {
  return `SUPABASE_URL = "${SUPABASE_URL}"
SUPABASE_PUBLISHABLE_KEY = "${PUBLISHABLE_KEY}"
AUTH_PATH = "/auth"
FORWARD_BEARER = "on"
[[vars.RULES]]
path = ["/guarded.css", "/members*", "/prerendered*"]
require = true
`;
}

function configuration(main: string, assets: string, handling = ""): string {
  return `name = "site"
main = "${main}"
compatibility_date = "2026-10-01"
compatibility_flags = ["nodejs_compat"]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]
[assets]
directory = "${assets}"
binding = "ASSETS"
run_worker_first = true
${handling}[vars]
${variables()}`;
}

const LEFT_BEHIND = /^(node_modules|\.astro|\.next|\.open-next|\.react-router|\.svelte-kit|\.wrangler|build|dist|logs|next-env\.d\.ts|tsconfig\.tsbuildinfo)$/;

/** A hash of all that a build is made of, the package among it. */
function sourcesOf(folder: string): string {
  const digest = createHash("sha256");
  const list = (path: string): string[] =>
    readdirSync(path, { withFileTypes: true }).filter(({ name }) => !LEFT_BEHIND.test(name)).flatMap((entry) => (entry.isDirectory() ? list(join(path, entry.name)) : [join(path, entry.name)])).sort();
  const shared = [join(WORKERS, "behaviours.js"), join(WORKERS, "package-lock.json"), ...list(join(WORKERS, "node_modules", "edge-session", "build", "package"))];
  const worker = ["index.js", "index_bg.wasm"].map((name) => join(WORKERS, "node_modules", "edge-session", "build", name));
  for (const file of [...list(folder), ...shared, ...worker]) {
    digest.update(file).update(readFileSync(file));
  }
  return digest.digest("hex");
}

/** What is tested of each, in the order of the tests. */
export const BEHAVIOURS = ["identity", "refresh", "bodies and methods", "guarded files and pages", "a page rendered at build time", "streams", "a WebSocket", "waitUntil", "caches.default", "exceptions", "redirects and cookies"];

/** The table of docs/frameworks.md. */
export function workersTable(): string {
  const version = ({ name }: WorkerApp): string => {
    const { dependencies } = JSON.parse(readFileSync(join(WORKERS, name, "package.json"), "utf8")) as { dependencies: Record<string, string> };
    const framework = { opennext: "next", sveltekit: "@sveltejs/kit", astro: "astro", "react-router": "react-router" }[name] ?? "";
    const adapter = { opennext: "@opennextjs/cloudflare", sveltekit: "@sveltejs/adapter-cloudflare", astro: "@astrojs/cloudflare", "react-router": "@cloudflare/vite-plugin" }[name] ?? "";
    return `${dependencies[framework]}, \`${adapter}\` ${dependencies[adapter]}`;
  };
  const row = (app: WorkerApp): string => `| ${app.title.replace(/ \(.*/, "")} ${version(app)} | ${BEHAVIOURS.map((behaviour) => (app.without[behaviour] === undefined ? "✓" : "–")).join(" | ")} |`;
  const head = `|  | ${BEHAVIOURS.join(" | ")} |\n| --- |${" :-: |".repeat(BEHAVIOURS.length)}`;
  const reasons = WORKER_APPS.flatMap(({ without }) => Object.entries(without).map(([behaviour, reason]) => `${behaviour}: ${reason}`));
  return [head, ...WORKER_APPS.map(row), "", `–: ${reasons.join("; ")}.`].join("\n");
}
