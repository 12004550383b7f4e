import { existsSync, readFileSync } from "node:fs";

const ROOT = new URL("../../", import.meta.url);

/** Packages of `package.json` that are not in `node_modules`. */
export function missingPackages(): string[] {
  const { devDependencies } = JSON.parse(readFileSync(new URL("package.json", ROOT), "utf8")) as { devDependencies: Record<string, string> };
  return Object.keys(devDependencies).filter((name) => !existsSync(new URL(`node_modules/${name}/package.json`, ROOT)));
}
