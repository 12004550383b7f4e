import adapter from "@sveltejs/adapter-cloudflare";

// Its own configuration names the file that it writes; the one for wrangler names what is around it.
export default { kit: { adapter: adapter({ config: "wrangler.build.jsonc" }) } };
