/** The page's script as a browser loads it, with the client's clockwork running faster. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const TICK = "AUTO_REFRESH_TICK_DURATION_MS = 30 * 1000;";

/** Bundles the page with the client in `versions/<version>`, whose ticker ticks every `tickMs`; nothing else is changed. */
export async function bundlePage(version: string, tickMs: number): Promise<string> {
  let scaled = 0;
  const clockwork: Plugin = {
    name: "clockwork",
    setup({ onLoad }) {
      onLoad({ filter: /auth-js[\\/]dist[\\/]module[\\/]lib[\\/]constants\.js$/ }, async ({ path }) => {
        const source = await readFile(path, "utf8");
        scaled += source.split(TICK).length - 1;
        return { contents: source.replace(TICK, `AUTO_REFRESH_TICK_DURATION_MS = ${tickMs};`), loader: "js" };
      });
    },
  };
  const { outputFiles } = await build({
    entryPoints: [join(FOLDER, "page.ts")],
    alias: { "@supabase/ssr": join(FOLDER, "..", "versions", version, "node_modules", "@supabase", "ssr") },
    bundle: true,
    format: "iife",
    logLevel: "silent",
    plugins: [clockwork],
    target: "es2022",
    write: false,
  });
  if (scaled !== 1) {
    throw new Error(`the client's tick was found ${scaled} times instead of once`);
  }
  return outputFiles[0]?.text ?? "";
}
