/** Databases for one run each, made of one that was migrated once; what an earlier run left is removed first. */
import pg from "pg";

const PREFIX = "edge_session_test_";
/** The schema and the role names to which Auth's own migrations refer. */
const SCHEMA = `create schema if not exists auth`;

export class Databases {
  readonly #url: string;
  #made = 0;

  constructor(url: string) {
    this.#url = url;
  }

  /** Drops what this run and earlier ones left; a run that is still going on keeps its own. */
  async clean(): Promise<void> {
    const { rows } = await this.#run("select datname from pg_database where datname like $1", [`${PREFIX}%`]);
    const left = rows.filter(({ datname }) => !belongsToAnother(datname));
    for (const { datname } of left) {
      await this.drop(datname);
    }
  }

  async create(template?: string): Promise<string> {
    this.#made += 1;
    const name = `${PREFIX}${process.pid}_${this.#made}`;
    await this.#run(`create database ${name}${template === undefined ? "" : ` template ${template}`}`);
    if (template === undefined) {
      await this.query(name, SCHEMA);
    }
    return name;
  }

  drop(name: string): Promise<unknown> {
    return this.#run(`drop database if exists ${name} with (force)`);
  }

  /** The address at which Auth connects. */
  urlOf(name: string): string {
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    url.searchParams.set("search_path", "auth");
    return url.toString();
  }

  async query(name: string, sql: string, values: unknown[] = []): Promise<any[]> {
    const url = new URL(this.#url);
    url.pathname = `/${name}`;
    return (await run(url.toString(), sql, values)).rows;
  }

  #run(sql: string, values: unknown[] = []): Promise<{ rows: any[] }> {
    return run(this.#url, sql, values);
  }
}

async function run(connectionString: string, sql: string, values: unknown[]): Promise<{ rows: any[] }> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await client.query(sql, values);
  } finally {
    await client.end();
  }
}

/** The name holds the number of the process that made it. */
function belongsToAnother(name: string): boolean {
  const pid = Number(name.slice(PREFIX.length).split("_")[0]);
  if (pid === process.pid) {
    return false;
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
