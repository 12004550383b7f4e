/** Static assets under `wrangler dev`: a rule guards every address of a page, because the Worker runs first. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { cookieHeader, type SessionBody, writeCookies } from "../support/sessions.ts";
import { ROOT, type Dev, createFolder, navigate, pack, removeFolder, startDev } from "./install.ts";

const PAGES = { "public/index.html": "front", "public/style.css": "css", "public/members/index.html": "secret", "public/members/one.html": "secret", "public/team.html": "secret" };

/** Every address under which the assets serve what is guarded, for every `html_handling`. */
const GUARDED = ["/members", "/members/", "/members/index", "/members/index.html", "/members/one", "/members/one/", "/members/one.html", "/team", "/team/", "/team.html", "/%6dembers/one", "/members/%6fne.html", "//members/one"];

const packed = pack();
let auth: AuthServer;
beforeAll(async () => {
  auth = await startAuthServer();
});
afterAll(async () => {
  await auth.close();
  removeFolder(packed.folder.replace(/\/package$/, ""));
});

const configuration = (assets: string): string => `name = "site"
main = "node_modules/edge-session/build/index.js"
compatibility_date = "2026-10-01"
compatibility_flags = ["no_nodejs_compat", "no_nodejs_compat_v2"]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
migrations = [{ tag = "v1", new_sqlite_classes = ["RefreshGate"] }]
[assets]
directory = "./public"
binding = "ASSETS"
${assets}
[vars]
SUPABASE_URL = "${auth.url}"
SUPABASE_PUBLISHABLE_KEY = "${auth.publishableKey}"
[[vars.RULES]]
path = ["/members*", "/team*"]
require = true
`;

async function visit(assets: string, task: (dev: Dev) => Promise<void>): Promise<void> {
  const folder = createFolder(packed, { ...PAGES, "wrangler.toml": configuration(assets) });
  const dev = await startDev(folder);
  try {
    await task(dev);
  } finally {
    await dev.stop();
    removeFolder(folder);
  }
}

/** Follows the redirects that only bring an address into its usual form. */
async function read(dev: Dev, path: string, cookie?: string): Promise<string> {
  const answer = await navigate(dev, path, cookie === undefined ? {} : { cookie });
  const location = answer.header("location");
  return location !== undefined && !location.startsWith("/login") ? read(dev, location.replace(dev.url, ""), cookie) : `${answer.status} ${answer.text.trim()}`;
}

describe.each(["auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"])("html_handling = %s", (handling) => {
  test("no address of a guarded page answers without a session", async () => {
    await visit(`run_worker_first = true\nhtml_handling = "${handling}"`, async (dev) => {
      expect((await navigate(dev, "/index.html")).status).toBeLessThan(400);
      expect(await read(dev, "/style.css")).toBe("200 css");
      for (const path of GUARDED) {
        const answer = await navigate(dev, path);
        expect([path, answer.status, answer.header("location")]).toEqual([path, 303, expect.stringMatching(/^\/login\?next=/)]);
      }
      const cookie = cookieHeader(await writeCookies(auth.url, auth.createSession() as unknown as SessionBody));
      expect(await read(dev, handling === "none" ? "/members/one.html" : "/members/one", cookie)).toBe("200 secret");
    });
  });
});

test("without run_worker_first the same pages are open, which is why the doctor refuses that", async () => {
  await visit("", async (dev) => {
    expect(await read(dev, "/members/")).toBe("200 secret");
    expect(await read(dev, "/team")).toBe("200 secret");
  });
});

test("the shipped block has it", () => {
  for (const path of ["wrangler.toml", "README.md", "docs/frameworks.md", "template/wrangler.toml"]) {
    expect(readFileSync(`${ROOT}/${path}`, "utf8"), path).toMatch(/run_worker_first = true/);
  }
});
