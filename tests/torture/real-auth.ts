/** The Auth of the bed: the local one, or a program that whoever runs the bed brings, with as short lives. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AuthServer } from "../support/auth-server/server.ts";
import type { SignedIn } from "../support/stack.ts";
import { CONFIGURATIONS, type Configuration } from "../real-auth/configurations.ts";
import { Databases } from "../real-auth/database.ts";
import { prepare, type Project, startProject } from "../real-auth/program.ts";

/** What the bed asks of Auth beside the wire. */
export interface BedAuth {
  url: string;
  publishableKey: string;
  secretKey: string;
  signIn(email: string): Promise<SignedIn>;
  /** Hears of a password that a user gave himself. */
  hasPassword(email: string, password: string): void;
  /** A session of nobody in the bed, with as long a token as there is. */
  stranger(): Promise<SignedIn>;
  endSession(id: string): Promise<unknown>;
  /** Publishes the key that signs after the next rotation. */
  standby(): Promise<unknown>;
  rotate(): Promise<unknown>;
  /** Gives refresh tokens of the second version from now on. */
  upgrade(): Promise<unknown>;
  close(): Promise<void>;
}

export type Tokens = "1" | "2" | "upgrade";

export interface RealAuthOptions {
  program: string;
  databaseUrl: string;
}

/** The local Auth of a stack, which the stack closes. */
export function localAuth(auth: AuthServer): BedAuth {
  return {
    url: auth.url,
    publishableKey: auth.publishableKey,
    secretKey: auth.secretKey,
    hasPassword: () => undefined,
    signIn: async (email) => auth.createSession({ email }) as unknown as SignedIn,
    stranger: async () => auth.createSession({ email: "stranger@example.com", expiresIn: 3600 }) as unknown as SignedIn,
    endSession: async (id) => auth.deleteSession(id),
    standby: () => auth.keys.standby(),
    rotate: () => auth.keys.rotate(),
    upgrade: async () => auth.config({ algorithmVersion: 2, upgradePercent: 100 }),
    close: async () => undefined,
  };
}

const PASSWORD = "correct horse battery";
const NAMES: Record<Tokens, string> = {
  "1": "ES256, tokens of version 1",
  "2": "tokens of version 2",
  upgrade: "upgrade of tokens from version 1 to 2",
};

export async function realAuth(options: RealAuthOptions, tokens: Tokens, times: { jwtExp: number; reuseInterval: number }): Promise<BedAuth> {
  const databases = new Databases(options.databaseUrl);
  await databases.clean();
  const template = await prepare(options.program, databases);
  const project = await startProject(options.program, databases, template, configuration(tokens, times));
  const passwords = new Map<string, string>();
  const signIn = async (email: string): Promise<SignedIn> => {
    if (!passwords.has(email)) {
      passwords.set(email, PASSWORD);
      await call(project, "/admin/users", { email, password: PASSWORD, email_confirm: true }, project.secretKey);
    }
    return withId(await call(project, "/token?grant_type=password", { email, password: passwords.get(email) }, project.publishableKey));
  };
  return {
    url: project.url,
    publishableKey: project.publishableKey,
    secretKey: project.secretKey,
    signIn,
    hasPassword: (email, password) => void passwords.set(email, password),
    stranger: () => signIn("stranger@example.com"),
    endSession: (id) => project.query("delete from auth.sessions where id = $1", [id]),
    standby: () => project.standby(),
    rotate: () => project.rotate(),
    upgrade: () => project.upgrade(),
    async close() {
      await project.close();
      await databases.clean();
    },
  };
}

function configuration(tokens: Tokens, { jwtExp, reuseInterval }: { jwtExp: number; reuseInterval: number }): Configuration {
  const found = CONFIGURATIONS.find(({ name }) => name === NAMES[tokens]);
  if (found === undefined) {
    throw new Error(`no configuration is named ${NAMES[tokens]}`);
  }
  const short = { GOTRUE_JWT_EXP: String(jwtExp), GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: String(Math.ceil(reuseInterval)) };
  return { ...found, environment: { ...found.environment, ...short } };
}

/** Signing in is the bed's own affair: a server that is busy, or starts again, is asked again. */
async function call(project: Project, path: string, body: object, apikey: string, attempts = 5): Promise<any> {
  const response = await fetch(`${project.url}/auth/v1${path}`, { method: "POST", headers: { apikey }, body: JSON.stringify(body) });
  if (response.status >= 500 && attempts > 1) {
    await sleep(500);
    return call(project, path, body, apikey, attempts - 1);
  }
  // A user may have been made although the answer was lost.
  const isMade = response.status === 422 && attempts < 5;
  if (!response.ok && !isMade) {
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }
  return response.json();
}

function withId(session: SignedIn): SignedIn {
  const claims = JSON.parse(Buffer.from(session.access_token.split(".")[1] ?? "", "base64url").toString());
  return { ...session, session_id: claims.session_id };
}
