import node from "@astrojs/node";
import { defineConfig } from "astro/config";

export default defineConfig({
  output: "server",
  adapter: node({ mode: "standalone" }),
  // Behind a proxy Astro takes the site's host from `X-Forwarded-Host`, if it is one of these.
  // Another app's version of it lies where this one's server would find it.
  vite: { ssr: { noExternal: ["cookie"] } },
  security: { allowedDomains: [{ hostname: "app.example.com", protocol: "https" }, { hostname: "127.0.0.1" }] },
});
