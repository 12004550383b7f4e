/** What an interrupted run left is removed by the next, and what a run that goes on needs is not. */
import { spawnSync } from "node:child_process";
import { afterAll, expect, test } from "vitest";
import { Databases } from "./database.ts";

const databases = new Databases(process.env.DATABASE_URL ?? "");
const { pid: ended = 0 } = spawnSync(process.execPath, ["-e", ""]);
const names = { ended: `edge_session_test_${ended}_1`, ours: `edge_session_test_${process.ppid}_999`, others: "edge_session_customers" };

async function exists(name: string): Promise<boolean> {
  return (await databases.query("postgres", "select 1 from pg_database where datname = $1", [name])).length > 0;
}

afterAll(async () => {
  await Promise.all(Object.values(names).map((name) => databases.drop(name)));
});

test("databases of a run that was interrupted go, all others stay", async () => {
  for (const name of Object.values(names)) {
    await databases.query("postgres", `create database ${name}`);
  }
  await databases.clean();
  expect([await exists(names.ended), await exists(names.ours), await exists(names.others)]).toEqual([false, true, true]);
});
