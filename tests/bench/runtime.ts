/** Bare workerd processes: one per Worker, with a generated configuration, and what the kernel accounts to them. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { createRequire } from "node:module";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
/** Those of wrangler.toml, read from there: a bench of another date would be one of another runtime. */
const SHIPPED = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
const COMPATIBILITY_DATE = /^compatibility_date = "(.+)"$/m.exec(SHIPPED)?.[1] ?? "";
const COMPATIBILITY_FLAGS = /^compatibility_flags = (\[.*\])$/m.exec(SHIPPED)?.[1] ?? "[]";

export const VARIANTS = ["floor", "edits", "jose", "guide", "ours"] as const;
/** Those whose latency is measured: `user` asks Auth about every visitor, as most sites do. */
export const LATE = ["floor", "jose", "guide", "user", "ours"] as const;
export type Variant = (typeof VARIANTS)[number] | (typeof LATE)[number];

/** The files of one Worker. */
export interface Bundle {
  variant: Variant;
  modules: { name: string; kind: "esModule" | "wasm"; contents: Buffer }[];
  rawBytes: number;
  gzipBytes: number;
}

/** A running workerd. */
export interface Running {
  variant: Variant;
  port: number;
  /** Milliseconds from the start of the process until it listened. */
  listenedAfterMs: number;
  startedAt: number;
  /** CPU time of all threads so far, in nanoseconds. */
  cpuNanoseconds(): number;
  residentBytes(): number;
  stop(): Promise<void>;
}

export async function bundle(variant: Variant, isInside = false): Promise<Bundle> {
  const modules = variant === "ours" ? [...(isInside ? around() : []), ...builtModules()] : [await bundled(variant)];
  const sum = (size: (contents: Buffer) => number): number => modules.reduce((total, { contents }) => total + size(contents), 0);
  return {
    variant,
    modules,
    rawBytes: sum((contents) => contents.length),
    gzipBytes: sum((contents) => gzipSync(contents, { level: 9 }).length),
  };
}

/** Starts workerd and waits until it listens. */
export async function start(worker: Bundle, vars: Record<string, string>): Promise<Running> {
  const directory = mkdtempSync(join(tmpdir(), "edge-session-bench-"));
  worker.modules.forEach(({ name, contents }) => writeFileSync(join(directory, fileOf(name)), contents));
  writeFileSync(join(directory, "config.capnp"), configuration(worker, vars));
  const startedAt = performance.now();
  const process = spawn(workerdPath(), ["serve", join(directory, "config.capnp"), "--control-fd=3"], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  let complaints = "";
  process.stderr?.on("data", (data) => void (complaints = (complaints + String(data)).slice(-4000)));
  const port = await listening(process, () => complaints);
  const { pid } = process;
  return {
    variant: worker.variant,
    port,
    listenedAfterMs: performance.now() - startedAt,
    startedAt,
    cpuNanoseconds: () => cpuOf(pid),
    residentBytes: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024,
    async stop() {
      const ended = new Promise((resolve) => process.once("exit", resolve));
      process.kill();
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

function builtModules(): Bundle["modules"] {
  const read = (name: string): Buffer => readFileSync(join(ROOT, "build", name));
  return [
    { name: "index.js", kind: "esModule", contents: read("index.js") },
    { name: "index_bg.wasm", kind: "wasm", contents: read("index_bg.wasm") },
  ];
}

/** The built Worker around an application in the same Worker, which forwards. */
function around(): Bundle["modules"] {
  const main = `import { withSession, RefreshGate } from "./package/index.js";
export { RefreshGate };
export default withSession({ fetch: (request) => fetch(request) });`;
  return [
    { name: "main.js", kind: "esModule", contents: Buffer.from(main) },
    { name: "package/index.js", kind: "esModule", contents: readFileSync(join(ROOT, ".tools", "package", "index.js")) },
  ];
}

function fileOf(module: string): string {
  return module.replaceAll("/", "-");
}

async function bundled(variant: Variant): Promise<Bundle["modules"][number]> {
  const { outputFiles } = await build({
    entryPoints: [join(ROOT, "tests", "bench", "workers", `${variant}.ts`)],
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "esnext",
    conditions: ["workerd", "worker", "browser"],
    define: { "process.env.NODE_ENV": '"production"' },
    logLevel: "error",
  });
  return { name: "index.js", kind: "esModule", contents: Buffer.from(outputFiles[0]?.contents ?? []) };
}

function configuration({ variant, modules }: Bundle, vars: Record<string, string>): string {
  const listed = modules.map(({ name, kind }) => `(name = ${text(name)}, ${kind} = embed ${text(fileOf(name))})`);
  const bindings = Object.entries(vars).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`);
  const gate = variant === "ours";
  if (gate) {
    bindings.push('(name = "REFRESH_GATE", durableObjectNamespace = (className = "RefreshGate"))');
  }
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [${listed.join(", ")}],
      bindings = [${bindings.join(", ")}],
      ${gate ? 'durableObjectNamespaces = [(className = "RefreshGate", uniqueKey = "bench")], durableObjectStorage = (inMemory = void),' : ""}
      compatibilityDate = ${text(COMPATIBILITY_DATE)},
      compatibilityFlags = ${COMPATIBILITY_FLAGS},
    )),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
`;
}

function text(value: string): string {
  return JSON.stringify(value);
}

/** The runtime's own binary; the script of the same name would be one more process. */
function workerdPath(): string {
  return createRequire(join(ROOT, "package.json"))("workerd").default;
}

function listening(process: ChildProcess, complaints: () => string): Promise<number> {
  return new Promise((resolve, reject) => {
    let seen = "";
    (process.stdio[3] as Readable).on("data", (data) => {
      seen += String(data);
      const line = seen.split("\n").find((candidate) => candidate.includes('"listen"'));
      if (line !== undefined) {
        resolve(JSON.parse(line).port);
      }
    });
    process.once("error", reject);
    process.once("exit", (code) => reject(new Error(`workerd ended with ${code}: ${complaints()}`)));
  });
}

function cpuOf(pid: number | undefined): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds;
}
