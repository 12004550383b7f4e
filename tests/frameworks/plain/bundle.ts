// `node bundle.ts <entry> <outfile>`: for apps without a bundler of their own.
import { build } from "esbuild";

const [entry, outfile] = process.argv.slice(2);
const { SUPABASE_URL, SUPABASE_PUBLISHABLE_KEY } = process.env;
await build({
  entryPoints: [entry!],
  outfile: outfile!,
  bundle: true,
  format: "esm",
  minify: true,
  define: {
    "process.env.SUPABASE_URL": JSON.stringify(SUPABASE_URL),
    "process.env.SUPABASE_PUBLISHABLE_KEY": JSON.stringify(SUPABASE_PUBLISHABLE_KEY),
  },
});
