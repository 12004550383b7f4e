// What the npm package holds beside the Worker: leaves build/package/. `npm pack` and `npm publish` run it (package.json, prepack).
import { chmodSync, cpSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";
import { ROOT, main } from "./rust.mjs";

const OUT = join(ROOT, "build", "package");

await main(async () => {
  rmSync(OUT, { recursive: true, force: true });
  mkdirSync(OUT, { recursive: true });
  for (const name of ["index.js", "index.d.ts", "origin.js", "origin.d.ts"]) cpSync(join(ROOT, ".tools", "package", name), join(OUT, name));
  cpSync(join(ROOT, "template", "public"), join(OUT, "template", "public"), { recursive: true });
  // One file with everything it imports: the package has no dependencies.
  await build({
    entryPoints: [join(ROOT, ".tools", "cli.mjs")],
    outfile: join(OUT, "cli.js"),
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node22",
    minify: true,
    legalComments: "inline",
    logLevel: "warning",
  });
  chmodSync(join(OUT, "cli.js"), 0o755);
});
