import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// A configuration of its own: these tests need apps that `main.ts` has installed and built, which `npm test` does not wait for.
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: {
    environment: "node",
    include: ["*.test.ts"],
    fileParallelism: false,
    // A hint of the real client about sessions read from cookies, which is what these tests do.
    onConsoleLog: (text) => !text.includes("supabase.auth.getSession()"),
    hookTimeout: 120_000,
    testTimeout: 60_000,
  },
});
