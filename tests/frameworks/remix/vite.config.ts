import { vitePlugin as remix } from "@remix-run/dev";
import { defineConfig } from "vite";

declare module "@remix-run/node" {
  interface Future {
    v3_singleFetch: true;
  }
}

export default defineConfig({
  plugins: [remix({ future: { v3_singleFetch: true } })],
  // Bundled, it renders with this app's React; where it is installed it would find the one of the other apps.
  ssr: { noExternal: ["@remix-run/react", "react-router-dom"] },
});
