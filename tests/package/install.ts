/** The npm package as `npm pack` makes it, and folders in which it is installed. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort } from "../demo/worker.ts";
import { type Answer, send } from "../support/http.ts";
import type { HeaderList } from "../support/origin.ts";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WRANGLER = join(ROOT, "node_modules", "wrangler", "bin", "wrangler.js");
const START_TIMEOUT_MS = 60_000;

export interface Packed {
  /** The tarball. */
  path: string;
  /** Its files, unpacked. */
  folder: string;
  bytes: number;
  /** Paths in it. */
  files: string[];
}

/** Makes the package; whoever asked for it removes `dirname(path)`. */
export function pack(): Packed {
  const place = mkdtempSync(join(tmpdir(), "edge-session-pack-"));
  const npm = process.env.npm_execpath;
  const args = ["pack", "--json", "--pack-destination", place];
  const { status, stdout, stderr } = npm ? spawnSync(process.execPath, [npm, ...args], { cwd: ROOT, encoding: "utf8" }) : spawnSync("npm", args, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`npm pack failed:\n${stdout}${stderr}`);
  const printed = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as any;
  const [told] = Array.isArray(printed) ? printed : Object.values<any>(printed);
  const path = join(place, told.filename as string);
  const unpacked = spawnSync("tar", ["-xzf", path, "-C", place], { encoding: "utf8" });
  if (unpacked.status !== 0) throw new Error(unpacked.stderr);
  return { path, folder: join(place, "package"), bytes: told.size as number, files: (told.files as { path: string }[]).map((file) => file.path) };
}

/** A folder with the package and some of this project's packages in node_modules. */
export function createFolder(packed: Packed, files: Record<string, string>, packages: string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-site-"));
  mkdirSync(join(folder, "node_modules"));
  // As an installation would be, a copy: what it asks of its surroundings must be there.
  cpSync(packed.folder, join(folder, "node_modules", "edge-session"), { recursive: true });
  for (const name of packages) {
    mkdirSync(dirname(join(folder, "node_modules", name)), { recursive: true });
    symlinkSync(join(ROOT, "node_modules", name), join(folder, "node_modules", name));
  }
  writeFiles(folder, files);
  return folder;
}

export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

export interface Dev {
  url: string;
  /** Everything that was printed. */
  printed(): string;
  stop(): Promise<void>;
}

/** `wrangler dev` in a folder, with no account and no network. */
export async function startDev(folder: string, more: string[] = []): Promise<Dev> {
  const port = await freePort();
  const args = ["dev", "--local", "--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0", "--show-interactive-dev-session=false", ...more];
  const env = { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", FORCE_COLOR: "0", NO_COLOR: "1", WRANGLER_HIDE_BANNER: "true", WRANGLER_LOG_PATH: join(folder, "logs"), WRANGLER_SEND_METRICS: "false" };
  // A group of its own: wrangler runs the runtime as a grandchild.
  const child = spawn(process.execPath, [WRANGLER, ...args], { cwd: folder, detached: true, env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", (line) => (printed += `${line}\n`));
  const endWithUs = (): void => signal(child, "SIGKILL");
  process.once("exit", endWithUs);
  const stop = async (): Promise<void> => {
    process.off("exit", endWithUs);
    const exited = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode !== null || child.signalCode !== null) return;
    signal(child, "SIGTERM");
    const killer = setTimeout(() => signal(child, "SIGKILL"), 5_000);
    await exited;
    clearTimeout(killer);
  };
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + START_TIMEOUT_MS; Date.now() < deadline && child.exitCode === null; ) {
    if (/Ready on http/.test(printed)) return { url, printed: () => printed, stop };
    await new Promise((passed) => setTimeout(passed, 50));
  }
  await stop();
  throw new Error(`wrangler dev did not start:\n${printed}`);
}

/** A navigation of a browser, with what a test adds; no redirect is followed. */
export function navigate(dev: Dev, path: string, { cookie, method = "GET", headers = [], body }: { cookie?: string; method?: string; headers?: HeaderList; body?: string } = {}): Promise<Answer> {
  const own: HeaderList = [["Accept", "text/html"], ["Sec-Fetch-Mode", "navigate"], ...headers];
  return send({ socket: new URL(dev.url), target: path, method, headers: cookie === undefined ? own : [...own, ["Cookie", cookie]], ...(body === undefined ? {} : { body }) });
}

function signal(child: ChildProcess, name: NodeJS.Signals): void {
  try {
    process.kill(-child.pid!, name);
  } catch {
    // It has ended by itself.
  }
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Every file below a folder. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
