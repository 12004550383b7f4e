/**
 * `npm run test:real-auth`: the built Worker in front of a real Supabase Auth.
 *
 * `AUTH_BIN` and `DATABASE_URL`: starts that program in every configuration, each on a database of its own.
 * `AUTH_URL`, `AUTH_PUBLISHABLE_KEY` and `AUTH_SECRET_KEY`: a running project, seen from outside.
 */
import { parseArgs } from "node:util";
import { CONFIGURATIONS } from "./configurations.ts";
import { conformance, vitest } from "./conformance.ts";
import { Databases } from "./database.ts";
import { prepare, startProject } from "./program.ts";
import { type Run, writeReport } from "./report.ts";
import { checkServer, Refusal } from "./server.ts";

const { values } = parseArgs({
  options: {
    /** Only configurations whose names hold this. */
    only: { type: "string", default: "" },
    /** Leaves the conformance suite or the flows out. */
    without: { type: "string", default: "" },
    /** Says that it was left out, instead of failing, where no server is named. */
    "if-given": { type: "boolean", default: false },
    /** Takes a project that has users. */
    "with-users": { type: "boolean", default: false },
  },
});

const AT_ONCE = 2;

try {
  await main();
} catch (error) {
  if (!(error instanceof Refusal)) {
    throw error;
  }
  console.error(`real-auth: ${error.message}`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { AUTH_BIN: program, DATABASE_URL: database, AUTH_URL: url } = process.env;
  if (url === undefined && program === undefined) {
    if (values["if-given"]) {
      console.log("real-auth: left out, since neither AUTH_URL nor AUTH_BIN names a server");
      return;
    }
    throw new Refusal("set AUTH_URL with AUTH_PUBLISHABLE_KEY and AUTH_SECRET_KEY, or AUTH_BIN with DATABASE_URL");
  }
  const run = url === undefined ? await runProgram(program ?? "", database) : await runServer(url);
  for (const { name, outcome } of run.parts) {
    console.log(`${name}: ${outcome.passed.length} passed, ${outcome.failed.length} failed, ${outcome.skipped.length} skipped`);
    outcome.failed.forEach((failure) => console.log(`  ${failure}`));
  }
  process.exitCode = run.parts.some(({ outcome }) => outcome.failed.length > 0) ? 1 : 0;
  if (run.how === "program" && values.only === "" && values.without === "") {
    writeReport(run);
  }
}

/** Every configuration of the program, one after the other, and then the flows, which start their own. */
async function runProgram(program: string, url: string | undefined): Promise<Run> {
  if (url === undefined) {
    throw new Refusal("AUTH_BIN needs DATABASE_URL, a PostgreSQL in which databases may be made");
  }
  const databases = new Databases(url);
  await databases.clean().catch((error: Error) => {
    throw new Refusal(`DATABASE_URL cannot be reached: ${error.message}`);
  });
  const template = await prepare(program, databases).catch((error: Error) => {
    throw new Refusal(error.message);
  });
  const parts: Run["parts"] = [];
  let version = "";
  try {
    const asked = values.without === "conformance" ? [] : CONFIGURATIONS.filter(({ name, flowsOnly }) => flowsOnly !== true && name.includes(values.only));
    // Most of a configuration's time is waiting.
    const rest = asked.map((configuration, index) => ({ configuration, index }));
    const work = async (): Promise<void> => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
        const { configuration, index } = next;
        const project = await startProject(program, databases, template, configuration);
        version = project.version;
        try {
          parts[index] = { name: configuration.name, kind: "conformance", outcome: await conformance(project, configuration) };
        } finally {
          await project.close();
        }
        console.log(`${configuration.name}: done`);
      }
    };
    const flows = async (): Promise<void> => {
      const outcome = await vitest("real-auth", values.only === "" ? [] : ["-t", values.only], { AUTH_TEMPLATE: template, REAL_AUTH: "program" });
      parts[asked.length] = { name: "the Worker in front", kind: "flows", outcome };
    };
    await Promise.all([...Array.from({ length: AT_ONCE }, work), ...(values.without === "flows" ? [] : [flows()])]);
  } finally {
    await databases.clean();
  }
  return { version, how: "program", parts };
}

async function runServer(url: string): Promise<Run> {
  const server = await checkServer(url, values["with-users"]);
  try {
    const at = { AUTH_URL: server.base };
    const parts: Run["parts"] = [
      { name: `${url}, seen from outside`, kind: "conformance", outcome: await vitest("auth-server", ["tests/auth-server/conformance"], at) },
      { name: "the Worker in front", kind: "flows", outcome: await vitest("real-auth", ["outside.test.ts"], { ...at, REAL_AUTH: "server" }) },
    ];
    return { version: server.version, how: "server", parts };
  } finally {
    await server.clean();
  }
}
