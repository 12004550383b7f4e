// The README's first command. Only what comes with Node is imported before it is clear that the packages are installed.
import { parseArgs } from "node:util";
import { ACCOUNTS } from "./accounts.ts";
import { buildWorker } from "./build.ts";
import type { Demo } from "./demo.ts";
import { missingPackages } from "./packages.ts";
import { formatLine } from "./record.ts";
import { bold, dim, Progress, say } from "./terminal.ts";

const DEFAULT_PORT = 8787;

const PARTS = { auth: "Local Auth", site: "Site", worker: "Worker" } as const;

const USAGE = `Usage: npm start [-- --port <number>]

Runs a local Supabase Auth, a small site and the Worker between them, and prints the address to open.

  --port <number>   where the Worker listens; default ${DEFAULT_PORT}, or a free port if that is taken
  --help            this text`;

/** A failure whose message says all that the reader needs. */
class Problem extends Error {}

const progress = new Progress();
let demo: Demo | undefined;

try {
  await main();
} catch (error) {
  progress.fail();
  say(error instanceof Problem ? `\n${error.message}\n` : `\n${(error as Error).stack ?? error}\n`);
  process.exitCode = 1;
}

async function main(): Promise<void> {
  const wanted = readArguments();
  if (wanted === "help") {
    return say(USAGE);
  }
  stopWithCtrlC();
  say(`\n  ${bold("edge-session")}  a local Auth, a small site, and the Worker between them\n`);

  progress.step("npm packages");
  const missing = missingPackages();
  if (missing.length > 0) {
    throw new Problem(`Not installed: ${missing.join(", ")}.\nRun \`npm install\`, then \`npm start\` again.`);
  }
  progress.done();

  progress.step("Worker", "building");
  const built = await buildWorker((line) => progress.detail(line));
  if (!built.ok) {
    throw new Problem(`${built.output}\n\nThe Worker could not be built; what the build printed stands above.`);
  }
  progress.done(built.summary);

  demo = await start(await portFor(wanted));
  welcome(demo.url, demo.auth.url);
}

function readArguments(): "help" | { port: number; chosen: boolean } {
  const options = { help: { type: "boolean", short: "h" }, port: { type: "string" } } as const;
  let values: { help?: boolean; port?: string };
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new Problem(`${(error as Error).message}\n\n${USAGE}`);
  }
  if (values.help) {
    return "help";
  }
  const port = values.port === undefined ? DEFAULT_PORT : Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new Problem("--port must be a number from 1 to 65535.");
  }
  return { port, chosen: values.port !== undefined };
}

async function portFor({ port, chosen }: { port: number; chosen: boolean }): Promise<number> {
  const { freePort, isFree } = await import("./worker.ts");
  if (await isFree(port)) {
    return port;
  }
  if (chosen) {
    throw new Problem(`Port ${port} is taken. Choose another with --port, or leave it out to get a free one.`);
  }
  return freePort();
}

async function start(port: number): Promise<Demo> {
  const { startDemo } = await import("./demo.ts");
  progress.step(PARTS.auth);
  try {
    return await startDemo({
      port,
      onReady: (part, url) => {
        progress.done(url);
        if (part !== "worker") {
          progress.step(part === "auth" ? PARTS.site : PARTS.worker, "starting");
        }
      },
      onLine: (line) => {
        const record = formatLine(line);
        if (record !== undefined && !progress.running) {
          say(record);
        }
      },
      onExit: (problem) => {
        say(`\n${problem}\n`);
        process.exit(1);
      },
    });
  } catch (error) {
    throw new Problem((error as Error).message);
  }
}

function stopWithCtrlC(): void {
  let stopping = false;
  const stop = async () => {
    // A part that is still starting, or that does not want to stop, ends with this process.
    if (stopping || demo === undefined) {
      process.exit(130);
    }
    stopping = true;
    say(dim("\n  Stopping…"));
    await demo.stop();
    process.exit(0);
  };
  for (const signal of ["SIGHUP", "SIGINT", "SIGTERM"]) {
    process.on(signal, () => void stop());
  }
}

function welcome(url: string, authUrl: string): void {
  const { admin, member } = ACCOUNTS;
  say(`
  Open  ${bold(url)}

  1  Open Members: you are asked to sign in, and come back where you wanted to go.
  2  ${bold("Expire the token")} in the panel, then reload: still signed in, for one call to Auth.
  3  Let Auth answer ${bold("429")} and do it again: nothing is decided, and nobody is signed out.
  4  ${bold("Open 20 tabs at once")}, and see what they cost.
  5  Open ${bold("/auth/login")}: the Worker's own pages, which work without a script. Add a second step under Account, and open Safe.
     Mails and text messages land in ${bold(`${authUrl}/inbox`)}

  ${dim("A member")}           ${member.email}  ${dim(member.password)}
  ${dim("The harbourmaster")}  ${admin.email}  ${dim(admin.password)}

  ${dim("Below: one line for each request, as the Worker logs it. Ctrl-C stops everything.")}
`);
}
