/** Runs Auth's own program, which whoever runs the suite brings, in one configuration on a database of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Configuration } from "./configurations.ts";
import type { Databases } from "./database.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { SigningKeys } from "./keys.ts";
import { type MailSink, startMailSink } from "./mail.ts";
import { type Provider, startProvider } from "./provider.ts";

/** A project as the Worker and the clients see it. */
export interface Running {
  url: string;
  publishableKey: string;
  secretKey: string;
  version: string;
  close(): Promise<void>;
}

/** One that was started here, so that its operator is at hand. */
export interface Project extends Running {
  mail: MailSink;
  provider: Provider;
  /** Signs with a new key from now on; the earlier ones still verify. */
  rotate(): Promise<void>;
  revokeEarlierKeys(): Promise<void>;
  /** Publishes the key that will sign after the next rotation. */
  standby(): Promise<void>;
  jwtSecret: string;
  query(sql: string, values?: unknown[]): Promise<any[]>;
  /** Starts again with the configuration's later settings; false if it has none. */
  upgrade(): Promise<boolean>;
  /** Makes everything that Auth keeps older by so many seconds. */
  age(seconds: number): Promise<void>;
  /** The codes that the hook kept, oldest first. */
  messages(to?: string): Promise<{ to: string; code: string }[]>;
}

const START_MS = 30_000;
export const REUSE_INTERVAL_SECONDS = 3;

/** Codes that a hook in SQL takes instead of a provider of messages. */
const HOOKS = `
create table public.sent_messages (id serial primary key, phone text, code text);
create function public.keep_message(event jsonb) returns jsonb language sql security definer as $$
  insert into public.sent_messages (phone, code)
    values (coalesce(nullif(event->'sms'->>'phone', ''), event->'user'->>'phone'), event->'sms'->>'otp');
  select '{}'::jsonb;
$$;
create function public.rename_role(event jsonb) returns jsonb language sql as $$
  select jsonb_set(jsonb_set((event #- '{claims,iss}'), '{claims,role}', '"member"'), '{claims,tenant}', '"acme"');
$$;`;

/** Runs the migrations once; other databases are copies. */
export async function prepare(program: string, databases: Databases): Promise<string> {
  const name = await databases.create();
  const child = launch(program, ["migrate"], { ...base(databases.urlOf(name), 0), GOTRUE_JWT_SECRET: randomUUID() + randomUUID() });
  const status = await new Promise((exited) => child.process.once("exit", exited));
  if (status !== 0) {
    throw new Error(`the program could not migrate its database: ${child.output().slice(-400)}`);
  }
  await databases.query(name, HOOKS);
  return name;
}

export async function startProject(program: string, databases: Databases, template: string, configuration: Configuration): Promise<Project> {
  const database = await databases.create(template);
  const messages = async (to?: string) =>
    databases.query(database, `select phone as "to", code from public.sent_messages where $1::text is null or phone = $1 order by id`, [to?.replace(/^\+/, "") ?? null]);
  const [mail, provider, keys, port] = await Promise.all([
    startMailSink(),
    startProvider(),
    SigningKeys.create(configuration.algorithm),
    freePort(),
  ]);
  const publishableKey = `sb_publishable_${randomUUID()}`;
  const secretKey = `sb_secret_${randomUUID()}`;
  const gateway = await startGateway(`http://127.0.0.1:${port}`, { publishable: publishableKey, secret: secretKey, serviceToken: () => keys.serviceToken() });
  let later: Record<string, string> = {};
  const environment = () => ({
    ...base(databases.urlOf(database), port),
    ...surroundings(gateway, mail, provider),
    ...keys.environment(),
    ...configuration.environment,
    ...later,
  });
  let running = await start(program, environment(), port);
  const again = async (): Promise<void> => {
    await stop(running);
    running = await start(program, environment(), port);
  };
  return {
    url: gateway.url,
    publishableKey,
    secretKey,
    version: await version(port),
    mail,
    provider,
    jwtSecret: keys.secret,
    async rotate() {
      await keys.rotate();
      await again();
    },
    async standby() {
      await keys.standby();
      await again();
    },
    async revokeEarlierKeys() {
      keys.revoke();
      await again();
    },
    async upgrade() {
      if (configuration.upgrade === undefined) {
        return false;
      }
      later = configuration.upgrade;
      await again();
      return true;
    },
    async age(seconds) {
      await databases.query(database, aging(seconds));
    },
    messages,
    query: (sql, values) => databases.query(database, sql, values),
    async close() {
      await stop(running);
      await Promise.all([gateway.close(), mail.close(), provider.close()]);
      await databases.drop(database);
    },
  };
}

/** The times by which Auth decides, in its own tables. */
const TIMES: Record<string, string[]> = {
  sessions: ["created_at", "updated_at"],
  refresh_tokens: ["created_at", "updated_at"],
  flow_state: ["created_at", "auth_code_issued_at"],
  mfa_challenges: ["created_at"],
  mfa_factors: ["last_challenged_at"],
  webauthn_challenges: ["created_at", "expires_at"],
  users: ["confirmation_sent_at", "recovery_sent_at", "email_change_sent_at", "phone_change_sent_at", "reauthentication_sent_at"],
};

