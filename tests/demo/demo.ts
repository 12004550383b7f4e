import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AuthServer, startAuthServer } from "../support/auth-server/server.ts";
import { ACCOUNTS } from "./accounts.ts";
import { RULES } from "./rules.ts";
import { startSite } from "./site/server.ts";
import { startWorker } from "./worker.ts";

export type DemoPart = "auth" | "site" | "worker";

export interface DemoOptions {
  /** Where the Worker listens; 0, the default, takes a free port. */
  port?: number;
  /** Called as soon as each part listens. */
  onReady?: (part: DemoPart, url: string) => void;
  /** Called with each line that the Worker or its runtime prints. */
  onLine?: (line: string) => void;
  /** Called when the Worker's runtime ends without having been asked to. */
  onExit?: (problem: string) => void;
  /** Variables over those of the demo. */
  vars?: Record<string, unknown>;
}

export interface Demo {
  /** Where a browser opens the demo: the Worker. */
  url: string;
  /** The site behind the Worker. */
  siteUrl: string;
  auth: AuthServer;
  stop(): Promise<void>;
}

/** Starts a local Auth, the site and the built Worker between them. Whatever had started is stopped if a part fails. */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const end of stops.splice(0).reverse()) {
      await end();
    }
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), "edge-session-demo-"));
    stops.push(() => rm(folder, { recursive: true, force: true }));

    const auth = await startAuthServer({ autoconfirm: true, phone: true, mfaPhone: true });
    stops.push(() => auth.close());
    addAccounts(auth);
    options.onReady?.("auth", auth.url);

    const site = await startSite(auth);
    stops.push(() => site.close());
    options.onReady?.("site", site.url);

    const worker = await startWorker({
      folder,
      port: options.port ?? 0,
      vars: { ...variables(auth, site.url), ...options.vars },
      onLine: options.onLine,
      onExit: options.onExit,
    });
    stops.push(() => worker.stop());
    auth.config({ siteUrl: worker.url });
    options.onReady?.("worker", worker.url);
    return { url: worker.url, siteUrl: site.url, auth, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addAccounts(auth: AuthServer): void {
  const { admin, member } = ACCOUNTS;
  auth.createUser({ email: member.email, password: member.password, user_metadata: { name: member.name } });
  auth.createUser({
    email: admin.email,
    password: admin.password,
    app_metadata: { role: "admin" },
    user_metadata: { name: admin.name },
  });
}

function variables(auth: AuthServer, siteUrl: string): Record<string, unknown> {
  return {
    SUPABASE_URL: auth.url,
    SUPABASE_PUBLISHABLE_KEY: auth.publishableKey,
    ORIGIN_URL: siteUrl,
    AUTH_PATH: "/auth",
    // The site has a login page of its own, which needs a script; the Worker's pages do all that it leaves out.
    ACCOUNT_PAGES: "on",
    LOGIN_PATH: "/login",
    PAGES: { name: "Harbour Notes", logo: "/favicon.svg", color: "#0b5563" },
    RULES,
    SERVER_TIMING: "on",
    LOG_LEVEL: "info",
  };
}
