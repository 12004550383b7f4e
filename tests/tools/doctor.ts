/** Runs the doctor, of the clone or a packed one, on a configuration of its own, and stands in for Auth and Cloudflare where it asks them. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
// @ts-expect-error: a tool without types
import { examine as examineHere } from "../../.tools/doctor/examine.mjs";

const MAIN = fileURLToPath(new URL("../../.tools/cli.mjs", import.meta.url));

export interface Visit {
  /** wrangler.toml */
  config: string;
  /** .dev.vars */
  secrets?: string;
  /** .dev.vars.production */
  productionSecrets?: string;
  /** Other files of the folder. */
  files?: Record<string, string>;
  /** The file to examine; wrangler.toml, unless another is named. */
  name?: string;
  args?: string[];
  env?: Record<string, string>;
}

export interface Diagnosis {
  status: number | null;
  /** What it printed to stdout and stderr. */
  report: string;
  complaint: string;
  /** The lines of the report that begin with the mark of an error, a warning or a note. */
  errors: string[];
  warnings: string[];
  notes: string[];
}

export interface Finding {
  level: "error" | "warning" | "note";
  /** Never changes: docs/doctor.md has a heading for each. */
  code: string;
  text: string;
}

/** As a command. */
export function examine(visit: Visit): Promise<Diagnosis> {
  return withFiles(visit, (config) => run(["--config", config, ...(visit.args ?? [])], visit.env ?? {}));
}

/** The findings of one environment's files, without a process for it: one and a half seconds less. */
export async function judge(visit: Omit<Visit, "args" | "env">, env = "production"): Promise<Finding[]> {
  return withFiles(visit, async (config) => {
    const options = { config, env: env || undefined, offline: true, method: "GET", "token-life": "3600" };
    return (await examineHere(options)).findings;
  });
}

async function withFiles<T>({ config, secrets, productionSecrets, files = {}, name = "wrangler.toml" }: Visit, task: (config: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "doctor-"));
  try {
    writeFileSync(join(folder, "wrangler.toml"), config);
    if (secrets !== undefined) writeFileSync(join(folder, ".dev.vars"), secrets);
    if (productionSecrets !== undefined) writeFileSync(join(folder, ".dev.vars.production"), productionSecrets);
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    return await task(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function run(args: string[], env: Record<string, string>): Promise<Diagnosis> {
  // Nothing of the outer environment may count as a secret or name an account.
  const clean = Object.entries(process.env).filter(([name]) => !/^(SUPABASE|IDENTITY|CLOUDFLARE|NO_COLOR)/.test(name));
  const child = spawn(process.execPath, [MAIN, "doctor", ...args], { env: { ...Object.fromEntries(clean), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let [report, complaint] = ["", ""];
  child.stdout.on("data", (data: Buffer) => (report += data));
  child.stderr.on("data", (data: Buffer) => (complaint += data));
  const [status] = (await once(child, "close")) as [number | null];
  const marked = (mark: string): string[] => report.split("\n").filter((line) => line.startsWith(`${mark} `)).map((line) => line.slice(2));
  return { status, report, complaint, errors: marked("✗"), warnings: marked("!"), notes: marked("·") };
}

/** A server on the loopback interface for the time of `task`; with `prepare`, for more than requests. */
export async function withServer<T>(listener: RequestListener, task: (url: string) => Promise<T>, prepare: (server: Server) => void = () => {}): Promise<T> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  prepare(server);
  await once(server, "listening");
  try {
    return await task(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