function aging(seconds: number): string {
  const back = `interval '${Math.round(seconds)} seconds'`;
  return Object.entries(TIMES)
    .map(([table, columns]) => `update auth.${table} set ${columns.map((column) => `${column} = ${column} - ${back}`).join(", ")};`)
    .join("\n");
}

/** What every configuration has. */
function base(databaseUrl: string, port: number): Record<string, string> {
  return {
    GOTRUE_DB_DRIVER: "postgres",
    DATABASE_URL: databaseUrl,
    DB_NAMESPACE: "auth",
    GOTRUE_DB_MAX_POOL_SIZE: "20",
    GOTRUE_API_HOST: "127.0.0.1",
    PORT: String(port),
    API_EXTERNAL_URL: "http://127.0.0.1",
    GOTRUE_SITE_URL: "https://app.example.com",
    GOTRUE_URI_ALLOW_LIST: "https://app.example.com/**",
    GOTRUE_JWT_EXP: "3600",
    GOTRUE_JWT_AUD: "authenticated",
    GOTRUE_JWT_DEFAULT_GROUP_NAME: "authenticated",
    GOTRUE_JWT_ADMIN_ROLES: "service_role",
    GOTRUE_LOG_LEVEL: "error",
    GOTRUE_EXTERNAL_EMAIL_ENABLED: "true",
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: "true",
    GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL: String(REUSE_INTERVAL_SECONDS),
    GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED: "true",
    GOTRUE_MAILER_OTP_LENGTH: "6",
    GOTRUE_SMTP_MAX_FREQUENCY: "1ms",
    GOTRUE_RATE_LIMIT_EMAIL_SENT: "1000000",
    GOTRUE_PASSWORD_MIN_LENGTH: "6",
  };
}

const MAILS = ["confirmation", "invite", "recovery", "magic_link", "email_change", "reauthentication"];
const TYPES: Record<string, string> = { confirmation: "signup", magic_link: "magiclink" };

function surroundings(gateway: Gateway, mail: MailSink, provider: Provider): Record<string, string> {
  const each = (name: string, value: (mail: string) => string) =>
    Object.fromEntries(MAILS.map((kind) => [`GOTRUE_MAILER_${name}_${kind.toUpperCase()}`, value(kind)]));
  return {
    API_EXTERNAL_URL: `${gateway.url}/auth/v1`,
    GOTRUE_JWT_ISSUER: `${gateway.url}/auth/v1`,
    GOTRUE_SMTP_HOST: "127.0.0.1",
    GOTRUE_SMTP_PORT: String(mail.smtpPort),
    GOTRUE_SMTP_ADMIN_EMAIL: "auth@example.com",
    ...each("URLPATHS", () => "/auth/v1/verify"),
    ...each("TEMPLATES", () => `${mail.templateUrl}`),
    ...each("SUBJECTS", (kind) => TYPES[kind] ?? kind),
    GOTRUE_EXTERNAL_KEYCLOAK_ENABLED: "true",
    GOTRUE_EXTERNAL_KEYCLOAK_URL: provider.url,
    GOTRUE_EXTERNAL_KEYCLOAK_CLIENT_ID: "edge-session",
    GOTRUE_EXTERNAL_KEYCLOAK_SECRET: "edge-session",
    GOTRUE_EXTERNAL_KEYCLOAK_REDIRECT_URI: `${gateway.url}/auth/v1/callback`,
  };
}

interface Launched {
  process: ChildProcess;
  output(): string;
}

/** What still runs when this process ends, by whatever signal, ends with it. */
const children = new Set<ChildProcess>();
process.on("exit", () => children.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => process.exit(1));
}

function launch(program: string, args: string[], environment: Record<string, string>): Launched {
  const process_ = spawn(program, args, { env: { PATH: process.env.PATH, ...environment }, stdio: ["ignore", "pipe", "pipe"] });
  children.add(process_);
  process_.once("exit", () => children.delete(process_));
  let output = "";
  for (const stream of [process_.stdout, process_.stderr]) {
    stream.on("data", (chunk: Buffer) => void (output = (output + chunk.toString()).slice(-20_000)));
  }
  process_.once("error", (error) => void (output += String(error)));
  return { process: process_, output: () => output };
}

async function start(program: string, environment: Record<string, string>, port: number): Promise<Launched> {
  const running = launch(program, [], environment);
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline && running.process.exitCode === null) {
    if ((await fetch(`http://127.0.0.1:${port}/health`).catch(() => null))?.ok === true) {
      return running;
    }
    await sleep(50);
  }
  await stop(running);
  throw new Error(`the program did not start: ${running.output().slice(-600)}`);
}

async function stop({ process: child }: Launched): Promise<void> {
  if (child.exitCode !== null) {
    return;
  }
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
  await exited;
  clearTimeout(late);
}

async function version(port: number): Promise<string> {
  const { version: named } = (await (await fetch(`http://127.0.0.1:${port}/health`)).json()) as { version: string };
  return named;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
