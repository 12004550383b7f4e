import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BUILT = join(ROOT, "build", "index.js");
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
const KEPT_LINES = 40;

export interface WorkerOptions {
  /** An empty folder for the configuration and the local state. */
  folder: string;
  port: number;
  vars: Record<string, unknown>;
  onLine?: ((line: string) => void) | undefined;
  onExit?: ((problem: string) => void) | undefined;
}

export interface RunningWorker {
  url: string;
  stop(): Promise<void>;
}

/** Runs the Worker that stands in `build/` under `wrangler dev`, with no account and no network. */
export async function startWorker(options: WorkerOptions): Promise<RunningWorker> {
  if (!existsSync(BUILT)) {
    throw new Error("the Worker is not built: run `npm run build` first");
  }
  const port = options.port === 0 ? await freePort() : options.port;
  const config = join(options.folder, "wrangler.json");
  await writeFile(config, JSON.stringify(await configuration(options.vars, port), null, 2));

  const url = `http://localhost:${port}`;
  const lastLines: string[] = [];
  const child = spawnWrangler(config, options.folder, (line) => {
    lastLines.push(line);
    lastLines.splice(0, lastLines.length - KEPT_LINES);
    options.onLine?.(line);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(`wrangler dev does not start: ${error.message}`));
    child.once("exit", (code, signal) => resolve(`wrangler dev has ended (${signal ?? `status ${code}`})`));
  });
  const stop = () => stopProcess(child);
  try {
    await Promise.race([answering(url), ended.then((problem) => Promise.reject(new Error(problem)))]);
  } catch (error) {
    await stop();
    throw new Error([(error as Error).message, ...lastLines].join("\n"));
  }
  let stopping = false;
  void ended.then((problem) => stopping || options.onExit?.([problem, ...lastLines].join("\n")));
  return {
    url,
    stop: () => {
      stopping = true;
      return stop();
    },
  };
}

/** A port of the loopback interface that nothing uses at this moment. */
export async function freePort(): Promise<number> {
  const claimed = await claim(0, "127.0.0.1");
  if (typeof claimed !== "number") {
    throw claimed;
  }
  return claimed;
}

/** Whether nothing listens on that port, on either of the addresses that `localhost` may stand for. */
export async function isFree(port: number): Promise<boolean> {
  const claims = await Promise.all([claim(port, "127.0.0.1"), claim(port, "::1")]);
  // A machine without IPv6 refuses the second for another reason.
  return claims.every((claimed) => typeof claimed === "number" || claimed.code !== "EADDRINUSE");
}

function claim(port: number, host: string): Promise<number | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", resolve);
    server.listen(port, host, () => {
      const claimed = (server.address() as AddressInfo).port;
      server.close(() => resolve(claimed));
    });
  });
}

/**
 * The repository's own `wrangler.toml` with the demo's variables. It is written elsewhere, so that neither a `.dev.vars`
 * nor the `.wrangler` folder of the clone takes part, and without the build command, which has run before.
 */
async function configuration(vars: Record<string, unknown>, port: number): Promise<object> {
  const { experimental_readRawConfig } = await import("wrangler");
  const { rawConfig } = experimental_readRawConfig({ config: join(ROOT, "wrangler.toml") });
  const { $schema: _schema, build: _build, kv_namespaces = [], ...kept } = rawConfig;
  const hasKv = kv_namespaces.some(({ binding }) => binding === "SESSION_KV");
  return {
    ...kept,
    main: BUILT,
    kv_namespaces: hasKv ? kv_namespaces : [...kv_namespaces, { binding: "SESSION_KV", id: "demo" }],
    vars: { ...kept.vars, ...vars },
    dev: { ip: "localhost", port },
    send_metrics: false,
  };
}

function spawnWrangler(config: string, folder: string, onLine: (line: string) => void): ChildProcess {
  const wrangler = join(dirname(createRequire(import.meta.url).resolve("wrangler/package.json")), "bin", "wrangler.js");
  const args = ["dev", "--local", "--config", config, "--persist-to", join(folder, "state"), "--inspector-port", "0"];
  const child = spawn(process.execPath, [wrangler, ...args, "--show-interactive-dev-session=false"], {
    cwd: folder,
    // A group of its own: wrangler runs the runtime as a grandchild, and both must end together.
    detached: process.platform !== "win32",
    env: {
      ...process.env,
      // Wrangler would otherwise ask Cloudflare for an example of `request.cf` and for newer versions of itself.
      CLOUDFLARE_CF_FETCH_ENABLED: "false",
      FORCE_COLOR: "0",
      WRANGLER_HIDE_BANNER: "true",
      WRANGLER_LOG_PATH: join(folder, "logs"),
      WRANGLER_SEND_METRICS: "false",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", onLine);
  }
  const endWithUs = () => signalGroup(child, "SIGTERM");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  return child;
}

/** Waits until the front page comes through the Worker; an answer of another kind says what is wrong. */
async function answering(url: string): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (Date.now() < deadline) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) {
      return;
    }
    if (response !== undefined) {
      throw new Error(`the Worker answers ${response.status}: ${(await response.text()).slice(0, 2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the Worker does not answer at ${url} after ${READY_TIMEOUT_MS / 1000} s`);
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) {
    return;
  }
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  signalGroup(child, "SIGTERM");
  const killer = setTimeout(() => signalGroup(child, "SIGKILL"), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(killer);
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    process.kill(process.platform === "win32" ? child.pid! : -child.pid!, signal);
  } catch {
    // It has ended in the meantime.
  }
}
