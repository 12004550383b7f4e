import { Databases } from "./database.ts";
import { prepare, startProject } from "./program.ts";
import { CONFIGURATIONS } from "./configurations.ts";
import { conformance } from "./conformance.ts";
const db = new Databases(process.env.DATABASE_URL!);
await db.clean();
const t = await prepare(process.env.AUTH_BIN!, db);
const seen = new Set<string>(); const all = new Set<string>();
for (const c of CONFIGURATIONS.filter((c) => new RegExp(process.argv[2] ?? ".").test(c.name))) {
  const p = await startProject(process.env.AUTH_BIN!, db, t, c);
  try { const o = await conformance(p, c);
  o.passed.forEach((n) => seen.add(n)); [...o.passed, ...o.skipped].forEach((n) => all.add(n));
  console.log(`## ${c.name}: ${o.passed.length} passed, ${o.failed.length} failed, ${o.skipped.length} skipped`);
  for (const f of o.failed) console.log("  - " + f.split("\n").slice(0, 16).join("\n      ")); } finally { await p.close(); }
}
console.log("never run:", [...all].filter((n) => !seen.has(n)));
await db.clean();
