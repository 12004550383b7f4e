/** Installs the servers of Node.js before the tests, unless they are there as the lock file says. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const STAMP = join(FOLDER, "node_modules", ".installed");

export default function install(): void {
  const lock = createHash("sha256").update(readFileSync(join(FOLDER, "package-lock.json"))).digest("hex");
  if (existsSync(STAMP) && readFileSync(STAMP, "utf8") === lock) {
    return;
  }
  const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--no-fund", "--no-audit"], {
    cwd: FOLDER,
    encoding: "utf8",
    // npm is a script on Windows.
    shell: process.platform === "win32",
  });
  if (status !== 0) {
    throw new Error(`npm ci in tests/fidelity failed:\n${stderr}`);
  }
  writeFileSync(STAMP, lock);
}
