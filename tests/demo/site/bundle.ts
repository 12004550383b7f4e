import { build } from "esbuild";
import { fileURLToPath } from "node:url";

export interface Asset {
  body: string | Uint8Array;
  type: string;
}

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The site's scripts and styles, bundled in memory: file name → content. */
export async function bundleAssets(): Promise<Map<string, Asset>> {
  const { outputFiles } = await build({
    entryPoints: { login: here("browser/login.ts"), panel: here("browser/panel.ts"), style: here("style.css") },
    outdir: "/assets",
    bundle: true,
    chunkNames: "chunk-[hash]",
    format: "esm",
    logLevel: "silent",
    minify: true,
    // The Supabase client is the larger part by far; it loads only on the login page and for signing out.
    splitting: true,
    target: "es2022",
    write: false,
  });
  return new Map(
    outputFiles.map(({ contents, path }) => {
      const type = path.endsWith(".css") ? "text/css; charset=utf-8" : "text/javascript; charset=utf-8";
      return [path.replace(/^.*[\\/]/, ""), { body: contents, type }];
    }),
  );
}
