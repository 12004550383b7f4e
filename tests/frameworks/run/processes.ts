/** The apps as processes: installed, built and served as their own package.json says. */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { FOLDER, QUIET_ENV, SUPABASE_ENV } from "./settings.ts";

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
const KEPT_CHARACTERS = 20_000;

export interface Running {
  stop(): Promise<void>;
  /** The last of what it printed. */
  printed(): string;
}

/** Runs one of the scripts of a folder's package.json to its end; throws what it printed when it fails. */
export async function runScript(folder: string, name: string): Promise<void> {
  const child = launch(folder, script(folder, name), {});
  const printed = keepOutput(child);
  const status = await new Promise((resolve) => child.once("close", resolve));
  if (status !== 0) {
    throw new Error(`\`npm run ${name}\` of ${folder} ended with status ${status}:\n${printed()}`);
  }
}

/** Starts the app and waits until it listens. */
export async function startApp(folder: string, port: number, env: Record<string, string>): Promise<Running> {
  const child = launch(folder, script(folder, "start"), { ...env, HOST: "127.0.0.1", PORT: String(port) });
  const printed = keepOutput(child);
  const ended = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (status) => reject(new Error(`${folder} has ended with status ${status}:\n${printed()}`)));
  });
  // Once it runs, its end is seen by the tests that ask it for something.
  ended.catch(() => undefined);
  try {
    await Promise.race([listening(port), ended]);
  } catch (error) {
    await stop(child);
    throw error;
  }
  return { stop: () => stop(child), printed };
}

function script(folder: string, name: string): string {
  const { scripts } = JSON.parse(readFileSync(join(FOLDER, folder, "package.json"), "utf8")) as { scripts: Record<string, string> };
  const command = scripts[name];
  if (command === undefined) {
    throw new Error(`${folder}/package.json has no script named ${name}`);
  }
  return command;
}

function launch(folder: string, command: string, env: Record<string, string>): ChildProcess {
  const cwd = join(FOLDER, folder);
  const path = [join(cwd, "node_modules", ".bin"), join(FOLDER, "node_modules", ".bin"), dirname(process.execPath), process.env.PATH];
  const child = spawn("sh", ["-c", command], {
    cwd,
    env: { ...process.env, ...QUIET_ENV, ...SUPABASE_ENV, ...env, PATH: path.join(delimiter) },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what the shell started ends with it.
    detached: true,
  });
  const endWithUs = (): void => signalGroup(child.pid, "SIGKILL");
  process.once("exit", endWithUs);
  child.once("exit", () => process.off("exit", endWithUs));
  return child;
}

function keepOutput(child: ChildProcess): () => string {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (data) => {
      output = (output + String(data)).slice(-KEPT_CHARACTERS);
    });
  }
  return () => output;
}

async function listening(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (!(await accepts(port))) {
    if (Date.now() > deadline) {
      throw new Error(`nothing listens on port ${port} after ${START_TIMEOUT_MS} ms`);
    }
    await new Promise((passed) => setTimeout(passed, 50));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  const ended = new Promise((resolve) => child.once("close", resolve));
  signalGroup(child.pid, "SIGTERM");
  const late = setTimeout(() => signalGroup(child.pid, "SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(late);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) {
      process.kill(-pid, signal);
    }
  } catch {
    // It has ended by itself.
  }
}
