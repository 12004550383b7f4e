// `node .tools/deny.mjs <arguments>`: cargo-deny, whose rules are in .cargo/deny.toml. `npm run audit` checks everything;
// CI leaves out the advisories, which it would have to fetch from GitHub.
import { ensureTool, ensureToolchain, main, run } from "./rust.mjs";

const DENY = { name: "cargo-deny", crate: "cargo-deny", version: "0.20.2", minutes: 4 };

await main(async () => {
  const env = await ensureToolchain();
  await run(await ensureTool(DENY, env), process.argv.slice(2), env);
});
