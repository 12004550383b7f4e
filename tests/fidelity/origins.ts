/** The origins: real servers, each started on a port as its own documentation says. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { nginxConfiguration } from "./nginx.ts";
import type { Reply } from "./replies.ts";

const FOLDER = fileURLToPath(new URL("origins", import.meta.url));
const START_TIMEOUT_MS = 20_000;

export interface Place {
  port: number;
  /** Where it may write. */
  folder: string;
  /** What it serves as files. */
  files: string;
  replies: Record<string, Reply>;
}

export interface Kind {
  name: string;
  title: string;
  /** How many of it share the script; default one. */
  lanes?: number;
  /** The program it needs; undefined where this machine has none. */
  program(): string | undefined;
  /** The program's arguments, after whatever has to be made first. */
  args(program: string, place: Place): string[];
}

const node = (name: string, title: string): Kind => ({ name, title, program: () => process.execPath, args: () => [join(FOLDER, `${name}.mjs`)] });

export const KINDS: Kind[] = [
  node("express", "Express 5"),
  node("fastify", "Fastify 5"),
  node("hono", "Hono on Node.js"),
  node("static", "Static files (sirv)"),
  {
    name: "wsgi",
    title: "Python's wsgiref",
    program: () => firstOf(["/usr/bin/python3", "python3"], ["-c", "import wsgiref"]),
    args: () => [join(FOLDER, "wsgi.py")],
  },
  {
    name: "go",
    title: "Go's net/http",
    program: () => firstOf(["go", "/usr/local/go/bin/go"], ["version"]),
    args: (program, { folder }) => ["-c", `exec ${compile(program, folder)}`],
  },
  {
    name: "nginx",
    title: "nginx",
    program: () => firstOf(["nginx", "/usr/sbin/nginx"], ["-v"]),
    args: (_, place) => {
      writeFileSync(join(place.folder, "nginx.conf"), nginxConfiguration(place));
      return ["-p", place.folder, "-c", join(place.folder, "nginx.conf"), "-e", "stderr"];
    },
  },
  {
    name: "php",
    title: "PHP's built-in server",
    // It sends each head and body in two pieces that wait for each other (40 ms).
    lanes: 4,
    program: () => firstOf(["php"], ["-v"]),
    args: (_, { port, files }) => ["-d", "variables_order=EGPCS", "-S", `127.0.0.1:${port}`, "-t", files, join(FOLDER, "router.php")],
  },
];

/** The origin with its version. */
export function versionOf({ name, title, program }: Kind): string {
  const asked: Record<string, string[]> = { wsgi: ["--version"], go: ["version"], nginx: ["-v"], php: ["-r", "echo PHP_VERSION;"] };
  const { stdout = "", stderr = "" } = spawnSync(program() ?? "", asked[name] ?? ["--version"], { encoding: "utf8" });
  const version = /\d+\.\d+(\.\d+)?/.exec(PACKAGES[name] === undefined ? stdout + stderr : packageVersion(PACKAGES[name]))?.[0];
  return `${title.replace(/ \d+$/, "")} ${version ?? ""}`.trim();
}

const PACKAGES: Record<string, string> = { express: "express", fastify: "fastify", hono: "@hono/node-server", static: "sirv" };

function packageVersion(name: string): string {
  const file = new URL("package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> }).dependencies[name] ?? "";
}

export interface RunningOrigin {
  stop(): Promise<void>;
  printed(): string;
}

/** What runs ends with us. */
const children = new Set<ChildProcess>();
process.once("exit", () => children.forEach((child) => child.kill("SIGKILL")));

export async function startOriginOf(kind: Kind, place: Place): Promise<RunningOrigin> {
  const program = kind.program()!;
  mkdirSync(place.folder, { recursive: true });
  const file = join(place.folder, "replies.json");
  writeFileSync(file, JSON.stringify(place.replies));
  const args = kind.args(program, place);
  const env = { ...process.env, PORT: String(place.port), FILES: place.files, REPLIES: file, NODE_ENV: "production" };
  const child = spawn(kind.name === "go" ? "/bin/sh" : program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      printed = (printed + String(data)).slice(-10_000);
    });
  }
  children.add(child);
  child.once("exit", () => children.delete(child));
  const stop = (): Promise<void> => end(child);
  for (const deadline = Date.now() + START_TIMEOUT_MS; !(await listens(place.port)); ) {
    if (Date.now() > deadline || child.exitCode !== null) {
      await stop();
      throw new Error(`${kind.title} does not start:\n${printed}`);
    }
    await new Promise((passed) => setTimeout(passed, 50));
  }
  return { stop, printed: () => printed };
}

function firstOf(programs: string[], args: string[]): string | undefined {
  return programs.find((program) => spawnSync(program, args, { stdio: "ignore" }).status === 0);
}

function compile(go: string, folder: string): string {
  const program = join(folder, "origin");
  const { status, stderr } = spawnSync(go, ["build", "-o", program, join(FOLDER, "main.go")], { encoding: "utf8" });
  if (status !== 0 || !existsSync(program)) {
    throw new Error(`go build failed:\n${stderr}`);
  }
  return program;
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => (socket.destroy(), resolve(true)));
    socket.once("error", () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 3_000);
  await ended;
  clearTimeout(late);
}
