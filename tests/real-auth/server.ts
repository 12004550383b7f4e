/** Looks at a server before anything is made there: whether it is an Auth, with these keys, and without users. */

/** What keeps the run from starting, in one line. */
export class Refusal extends Error {}

/** What users without an address, and the addresses of the others, have that this suite made, in this run or in one that was interrupted. */
const MADE_BY = "edge-session conformance";
const OURS = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}@example\.com$/;

export interface Server {
  /** Where Auth's endpoints lie. */
  base: string;
  version: string;
  /** Removes the users that this run made. */
  clean(): Promise<void>;
}

export async function checkServer(given: string, withUsers: boolean): Promise<Server> {
  const { AUTH_PUBLISHABLE_KEY: publishable = "", AUTH_SECRET_KEY: secret = "" } = process.env;
  const base = await findBase(given, publishable);
  const settings = await ask(`${base}/settings`, publishable);
  if (settings.status === 401) {
    throw new Refusal(`${given} does not know AUTH_PUBLISHABLE_KEY`);
  }
  const listed = await users(base, secret);
  if (listed === null) {
    throw new Refusal(`${given} does not know AUTH_SECRET_KEY`);
  }
  const others = listed.filter((user) => !isOurs(user));
  if (others.length > 0 && !withUsers) {
    throw new Refusal(`${given} has users; a project in production is tested with --with-users only`);
  }
  const clean = () => removeOurs(base, secret);
  await clean();
  return { base, clean, version: (await ask(`${base}/health`, publishable)).body.version };
}

interface User {
  id: string;
  email: string;
  user_metadata?: Record<string, unknown>;
}

function isOurs({ email, user_metadata }: User): boolean {
  return OURS.test(email) || user_metadata?.made_by === MADE_BY;
}

/** The first thousand users; null if the key is not an administrator's. */
async function users(base: string, secret: string): Promise<User[] | null> {
  const { status, body } = await ask(`${base}/admin/users?per_page=1000`, secret);
  return status === 200 ? body.users : null;
}

/** Removes the users that this suite made, until none is left. */
async function removeOurs(base: string, secret: string): Promise<void> {
  let ours: User[];
  do {
    ours = ((await users(base, secret)) ?? []).filter(isOurs);
    for (const { id } of ours) {
      await fetch(`${base}/admin/users/${id}`, { method: "DELETE", headers: keyHeaders(secret) });
    }
  } while (ours.length >= 1000);
}

async function findBase(given: string, key: string): Promise<string> {
  for (const base of [given.replace(/\/+$/, ""), `${given.replace(/\/+$/, "")}/auth/v1`]) {
    const { body } = await ask(`${base}/health`, key).catch((error: Error) => {
      throw new Refusal(`${given} cannot be reached: ${(error.cause as Error | undefined)?.message ?? error.message}`);
    });
    if (body?.name === "GoTrue") {
      return base;
    }
  }
  throw new Refusal(`${given} is no Supabase Auth, or does not know AUTH_PUBLISHABLE_KEY`);
}

async function ask(url: string, key: string): Promise<{ status: number; body: any }> {
  const response = await fetch(url, { headers: keyHeaders(key) });
  return { status: response.status, body: await response.json().catch(() => null) };
}

function keyHeaders(key: string): Record<string, string> {
  return { apikey: key, Authorization: `Bearer ${key}` };
}
