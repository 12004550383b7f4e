import adapter from "@sveltejs/adapter-cloudflare";
import { sveltekit } from "@sveltejs/kit/vite";
import { defineConfig } from "vite";

// Its own configuration names the file that it writes; the one for wrangler names what is around it.
export default defineConfig({ plugins: [sveltekit({ adapter: adapter({ config: "wrangler.build.jsonc" }) })] });
