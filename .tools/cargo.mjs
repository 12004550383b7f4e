// `node .tools/cargo.mjs <arguments>`: cargo with the toolchain of rust-toolchain.toml, installed if it is missing.
import { ensureToolchain, main, run } from "./rust.mjs";

await main(async () => run("cargo", process.argv.slice(2), await ensureToolchain()));
