/** Installs what a folder of tests needs besides, unless it is there as the lock file says. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** `folder` is the URL of a folder with a package-lock.json. */
export function installIn(folder: URL): void {
  const path = fileURLToPath(folder);
  const stamp = join(path, "node_modules", ".installed");
  const lock = createHash("sha256").update(readFileSync(join(path, "package-lock.json"))).digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) {
    return;
  }
  // npm gives its own path to the scripts it runs; elsewhere it is found by name, and a script on Windows.
  const npm = process.env.npm_execpath;
  const [command, ...first] = npm === undefined ? ["npm"] : [process.execPath, npm];
  const { status, stderr } = spawnSync(command!, [...first, "ci", "--ignore-scripts", "--no-fund", "--no-audit"], {
    cwd: path,
    encoding: "utf8",
    shell: npm === undefined && process.platform === "win32",
  });
  if (status !== 0) {
    throw new Error(`npm ci in ${path} failed:\n${stderr}`);
  }
  mkdirSync(join(path, "node_modules"), { recursive: true });
  writeFileSync(stamp, lock);
}
