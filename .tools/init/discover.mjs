// What a folder already says about its project.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { parse as parseToml } from "smol-toml";
import { readText } from "../doctor/settings.mjs";

const ENV_FILES = [".dev.vars", ".env.local", ".env", ".env.development.local", ".env.development", ".env.production"];
const PUBLIC = "(?:(?:NEXT_PUBLIC|NUXT_PUBLIC|PUBLIC|VITE|REACT_APP|EXPO_PUBLIC)_)?";
const URL_NAME = new RegExp(`^${PUBLIC}SUPABASE_(?:API_)?URL$`);
const KEY_NAME = new RegExp(`^${PUBLIC}SUPABASE_(?:PUBLISHABLE_KEY|PUBLISHABLE_DEFAULT_KEY|ANON_KEY|KEY)$`);

// By the package that only a site of that kind has; the first that is found counts.
const FRAMEWORKS = [
  { name: "Next.js (OpenNext)", package: "@opennextjs/cloudflare", inWorker: true },
  { name: "SvelteKit", package: "@sveltejs/adapter-cloudflare", inWorker: true },
  { name: "Astro", package: "@astrojs/cloudflare", inWorker: true },
  { name: "React Router", package: "@react-router/dev", inWorker: true, needs: "@cloudflare/vite-plugin" },
  { name: "Hono", package: "hono", inWorker: true, needs: "wrangler" },
];
const STATIC_FOLDERS = ["public", "dist", "out", "build", "_site"];

/** URL and key of the project, each with the file that they stand in. */
export function findProject(folder) {
  const found = {};
  for (const file of ENV_FILES) {
    const values = Object.entries(parseEnv(readText(join(folder, file)) ?? "")).filter(([, value]) => value !== "");
    const url = values.find(([name]) => URL_NAME.test(name))?.[1];
    const key = values.find(([name, value]) => KEY_NAME.test(name) && !value.startsWith("sb_secret_"))?.[1];
    // Both of one file, if it has both: they belong together.
    if (url !== undefined && found.url === undefined) Object.assign(found, { url: { value: url, file } }, key === undefined ? {} : { key: { value: key, file } });
    else if (key !== undefined && found.key === undefined) found.key = { value: key, file };
  }
  if (found.url === undefined) {
    const url = localUrl(folder);
    if (url !== undefined) found.url = { value: url, file: "supabase/config.toml" };
  }
  return found;
}

/** The address at which `supabase start` listens. */
function localUrl(folder) {
  const text = readText(join(folder, "supabase/config.toml"));
  if (text === undefined) return undefined;
  try {
    return `http://127.0.0.1:${parseToml(text).api?.port ?? 54321}`;
  } catch {
    return undefined;
  }
}

/** The framework whose adapter for Workers the folder has. */
export function findFramework(folder) {
  const manifest = readManifest(folder);
  const has = (name) => manifest?.dependencies?.[name] !== undefined || manifest?.devDependencies?.[name] !== undefined;
  return FRAMEWORKS.find(({ package: name, needs }) => has(name) && (needs === undefined || has(needs)));
}

/** A folder of files that are served as they are. */
export function findStaticFolder(folder) {
  return STATIC_FOLDERS.find((name) => existsSync(join(folder, name, "index.html")) && statSync(join(folder, name)).isDirectory());
}

export function readManifest(folder) {
  const text = readText(join(folder, "package.json"));
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
