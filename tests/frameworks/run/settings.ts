/** What the builds of the apps and the tests have to agree on: browser bundles hold the project's URL and key. */
import { fileURLToPath } from "node:url";

export const FOLDER = fileURLToPath(new URL("..", import.meta.url));
/** Below the ports that systems hand out by themselves. */
export const AUTH_PORT = Number(process.env.FRAMEWORKS_AUTH_PORT ?? 24_391);
export const SUPABASE_URL = `http://127.0.0.1:${AUTH_PORT}`;
export const PUBLISHABLE_KEY = "sb_publishable_frameworks0123456789_abcdef";

/** The names under which the guides hand both to a framework. */
export const SUPABASE_ENV: Record<string, string> = Object.fromEntries(
  ["", "NEXT_PUBLIC_", "PUBLIC_", "VITE_"].flatMap((prefix) => [
    [`${prefix}SUPABASE_URL`, SUPABASE_URL],
    [`${prefix}SUPABASE_PUBLISHABLE_KEY`, PUBLISHABLE_KEY],
  ]),
);

/** Nothing but loopback is asked for, and nothing is reported. */
export const QUIET_ENV: Record<string, string> = {
  ASTRO_TELEMETRY_DISABLED: "1",
  CI: "1",
  DO_NOT_TRACK: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NODE_ENV: "production",
};
