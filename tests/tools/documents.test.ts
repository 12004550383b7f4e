/** Every command of the README and of docs/ runs: the real one, in a copy of the project, beside stand-ins for Auth and Cloudflare. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { type Cloudflare, createCloudflare } from "./cloudflare.ts";
import { judge, withServer } from "./doctor.ts";
import { type Packed, createFolder, pack, removeFolder } from "../package/install.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const DOCUMENTS = ["README.md", ...readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

/** Commands that are run here, what each must have asked Cloudflare for, and what it must print. */
const HERE: { command: RegExp; calls?: RegExp; prints?: RegExp; until?: RegExp }[] = [
  { command: /^(npm run doctor --|npx edge-session doctor) --env (production|staging)( --paths \S+)?$|^npm run doctor$/, prints: /^0 errors, \d+ warnings?\.$/m },
  { command: /^npx edge-session doctor --env production/, prints: /^0 errors, 0 warnings\.$/m },
  { command: /^npm run deploy$/, calls: /^PUT \/workers\/scripts\/edge-session$/, prints: /^0 errors, \d+ warnings?\.$[^]*Current Version ID/m },
  { command: /^npx edge-session tail( --problems)?$/, calls: /^POST \/workers\/scripts\/edge-session\/tails$/ },
  { command: /^npx edge-session tail$/, until: /expired +200/, prints: /valid +200 +GET \/ +no rule[^]*expired +200[^\n]*refresh_token_not_found/ },
  { command: /^npx edge-session tail --problems$/, until: /rule 0/, prints: /unavailable +502 +GET \/ +rule 0/ },
  { command: /^npx edge-session init --url /, prints: /What is left:/ },
  { command: /^npx wrangler kv namespace create SESSION_KV( --env production)?$/, calls: /^POST \/storage\/kv\/namespaces$/, prints: /binding = "SESSION_KV"/ },
  { command: /^npx wrangler kv key get /, calls: /^GET \/storage\/kv\/namespaces\/\w{32}\/values\/jwks%3Ahttps/, prints: /"fetched_at"/ },
  { command: /^npx wrangler kv key delete /, calls: /^DELETE \/storage\/kv\/namespaces\/\w{32}\/values\/jwks%3Ahttps/ },
  { command: /^(openssl rand -base64 48 \| )?npx wrangler secret put [A-Z_]+( --env production)?$/, calls: /^PUT \/workers\/scripts\/edge-session(-production)?\/secrets$/, prints: /Success/ },
  { command: /^npx wrangler secret delete [A-Z_]+( --env production)?$/, calls: /^DELETE \/workers\/scripts\/edge-session(-production)?\/secrets\/[A-Z_]+$/, prints: /Success/ },
  { command: /^npx wrangler secret list --env production$/, calls: /^GET \/workers\/scripts\/edge-session-production\/secrets$/, prints: /SUPABASE_SECRET_KEY/ },
  { command: /^npx wrangler deploy( --env (production|staging|""))?( --var [A-Z_]+:\w+)?$/, calls: /^PUT \/workers\/scripts\/edge-session(-production|-staging)?$/, prints: /Current Version ID/ },
  { command: /^npx wrangler deploy --env production$/, calls: /^PUT \/workers\/scripts\/edge-session-production\/routes$/ },
  // Staging has no namespace yet: the deployment makes it.
  { command: /^npx wrangler deploy --env staging$/, calls: /^POST \/storage\/kv\/namespaces$/, prints: /env\.SESSION_KV/ },
  { command: /^npm run doctor -- --env production/, prints: /^0 errors, 0 warnings\.$/m },
  { command: /^npx wrangler deployments list --env production$/, calls: /^GET \/workers\/scripts\/edge-session-production\/deployments$/, prints: /Version/ },
  { command: /^npx wrangler rollback( --env production .*)?$/, calls: /^POST \/workers\/scripts\/edge-session(-production)?\/deployments$/, prints: /SUCCESS|Success/ },
  { command: /^npx wrangler tail /, calls: /^POST \/workers\/scripts\/edge-session(-production)?\/tails$/, until: /"outcome":"expired"/, prints: /"outcome":"expired"/ },
  { command: /^curl .*\/analytics_engine\/sql"/, calls: /^POST \/analytics_engine\/sql$/, prints: /"success":true/ },
  // It would open a browser.
  { command: /^npx wrangler login$/, prints: /Login to Cloudflare|login to Cloudflare/ },
  { command: /^npx wrangler deploy --dry-run$/, prints: /--dry-run: exiting now/ },
  { command: /^npm run dev$/, prints: /Ready on http/, until: /Ready on http/ },
];

/** Commands that something else runs: the file that does, and the words in it. */
const ELSEWHERE: { command: RegExp; file: string; words: string }[] = [
  { command: /^npm (ci|install|install && npm test)$/, file: ".ci/run", words: 'step "npm packages" npm ci' },
  { command: /^npm install --save-dev edge-session wrangler$/, file: "tests/package/install.ts", words: "As an installation would be" },
  { command: /^npx edge-session init$/, file: "tests/package/init.test.ts", words: 'test("on a terminal it asks, and writes nothing without a yes"' },
  { command: /^(npm install && )?npm test$/, file: ".ci/run", words: 'step "tests" npm test' },
  { command: /^npm run bench/, file: "tests/tools/bench.test.ts", words: "await bench({" },
  { command: /^npm run audit$/, file: ".ci/run", words: "node .tools/deny.mjs check" },
  { command: /^npm install && npm start$/, file: "tests/browser/demo.test.ts", words: "startDemo(" },
  { command: /^curl .* -H "X-Session-Explain: /, file: "tests/workerd/explaining.test.ts", words: '["X-Session-Explain", SECRET]' },
  { command: /^curl -X PUT .*\/auth\/revocations\/<session id>$/, file: "tests/workerd/routes.test.ts", words: "/revocations/" },
];

interface Command {
  document: string;
  text: string;
}

/** The commands of all fenced blocks and of the example workflows, each once, without the remarks behind them. */
function documentedCommands(): Command[] {
  const seen = new Set<string>();
  const inWorkflows = readdirSync(join(ROOT, "docs/examples")).flatMap((name) =>
    [...readFileSync(join(ROOT, "docs/examples", name), "utf8").matchAll(/^ *- run: (?!\|)(.+)$/gm)].map(([, text = ""]) => ({ document: `docs/examples/${name}`, text })),
  );
  const inBlocks = DOCUMENTS.flatMap((document) => {
    const blocks = readFileSync(join(ROOT, document), "utf8").matchAll(/^```(?:sh|bash)\n([^]*?)^```$/gm);
    return [...blocks].flatMap(([, block = ""]) => block.replaceAll("\\\n", " ").split("\n").map((line) => ({ document, text: line.replace(/\s+#\s.*$/, "").trim() })));
  });
  return [...inBlocks, ...inWorkflows].filter(({ text }) => text !== "" && !text.startsWith("# ") && !seen.has(text) && seen.add(text));
}

const commands = documentedCommands();
const ours = commands.filter(({ text }) => HERE.some(({ command }) => command.test(text)));
const others = commands.filter((command) => !ours.includes(command));

let auth: AuthServer;
let packed: Packed;
beforeAll(async () => {
  packed = pack();
  auth = await startAuthServer();
});
afterAll(async () => {
  await auth.close();
  removeFolder(dirname(packed.path));
});

test("the documents hold commands", () => {
  expect(DOCUMENTS.length).toBeGreaterThanOrEqual(6);
  expect(ours.length).toBeGreaterThanOrEqual(15);
});

describe("run here", () => {
  test.concurrent.each(ours)("$text ($document)", async ({ text }) => {
    const cloudflare = createCloudflare();
    const expected = HERE.filter(({ command }) => command.test(text));
    const { status, output } = await withServer(cloudflare.listener, (api) => run(filledIn(text, api), api, expected.find(({ until }) => until)?.until), cloudflare.stream);
    const told = `${output}\n${cloudflare.calls.join("\n")}`;
    expect(status, told).toBe(0);
    for (const { calls, prints } of expected) {
      if (calls) expect(cloudflare.calls, told).toContainEqual(expect.stringMatching(calls));
      if (prints) expect(output).toMatch(prints);
    }
  });
});

describe("run elsewhere", () => {
  test.each(others)("$text ($document)", ({ text }) => {
    const places = ELSEWHERE.filter(({ command }) => command.test(text));
    expect(places.length, `nothing runs this command: add it to one of the tables of ${import.meta.filename}`).toBeGreaterThan(0);
    for (const { file, words } of places) expect(readFileSync(join(ROOT, file), "utf8")).toContain(words);
  });
});

describe("examples of wrangler.toml", () => {
  // What a piece of a configuration may lack, and what a reader is to fill in.
  const LEFT_OUT = /^SUPABASE_(URL|PUBLISHABLE_KEY) must be set|still holds a placeholder/;
  // A mistake is shown with what the doctor says of it, and `rules.test.ts` holds it to that.
  const blocks = DOCUMENTS.flatMap((document) =>
    [...readFileSync(join(ROOT, document), "utf8").matchAll(/^```toml\n([^]*?)^```$(\n\n```text\n✗)?/gm)]
      .map(([, toml = "", mistake], index) => ({ document, index, toml, mistake }))
      .filter(({ mistake }) => mistake === undefined),
  );

  test.each(blocks)("$document, $index", async ({ toml }) => {
    const config = `name = "edge-session"\ncompatibility_date = "2026-10-01"\nmigrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]\n${toml}`;
    const findings = await judge({ config }, toml.includes("[env.production") ? "production" : "");
    expect(findings.filter(({ level, text }) => level === "error" && !LEFT_OUT.test(text))).toEqual([]);
    expect(findings.filter(({ text }) => text.includes("is no variable"))).toEqual([]);
  });

  test("are more than a few", () => {
    expect(blocks.length).toBeGreaterThanOrEqual(7);
  });
});

test.each(DOCUMENTS)("the links of %s lead somewhere", (document) => {
  const text = readFileSync(join(ROOT, document), "utf8").replaceAll(/^```[^]*?^```$/gm, "");
  for (const [, target = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
    if (!/^https?:/.test(target)) expect(existsSync(join(ROOT, dirname(document), target)), target).toBe(true);
  }
});

/** A command with what its reader puts in; jq would keep its output back where no terminal reads it. */
function filledIn(text: string, api: string): string {
  return text
    .replace("--url https://<project>.supabase.co --key sb_publishable_…", "--url https://abc.supabase.co --key sb_publishable_abc")
    .replace(/^npx wrangler login$/, "$& --help")
    .replace("| jq ", "| jq --unbuffered ")
    .replace("https://api.cloudflare.com/client/v4", api).replace("<account id>", "account").replace("<token>", "a-token");
}

/** A project as `npx edge-session init` leaves it, configured as docs/environments.md says, for the local Auth. */
function workspace(server: AuthServer): string {
  const folder = createFolder(packed, {}, ["wrangler", "jose"]);
  mkdirSync(join(folder, "node_modules", ".bin"));
  symlinkSync(join(ROOT, "node_modules/wrangler/bin/wrangler.js"), join(folder, "node_modules/.bin/wrangler"));
  symlinkSync("../edge-session/build/package/cli.js", join(folder, "node_modules/.bin/edge-session"));
  cpSync(join(ROOT, "template"), folder, { recursive: true });
  const template = readFileSync(join(folder, "wrangler.toml"), "utf8").replace('name = "site"', 'name = "edge-session"').replace("workers_dev = true", "workers_dev = false");
  const staging = `[env.staging]\nroutes = []\n[[env.staging.kv_namespaces]]\nbinding = "SESSION_KV"\n[[env.staging.durable_objects.bindings]]\nname = "REFRESH_GATE"\nclass_name = "RefreshGate"\n[env.staging.vars]\nSUPABASE_URL = ""\nSUPABASE_PUBLISHABLE_KEY = ""\nAUTH_PATH = "/auth"\nACCOUNT_PAGES = "on"\n[[env.staging.vars.RULES]]\npath = "/members/*"\nrequire = true\n`;
  const production = /^```toml\n([^]*?\[env\.production\.vars\][^]*?)^```$/m.exec(readFileSync(join(ROOT, "docs/environments.md"), "utf8"))?.[1];
  if (production === undefined) throw new Error("docs/environments.md has no example of an environment");
  const toml = `${template}\n${staging}\n${production}`
    .replaceAll(/^SUPABASE_URL = .*$/gm, `SUPABASE_URL = "${server.url}"`)
    .replaceAll(/^SUPABASE_PUBLISHABLE_KEY = .*$/gm, `SUPABASE_PUBLISHABLE_KEY = "${server.publishableKey}"`);
  writeFileSync(join(folder, "query.sql"), "SELECT 1");
  // A free port, in case another demo listens on the usual one.
  writeFileSync(join(folder, "wrangler.toml"), `${toml}\n[dev]\nport = 0\n`);
  return folder;
}

/** Runs a command in a shell in a workspace of its own, with a secret on its standard input; with `until`, ends it once that was printed. */
async function run(text: string, api: string, until?: RegExp): Promise<{ status: number | null; output: string }> {
  const env = {
    ...process.env,
    CLOUDFLARE_ACCOUNT_ID: "account",
    CLOUDFLARE_API_BASE_URL: api,
    CLOUDFLARE_API_TOKEN: "a-token",
    EDITOR: "true",
    NO_COLOR: "1",
    WRANGLER_SEND_METRICS: "false",
  };
  const folder = workspace(auth);
  // A group of its own: what the shell started ends with it.
  const child = spawn("bash", ["-o", "pipefail", "-c", text], { cwd: folder, env, detached: true, stdio: "pipe" });
  const end = (): void => {
    try {
      process.kill(-(child.pid as number), "SIGTERM");
    } catch {
      // It has ended by itself.
    }
  };
  const tooLong = setTimeout(end, 50_000);
  let output = "";
  let isReady = false;
  const read = (data: Buffer): void => {
    output += data;
    if (until?.test(output) && !isReady) {
      isReady = true;
      end();
    }
  };
  child.stdout.on("data", read);
  child.stderr.on("data", read);
  child.stdin.on("error", () => {});
  child.stdin.end("a-secret-that-is-long-enough-for-every-slot\n");
  const [status] = (await once(child, "close")) as [number | null];
  clearTimeout(tooLong);
  rmSync(folder, { recursive: true, maxRetries: 5 });
  return { status: isReady ? 0 : status, output };
}
