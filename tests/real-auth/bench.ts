/** One configuration of a real Auth with the built Worker in front, and what every test file needs of both. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "vitest";
import { type Stack, startStack } from "../support/stack.ts";
import type { Configuration } from "./configurations.ts";
import type { Project, Running } from "./program.ts";
import { open, reach } from "./project.ts";
import { Visitor } from "./visitor.ts";

export const PASSWORD = "correct horse battery";
const START_MS = 180_000;

type Workers = "main" | "keyed" | "asking";

export interface Bench<P extends Running = Project> {
  project: P;
  stack: Stack<Workers>;
  visitor(worker?: Workers): Visitor;
  /** A member who is signed in at the Worker. */
  member(worker?: Workers): Promise<{ visitor: Visitor; email: string }>;
  /** Makes a confirmed user, as an administrator does. */
  user(): Promise<string>;
  admin(method: string, path: string, body?: object): Promise<any>;
}

/** Starts the project and the Worker before the tests of a `describe`, and ends both after them. */
export function useBench(configuration: Configuration): () => Bench {
  return use(
    () => open(configuration),
    ({ jwtSecret }) => (configuration.algorithm === "HS256" ? { SUPABASE_JWT_SECRET: jwtSecret } : {}),
  );
}

/** The same with a server that runs already. */
export function useServer(): () => Bench<Running> {
  return use(reach, () => ({}));
}

function use<P extends Running>(start: () => Promise<P>, vars: (project: P) => Record<string, string>): () => Bench<P> {
  let bench: Bench<P>;
  beforeAll(async () => {
    const project = await start();
    const stack = await startStack<Workers>({
      vars: {
        SUPABASE_URL: project.url,
        SUPABASE_PUBLISHABLE_KEY: project.publishableKey,
        SERVER_TIMING: "on",
        AUTH_PATH: "/auth",
        REFRESH_MARGIN_SECONDS: "2",
        CLOCK_SKEW_SECONDS: "0",
        RULES: [
          { path: "/members*", require: true },
          { path: "/apps/*", require: { clients: true } },
        ],
        ...vars(project),
      },
      bindings: { kv: "shared" },
      workers: {
        main: { bindings: { gate: true } },
        keyed: { bindings: { gate: true }, vars: { SUPABASE_SECRET_KEY: project.secretKey } },
        asking: { vars: { SUPABASE_JWT_SECRET: null } },
      },
    });
    bench = { project, stack, ...people(project, stack) };
  }, START_MS);
  afterAll(async () => {
    await bench?.stack.close();
    await bench?.project.close();
  }, START_MS);
  return () => bench;
}

function people(project: Running, stack: Stack<Workers>): Pick<Bench, "visitor" | "member" | "user" | "admin"> {
  const visitor = (worker: Workers = "main"): Visitor => new Visitor(stack.worker(worker), project);
  const admin = async (method: string, path: string, body?: object): Promise<any> => {
    const response = await fetch(`${project.url}/auth/v1${path}`, { method, headers: { apikey: project.secretKey }, body: JSON.stringify(body) });
    if (!response.ok) {
      throw new Error(`${path}: ${response.status} ${await response.text()}`);
    }
    return response.json();
  };
  const user = async (): Promise<string> => {
    const email = `${randomUUID()}@example.com`;
    await admin("POST", "/admin/users", { email, password: PASSWORD, email_confirm: true });
    return email;
  };
  return {
    visitor,
    admin,
    user,
    async member(worker) {
      const [email, someone] = [await user(), visitor(worker)];
      const answer = await someone.post("JSON", "/auth/login", { email, password: PASSWORD });
      if (answer.status !== 200) {
        throw new Error(`the sign-in was answered ${answer.status} ${answer.text}`);
      }
      return { visitor: someone, email };
    },
  };
}
