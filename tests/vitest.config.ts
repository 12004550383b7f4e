import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Each workerd test file runs a runtime of its own and each browser test a Chromium, so files run one after the other:
// two cores are enough, and no test waits for a neighbour's load.
// A real Auth hashes passwords and writes to a disk: it takes longer on a busy machine, and nothing here measures it.
const PATIENCE = process.env.AUTH_URL === undefined ? 1 : 4;

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    environment: "node",
    fileParallelism: false,
    // Clients warn of much that a test does on purpose; what a failed test printed is shown.
    silent: "passed-only",
    // A case of a table is found by its whole name.
    taskTitleValueFormatTruncate: 200,
    projects: [
      project("auth-server", PATIENCE * 15_000),
      project("workerd", 30_000),
      project("attacks", 30_000),
      project("browser", 90_000),
      project("pages", 90_000),
      project("clients", 120_000, ["tests/clients/install.ts"]),
      project("fidelity", 240_000, ["tests/fidelity/install.ts"]),
      project("tools", 60_000),
      project("package", 120_000),
      // Needs a server that `npm run test:real-auth` starts or is given.
      ...(process.env.REAL_AUTH === undefined ? [] : [project("real-auth", 180_000)]),
    ],
  },
});

function project(name: string, timeout: number, globalSetup: string[] = []) {
  return {
    extends: true as const,
    test: { name, include: [`tests/${name}/*.test.ts`], globalSetup, hookTimeout: 2 * timeout, testTimeout: timeout },
  };
}
