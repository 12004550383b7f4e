/** What `npm pack` makes: small, whole, typed, and with nothing to install beside it. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Packed, ROOT, createFolder, filesBelow, pack, removeFolder } from "./install.ts";

const LIMIT_BYTES = 378_000;

let packed: Packed;
beforeAll(() => {
  packed = pack();
});
afterAll(() => removeFolder(join(packed.folder, "..")));

test("is small, and holds what it should and nothing else", () => {
  expect(packed.bytes).toBeLessThanOrEqual(LIMIT_BYTES);
  const names = packed.files.filter((name) => !name.startsWith("build/package/template/")).sort();
  expect(names).toEqual([
    "LICENSE",
    "README.md",
    "build/.stamp.json",
    "build/examine.js",
    "build/index.js",
    "build/index_bg.wasm",
    "build/package/cli.js",
    "build/package/index.d.ts",
    "build/package/index.js",
    "build/package/origin.d.ts",
    "build/package/origin.js",
    "docs/doctor.md",
    "package.json",
  ]);
});

test("the same build makes the same bytes", () => {
  const again = pack();
  const sum = ({ path }: Packed): string => createHash("sha256").update(readFileSync(path)).digest("hex");
  expect(sum(again)).toBe(sum(packed));
  removeFolder(join(again.folder, ".."));
});

test("needs no other package, and runs nothing when it is installed", () => {
  const manifest = JSON.parse(readFileSync(join(packed.folder, "package.json"), "utf8")) as Record<string, any>;
  expect(manifest.name).toBe("edge-session");
  expect(manifest.private).toBeUndefined();
  for (const field of ["dependencies", "peerDependencies", "optionalDependencies", "bundledDependencies"]) expect(manifest[field]).toBeUndefined();
  for (const script of ["preinstall", "install", "postinstall", "prepare"]) expect(manifest.scripts[script]).toBeUndefined();
  const allowed = /^(node:[\w/]+|\.{1,2}\/[\w./-]+)$/;
  const modules = filesBelow(join(packed.folder, "build")).filter((path) => path.endsWith(".js"));
  const imported = modules.flatMap((path) => [...readFileSync(path, "utf8").matchAll(/^(?:import|export)[^"'`;]*?\bfrom\s*"([^"]+)"/gm)].map(([, name = ""]) => name));
  expect(imported).toContain("../index.js");
  expect(imported.filter((name) => !allowed.test(name))).toEqual([]);
});

test("names no path of the machine that built it", () => {
  const places = [ROOT, process.env.CARGO_HOME ?? join(homedir(), ".cargo"), "/registry/src/index.crates.io-"];
  const wasm = join(packed.folder, "build/index_bg.wasm");
  expect(readFileSync(wasm).includes(places[2]!)).toBe(true);
  for (const path of filesBelow(packed.folder)) for (const place of places.slice(0, 2)) expect(readFileSync(path).includes(place), `${path}: ${place}`).toBe(false);
});

test("publint has nothing to say", async () => {
  const { messages, pkg } = await publint({ pkgDir: packed.folder, level: "suggestion", strict: true, pack: false });
  expect(messages.map((message) => formatMessage(message, pkg as Record<string, any>, { color: false }))).toEqual([]);
});

test("its types are what its modules are", async () => {
  const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(readFileSync(packed.path))));
  if (!analysis.types) throw new Error("there are no types");
  const problems = analysis.problems.map((problem) => [problem.kind, "resolutionKind" in problem ? problem.resolutionKind : ""]);
  // There is no CommonJS in a Worker; resolution before `exports` finds nothing, as it should.
  expect(problems.filter(([kind, resolution]) => kind !== "CJSResolvesToESM" && resolution !== "node10")).toEqual([]);
});

describe("in TypeScript", () => {
  const check = (source: string): string => {
    const folder = createFolder(packed, {
      "site.ts": source,
      "tsconfig.json": JSON.stringify({ compilerOptions: { strict: true, noEmit: true, target: "es2023", module: "esnext", moduleResolution: "bundler", lib: ["es2023", "webworker"], types: [], skipLibCheck: false }, files: ["site.ts"] }),
    });
    const { stdout } = spawnSync(process.execPath, [join(ROOT, "node_modules", "typescript", "bin", "tsc"), "-p", folder], { encoding: "utf8" });
    removeFolder(folder);
    return stdout;
  };

  test("an app is wrapped, and keeps its handlers", () => {
    expect(
      check(`
import { withSession, RefreshGate } from "edge-session";
import { readSession, verifyAssertion, AssertionError, type Session } from "edge-session/origin";
export { RefreshGate };
interface Env { NAME: string }
interface Context { waitUntil(promise: Promise<unknown>): void }
const app = {
  fetch(request: Request, env: Env, ctx: Context): Response {
    const session: Session | null = readSession(request);
    ctx.waitUntil(Promise.resolve());
    return new Response(session === null ? env.NAME : session.userId.toUpperCase());
  },
  scheduled(event: { cron: string }) { return event.cron; },
};
const worker = withSession(app);
const cron: string = worker.scheduled({ cron: "" });
const answer: Response | Promise<Response> = worker.fetch(new Request("https://a.example"), { NAME: cron }, { waitUntil() {} });
const later: Promise<Session | null> = readSession({ "x-session-outcome": "valid" }, { secret: "s", audience: "a.example" });
const email: unknown = readSession(new Headers())?.claims?.email;
verifyAssertion("token", { jwksUrl: "https://a.example/jwks.json", audience: ["a.example"] }).then(({ sub, exp }) => [sub?.length, exp.toFixed()], (error) => error instanceof AssertionError && error.code === "expired");
export default worker;
void [answer, later, email];
`),
    ).toBe("");
  });

  test.each([
    ["no app", 'import { withSession } from "edge-session";\nwithSession(3);', "TS2559"],
    ["an answer that is none", 'import { withSession } from "edge-session";\nwithSession({ fetch: () => 3 });', "TS2322"],
    ["two keys", 'import { readSession } from "edge-session/origin";\nreadSession(new Headers(), { secret: "s", jwksUrl: "u", audience: "a" });', "TS2345"],
    ["no audience", 'import { readSession } from "edge-session/origin";\nreadSession(new Headers(), { secret: "s" });', "TS2345"],
    ["a session that may be none", 'import { readSession } from "edge-session/origin";\nreadSession(new Headers()).userId;', "TS2531"],
  ])("%s is refused", (_, source, code) => {
    expect(check(source)).toContain(code);
  });
});

describe("the command", () => {
  const cli = (args: string[], cwd = packed.folder) => spawnSync(process.execPath, [join(packed.folder, "build/package/cli.js"), ...args], { cwd, encoding: "utf8", env: { PATH: "" } });

  test("says what there is, and refuses what there is not", () => {
    expect(cli([]).stdout).toMatch(/init[^]*doctor[^]*tail/);
    for (const command of ["init", "doctor", "tail"]) expect(cli([command, "--help"]).stdout).toMatch(new RegExp(`^usage: npx edge-session ${command}`));
    expect(cli(["deploy"])).toMatchObject({ status: 1, stderr: expect.stringContaining("there is no command deploy") });
  });

  test("the doctor answers without Rust within two seconds", () => {
    const config = 'name = "a"\n[vars]\nSUPABASE_URL = "https://abc.supabase.co"\nSUPABASE_PUBLISHABLE_KEY = "sb_publishable_x"\n[[vars.RULES]]\npath = "/members/*"\nrequire = true\n';
    const folder = createFolder(packed, { "wrangler.toml": config });
    const started = Date.now();
    const { stdout, stderr } = cli(["doctor", "--offline"], folder);
    expect(Date.now() - started).toBeLessThan(2_000);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/\/members\/zz9 +rule 0 +needs a session/);
    removeFolder(folder);
  });
});

test("the version is that of the crate", () => {
  const crate = /^version = "(.+)"$/m.exec(readFileSync(join(ROOT, "Cargo.toml"), "utf8"))?.[1];
  expect(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version).toBe(crate);
  expect(execFileSync("tar", ["-xzOf", packed.path, "package/package.json"], { encoding: "utf8" })).toContain(`"version": "${crate}"`);
});
