/** The versions of `@supabase/ssr` in `versions/`, each with its own supabase-js. */
import { readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("versions/", import.meta.url));

export interface Version {
  /** The name of its folder. */
  name: string;
  ssr: string;
  supabaseJs: string;
  /** Whether it knows `encode: "tokens-only"`. */
  tokensOnly: boolean;
  /** The module as npm installed it; its types differ from version to version. */
  load(): any;
}

/** All of them, oldest first. */
export function versions(): Version[] {
  return readdirSync(FOLDER).map(version).sort(byAge);
}

function version(name: string): Version {
  const require = createRequire(join(FOLDER, name, "package.json"));
  const { dependencies } = require("./package.json") as { dependencies: Record<string, string> };
  const ssr = dependencies["@supabase/ssr"] ?? "";
  return {
    name,
    ssr,
    supabaseJs: dependencies["@supabase/supabase-js"] ?? "",
    tokensOnly: minor(ssr) >= 8,
    load: () => require("@supabase/ssr"),
  };
}

function byAge(a: Version, b: Version): number {
  return minor(a.ssr) - minor(b.ssr) || a.name.length - b.name.length;
}

function minor(ssr: string): number {
  return Number(ssr.split(".")[1]);
}
