// Bundles the browser client of the app in whose folder this runs into its `dist/`.
import { join } from "node:path";
import { build } from "esbuild";

const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY } = process.env;
await build({
  entryPoints: [join(import.meta.dirname, "browser.ts")],
  outfile: process.argv[2],
  bundle: true,
  format: "esm",
  minify: true,
  define: {
    "process.env.SUPABASE_URL": JSON.stringify(SUPABASE_URL),
    "process.env.SUPABASE_PUBLISHABLE_KEY": JSON.stringify(SUPABASE_PUBLISHABLE_KEY),
  },
});
