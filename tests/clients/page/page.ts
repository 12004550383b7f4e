/** The script of a page: the real client with its ticker, and requests to the site as fast as an impatient app makes them. */
import { createBrowserClient } from "@supabase/ssr";

declare global {
  interface Window {
    /** Bound by the test. */
    report(kind: "event" | "status", value: string): void;
    project: { url: string; key: string };
    signIn(email: string, password: string): Promise<string | undefined>;
    pause(): Promise<void>;
    resume(): void;
    clientToken(): Promise<string | undefined>;
    edgeToken(): Promise<string | undefined>;
  }
}

const LONGEST_PAUSE_MS = 500;

const { auth } = createBrowserClient(window.project.url, window.project.key);
auth.onAuthStateChange((event) => window.report("event", event));

let leaving = false;
addEventListener("beforeunload", () => {
  leaving = true;
});

let running = false;
let slow = false;
let round: Promise<unknown> = Promise.resolve();

window.signIn = async (email, password) => (await auth.signInWithPassword({ email, password })).error?.message;
window.clientToken = async () => (await auth.getSession()).data.session?.access_token;
window.edgeToken = ask;
window.pause = async () => {
  running = false;
  await round;
};
window.resume = () => {
  if (!running) {
    running = true;
    void traffic();
    void slowTraffic();
  }
};

async function traffic(): Promise<void> {
  while (running) {
    // Two at once, as the parts of a page ask for their data.
    round = Promise.all([ask(), ask(), auth.getSession()]);
    await round;
    await new Promise((passed) => setTimeout(passed, Math.random() * LONGEST_PAUSE_MS));
  }
}

/** Pages that take longer than a token lives: their cookies arrive when the browser may have newer ones. */
async function slowTraffic(): Promise<void> {
  // The one of the last round may still be under way.
  if (slow) {
    return;
  }
  slow = true;
  while (running) {
    await visit("/members/slow");
  }
  slow = false;
}

/** The access token with which the edge forwards a request, which the site echoes; undefined if it does not. */
async function ask(): Promise<string | undefined> {
  const response = await visit("/members/data");
  if (response?.ok !== true) {
    return undefined;
  }
  const { headers } = (await response.json()) as { headers: [string, string][] };
  const bearer = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1];
  return bearer?.replace(/^Bearer /, "");
}

/** A page that is left breaks off its requests; any other failure counts. */
async function visit(path: string): Promise<Response | undefined> {
  try {
    const response = await fetch(path, { cache: "no-store" });
    window.report("status", String(response.status));
    return response;
  } catch (error) {
    if (!leaving) {
      window.report("status", String(error));
    }
    return undefined;
  }
}
