/** `npx edge-session init`: what it finds, writes, adds and leaves alone; and the whole way of a new user. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { parse as parseToml } from "smol-toml";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unstable_readConfig } from "wrangler";
import { startAuthServer } from "../support/auth-server/server.ts";
import { cookieHeader, type SessionBody, writeCookies } from "../support/sessions.ts";
import { type Packed, ROOT, createFolder, navigate, pack, removeFolder, startDev, writeFiles } from "./install.ts";
// @ts-expect-error: a tool without types
import { PLACEHOLDERS, newConfiguration } from "../../.tools/init/configuration.mjs";
// @ts-expect-error: a tool without types
import { withoutComments } from "../../.tools/doctor/settings.mjs";

const CLI = join(ROOT, ".tools", "cli.mjs");
const URL_AND_KEY = ["--url", "https://abc.supabase.co", "--key", "sb_publishable_abc"];
// What `npx` of a new user has: Node.js, and no Rust.
const ENV = { PATH: `${dirname(process.execPath)}${delimiter}/usr/bin${delimiter}/bin`, HOME: tmpdir(), NO_COLOR: "1" };

const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

function site(files: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "init-"));
  folders.push(folder);
  writeFiles(folder, files);
  return folder;
}

function init(folder: string, args: string[], cli = CLI): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [cli, "init", ...args], { cwd: folder, encoding: "utf8", env: ENV });
}

const read = (folder: string, name: string): string => readFileSync(join(folder, name), "utf8");
const configuration = (folder: string): Record<string, any> => parseToml(read(folder, "wrangler.toml"));

describe("a new project", () => {
  test.each([
    ["static", [], { assets: { directory: "./public", binding: "ASSETS", run_worker_first: true }, workers_dev: true }],
    ["static", ["--directory", "./dist", "--host", "www.example.com"], { assets: { directory: "./dist", binding: "ASSETS", run_worker_first: true }, workers_dev: false, routes: [{ pattern: "www.example.com", custom_domain: true }] }],
    ["zone", ["--host", "www.example.com", "--host", "shop.example.co.uk"], { workers_dev: false, routes: [{ pattern: "www.example.com/*", zone_name: "example.com" }, { pattern: "shop.example.co.uk/*", zone_name: "example.co.uk" }] }],
    ["url", ["--origin", "https://site.vercel.app", "--host", "example.com"], { routes: [{ pattern: "example.com", custom_domain: true }] }],
    ["service", ["--service", "shop"], { services: [{ binding: "ORIGIN", service: "shop" }] }],
  ])("%s %j", (kind, args, expected) => {
    const folder = site();
    const { status, stdout, stderr } = init(folder, [...URL_AND_KEY, "--kind", kind, "--rule", "/club/*", "--rule", "!/club/open*", "--yes", ...args]);
    expect([status, stderr]).toEqual([0, ""]);
    const written = configuration(folder);
    expect(written).toMatchObject({ main: "node_modules/edge-session/build/index.js", preview_urls: false, cache: { enabled: false }, ...expected });
    expect(written.vars).toMatchObject({ SUPABASE_URL: "https://abc.supabase.co", SUPABASE_PUBLISHABLE_KEY: "sb_publishable_abc", RULES: [{ path: ["/club/*", "!/club/open*"], require: true }] });
    // wrangler takes it as it is.
    expect(unstable_readConfig({ config: join(folder, "wrangler.toml") }, { hideWarnings: true }).name).toBe("site");
    expect(stdout).toMatch(/^0 errors, 0 warnings\.$/m);
    expect(stdout).toMatch(/What is left:\n {2}npm install\n {2}npm run dev .*\n {2}npx wrangler secret put SUPABASE_SECRET_KEY .*\n {2}npm run deploy /);
    expect(read(folder, ".gitignore")).toMatch(/^\.dev\.vars\*$/m);
    expect(JSON.parse(read(folder, "package.json"))).toMatchObject({ scripts: { predeploy: "edge-session doctor", deploy: "wrangler deploy" }, devDependencies: { wrangler: expect.any(String) } });
    expect(existsSync(join(folder, "public/members/index.html"))).toBe(kind === "static" && args.length === 0);
  });

  test("a local project is for this machine, and a deployment is told so", () => {
    const folder = site();
    const { stdout } = init(folder, ["--url", "http://127.0.0.1:54321/", "--key", "sb_publishable_local", "--kind", "static", "--yes"]);
    expect(read(folder, ".dev.vars")).toContain("SUPABASE_URL=http://127.0.0.1:54321\nSUPABASE_PUBLISHABLE_KEY=sb_publishable_local\n");
    expect(configuration(folder).vars.SUPABASE_URL).toBe(PLACEHOLDERS.url);
    expect(stdout).toContain("SUPABASE_URL still holds a placeholder.");
  });

  test.each([
    [{ ".env.local": "NEXT_PUBLIC_SUPABASE_URL=https://one.supabase.co\nNEXT_PUBLIC_SUPABASE_PUBLISHABLE_KEY=sb_publishable_one\n" }, ".env.local", "https://one.supabase.co", "sb_publishable_one"],
    [{ ".env": 'PUBLIC_SUPABASE_URL="https://two.supabase.co"\nPUBLIC_SUPABASE_ANON_KEY=sb_publishable_two\nSUPABASE_KEY=sb_secret_x\n' }, ".env", "https://two.supabase.co", "sb_publishable_two"],
    [{ ".env": "VITE_SUPABASE_URL=https://three.supabase.co\nVITE_SUPABASE_PUBLISHABLE_DEFAULT_KEY=sb_publishable_three\n", "supabase/config.toml": "[api]\nport = 1\n" }, ".env", "https://three.supabase.co", "sb_publishable_three"],
  ])("takes the project from %j, and says so", (files, file, url, key) => {
    const folder = site(files);
    const { stdout } = init(folder, ["--kind", "static", "--yes"]);
    expect(configuration(folder).vars).toMatchObject({ SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: key });
    expect(stdout).toContain(`the project's url is taken from ${file}`);
    expect(stdout).toContain(`the project's key is taken from ${file}`);
  });

  test("takes the local address from supabase/config.toml", () => {
    const folder = site({ "supabase/config.toml": 'project_id = "x"\n[api]\nport = 55321\n' });
    init(folder, ["--key", "sb_publishable_x", "--kind", "static", "--yes"]);
    expect(read(folder, ".dev.vars")).toContain("SUPABASE_URL=http://127.0.0.1:55321\n");
  });

  test.each([
    [[], /the project's URL is not known: pass --url/],
    [["--url", "abc.supabase.co"], /--url must begin with http/],
    [["--url", "https://abc.supabase.co"], /the project's key is not known: pass --key/],
    [["--url", "https://abc.supabase.co", "--key", "sb_secret_abc"], /--key is the publishable key/],
    [[...URL_AND_KEY, "--kind", "other"], /--kind must be one of/],
    [[...URL_AND_KEY, "--kind", "url"], /--kind url needs --origin/],
    [[...URL_AND_KEY, "--kind", "worker"], /there is none here/],
    [[...URL_AND_KEY, "--rule", "members"], /--rule must be a path/],
    [[...URL_AND_KEY, "--host", "https://example.com/"], /--host must be a host/],
    [["--colour"], /Unknown option '--colour'[^]*usage: npx edge-session init/],
  ])("%j is refused, and nothing is written", (args, complaint) => {
    const folder = site();
    const { status, stderr } = init(folder, [...args, "--yes"]);
    expect([status, stderr]).toEqual([1, expect.stringMatching(complaint)]);
    expect(existsSync(join(folder, "wrangler.toml")) || existsSync(join(folder, ".dev.vars"))).toBe(false);
  });

  test("without a terminal nothing is written unasked", () => {
    const folder = site();
    expect(init(folder, [...URL_AND_KEY, "--kind", "static"])).toMatchObject({ status: 1, stderr: expect.stringContaining("pass --yes") });
    expect(existsSync(join(folder, "wrangler.toml"))).toBe(false);
  });
});

const OWN_TOML = `# The shop.
name = "shop"
main = "src/index.ts"
compatibility_date = "2026-10-01" # kept

[vars] # ours
GREETING = "hi"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Basket"]

[[durable_objects.bindings]]
name = "BASKET"
class_name = "Basket"

[env.staging.vars]
GREETING = "ho"
`;
const OWN_JSON = `{
  // The shop.
  "name": "shop",
  "main": "src/index.ts",
  "vars": { "GREETING": "hi, [you]" },
  "durable_objects": { "bindings": [{ "name": "BASKET", "class_name": "Basket" }] },
  "migrations": [{ "tag": "v1", "new_sqlite_classes": ["Basket"] },],
}
`;

describe("a Worker that is there", () => {
  test.each([
    ["wrangler.toml", OWN_TOML, parseToml],
    ["wrangler.jsonc", OWN_JSON, (text: string) => JSON.parse(withoutComments(text))],
    ["wrangler.toml", 'name = "shop"\nmain = "src/index.ts"\n', parseToml],
    ["wrangler.json", '{"name":"shop","main":"src/index.ts"}', JSON.parse],
  ] as [string, string, (text: string) => Record<string, any>][])("%s is added to, and nothing of it changes: %s", (name, text, parse) => {
    const before = parse(text);
    const folder = site({ [name]: text, "src/index.ts": "" });
    const { status, stdout, stderr } = init(folder, [...URL_AND_KEY, "--yes"]);
    expect([status, stderr]).toEqual([0, ""]);
    const after = parse(read(folder, name));
    expect(after).toMatchObject({ ...before, durable_objects: expect.anything(), migrations: expect.anything(), vars: before.vars ?? {} });
    expect(after.vars).toMatchObject({ SUPABASE_URL: "https://abc.supabase.co", RULES: [{ path: ["/members/*"], require: true }] });
    expect(after.durable_objects.bindings).toEqual([...(before.durable_objects?.bindings ?? []), { name: "REFRESH_GATE", class_name: "RefreshGate" }]);
    expect(after.migrations).toEqual([...(before.migrations ?? []), { tag: "edge-session-v1", new_sqlite_classes: ["RefreshGate"] }]);
    for (const line of text.split("\n").filter((one) => one.includes("shop") && one.length < 30)) expect(read(folder, name)).toContain(line.trim());
    expect(stdout).toMatch(/^ {2}\+ .*REFRESH_GATE/m);
    expect(stdout).toContain("export default withSession(app);");
    // A second time there is nothing to add.
    const once = read(folder, name);
    init(folder, [...URL_AND_KEY, "--yes"]);
    expect(read(folder, name)).toBe(once);
  });

  test("what cannot be added to safely is shown instead", () => {
    const text = 'name = "shop"\nmain = "src/index.ts"\ndurable_objects = { bindings = [] }\nvars.A = "1"\n';
    const folder = site({ "wrangler.toml": text });
    const { stdout } = init(folder, [...URL_AND_KEY, "--yes"]);
    expect(read(folder, "wrangler.toml")).toBe(text);
    expect(stdout).toMatch(/written in a way that this cannot add to[^]*"class_name": "RefreshGate"/);
  });

  test("assets that would come first are named", () => {
    const folder = site({ "wrangler.toml": 'name = "shop"\nmain = "src/index.ts"\n[assets]\ndirectory = "./public"\n' });
    expect(init(folder, [...URL_AND_KEY, "--yes"]).stdout).toContain("set run_worker_first = true");
  });

  test.each([
    ["Next.js (OpenNext)", { dependencies: { "@opennextjs/cloudflare": "1" } }],
    ["SvelteKit", { devDependencies: { "@sveltejs/adapter-cloudflare": "7" } }],
    ["Astro", { dependencies: { "@astrojs/cloudflare": "13" } }],
    ["React Router", { devDependencies: { "@react-router/dev": "7", "@cloudflare/vite-plugin": "1" } }],
    ["Hono", { dependencies: { hono: "4" }, devDependencies: { wrangler: "4" } }],
  ])("%s is recognised", (name, manifest) => {
    const folder = site({ "package.json": JSON.stringify(manifest), "wrangler.jsonc": OWN_JSON });
    const { stdout } = init(folder, [...URL_AND_KEY, "--yes"]);
    expect(stdout).toContain(`this is ${name}`);
    expect(stdout).toContain(`docs/frameworks.md has ${name}'s`);
    expect(JSON.parse(read(folder, "package.json"))).toMatchObject({ ...manifest, devDependencies: { ...("devDependencies" in manifest ? manifest.devDependencies : {}) } });
  });
});

test("files that are there stay", () => {
  const files = { ".dev.vars": "A=1\n", "wrangler.toml": 'name = "x"\n', "public/index.html": "mine", "package.json": '{"name":"x","scripts":{"deploy":"make"}}\n', ".gitignore": "dist" };
  const folder = site(files);
  const { stdout } = init(folder, [...URL_AND_KEY, "--kind", "static", "--yes"]);
  for (const name of [".dev.vars", "wrangler.toml", "public/index.html"] as const) expect(read(folder, name)).toBe(files[name]);
  expect(JSON.parse(read(folder, "package.json")).scripts.deploy).toBe("make");
  expect(read(folder, ".gitignore")).toBe("dist\n.dev.vars*\n");
  expect(stdout).toContain(".dev.vars is there already and stays as it is.");
});

test("files with a sign-in page of their own keep it", () => {
  const folder = site({ "public/login.html": "mine" });
  init(folder, [...URL_AND_KEY, "--kind", "static", "--yes"]);
  const written = read(folder, "wrangler.toml");
  expect(written).toContain('\nLOGIN_PATH = "/login"\n');
  expect(written).not.toContain("ACCOUNT_PAGES");
});

test("the template is what init writes", () => {
  const written = newConfiguration({ name: "site", kind: "static", hosts: [], directory: "./public", rule: ["/members/*"], ...PLACEHOLDERS });
  expect(read(ROOT, "template/wrangler.toml")).toBe(written);
  const folder = site();
  init(folder, [...URL_AND_KEY, "--kind", "static", "--yes"]);
  const { cloudflare, ...manifest } = JSON.parse(read(ROOT, "template/package.json")) as Record<string, any>;
  expect(JSON.parse(read(folder, "package.json"))).toEqual(manifest);
  expect(Object.keys(cloudflare.bindings).sort()).toEqual(["SUPABASE_PUBLISHABLE_KEY", "SUPABASE_SECRET_KEY", "SUPABASE_URL"]);
});

describe("a new user", () => {
  let packed: Packed;
  beforeAll(() => {
    packed = pack();
  });
  afterAll(() => removeFolder(join(packed.folder, "..")));

  test("without Rust: init, wrangler dev, a guarded page asks for a session and shows itself to one", async () => {
    const auth = await startAuthServer({ autoconfirm: true });
    const folder = createFolder(packed, {}, ["wrangler"]);
    try {
      const cli = join(folder, "node_modules/edge-session/build/package/cli.js");
      const made = init(folder, ["--url", auth.url, "--key", auth.publishableKey, "--kind", "static", "--yes"], cli);
      expect([made.status, made.stderr]).toEqual([0, ""]);
      expect(spawnSync("cargo", ["--version"], { env: ENV }).error).toBeDefined();
      const dev = await startDev(folder);
      try {
        expect((await navigate(dev, "/")).text).toContain("A static site");
        const denied = await navigate(dev, "/members/");
        expect([denied.status, denied.header("location")]).toEqual([303, "/auth/login?next=%2Fmembers%2F"]);
        expect((await navigate(dev, "/auth/login")).text).toContain("Sign in");
        const cookie = cookieHeader(await writeCookies(auth.url, auth.createSession() as unknown as SessionBody));
        const shown = await navigate(dev, "/members/", { cookie });
        expect([shown.status, shown.text.includes("Only who is signed in")]).toEqual([200, true]);
      } finally {
        await dev.stop();
      }
    } finally {
      await auth.close();
      removeFolder(folder);
    }
  });

  test("on a terminal it asks, and writes nothing without a yes", async () => {
    const folder = createFolder(packed, { ".env": "SUPABASE_URL=https://abc.supabase.co\nSUPABASE_ANON_KEY=sb_publishable_abc\n" });
    const cli = join(folder, "node_modules/edge-session/build/package/cli.js");
    // util-linux' `script` gives the command a terminal of its own.
    const child = spawn("script", ["-qec", `${process.execPath} ${cli} init`, "/dev/null"], { cwd: folder, env: ENV });
    let printed = "";
    child.stdout.on("data", (data: Buffer) => (printed += data));
    const answer = async (question: string, text: string): Promise<void> => {
      await expect.poll(() => printed, { timeout: 20_000 }).toContain(question);
      child.stdin.write(`${text}\r`);
    };
    await answer("The project's URL (https://abc.supabase.co)", "");
    await answer("Its publishable key (sb_publishable_abc)", "");
    await answer("What is behind the Worker (static)", "");
    await answer("The site's host", "www.example.com");
    await answer("Write this? [y/N]", "n");
    await new Promise((closed) => child.once("close", closed));
    expect(printed).toContain('pattern = "www.example.com"');
    expect(printed).toContain("nothing was written");
    expect(existsSync(join(folder, "wrangler.toml"))).toBe(false);
    removeFolder(folder);
  });
});
