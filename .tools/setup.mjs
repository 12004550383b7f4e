// Installs the npm packages if node_modules does not hold the versions of package.json: `npm test` and `npm start` work
// in a fresh clone, and after a pull that changed them.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Problem, ROOT, main, say } from "./rust.mjs";

await main(() => {
  if (missing().length === 0) return;
  say("installing the npm packages…");
  // npm gives its own path to the scripts it runs; on Windows the bare name would be a .cmd.
  const npm = process.env.npm_execpath;
  const args = ["install", "--no-save"];
  const { status } = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: ROOT, stdio: "inherit" })
    : spawnSync("npm", args, { cwd: ROOT, stdio: "inherit", shell: process.platform === "win32" });
  if (status !== 0) throw new Problem("`npm install` failed");
  const still = missing();
  if (still.length > 0) throw new Problem(`still missing after \`npm install\`: ${still.join(", ")}`);
});

function missing() {
  const { devDependencies } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  return Object.keys(devDependencies).filter((name) => installedVersion(name) !== devDependencies[name]);
}

function installedVersion(name) {
  try {
    return JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
  } catch {
    return undefined;
  }
}
