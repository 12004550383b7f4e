/** Looks at a server before anything is made there: whether it is an Auth, with these keys, and without users. */

/** What keeps the run from starting, in one line. */
export class Refusal extends Error {}

/** Addresses that this suite made, in this run or in one that was interrupted. */
const OURS = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}@example\.com$/;

export async function checkServer(given: string, withUsers: boolean): Promise<{ version: string }> {
  const { AUTH_PUBLISHABLE_KEY: publishable = "", AUTH_SECRET_KEY: secret = "" } = process.env;
  const base = await findBase(given, publishable);
  const settings = await ask(`${base}/settings`, publishable);
  if (settings.status === 401) {
    throw new Refusal(`${given} does not know AUTH_PUBLISHABLE_KEY`);
  }
  const users = await ask(`${base}/admin/users?per_page=200`, secret);
  if (users.status !== 200) {
    throw new Refusal(`${given} does not know AUTH_SECRET_KEY`);
  }
  const { users: all } = users.body as { users: { id: string; email: string }[] };
  const others = all.filter(({ email }) => !OURS.test(email));
  if (others.length > 0 && !withUsers) {
    throw new Refusal(`${given} has users; a project in production is tested with --with-users only`);
  }
  await removeOurs(base, secret, all.filter(({ email }) => OURS.test(email)));
  return { version: (await ask(`${base}/health`, publishable)).body.version };
}

/** Removes the users that this suite made. */
export async function removeOurs(base: string, secret: string, users: { id: string }[]): Promise<void> {
  for (const { id } of users) {
    await fetch(`${base}/admin/users/${id}`, { method: "DELETE", headers: keyHeaders(secret) });
  }
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
