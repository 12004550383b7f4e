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

const PAUSE_MS = 80;

const { auth } = createBrowserClient(window.project.url, window.project.key);
auth.onAuthStateChange((event) => window.report("event", event));

let running = false;
let round: Promise<unknown> = Promise.resolve();

window.signIn = async (email, password) => (await auth.signInWithPassword({ email, password })).error?.message;
window.clientToken = async () => (await auth.getSession()).data.session?.access_token;
window.edgeToken = async () => (await ask()).bearer;
window.pause = async () => {
  running = false;
  await round;
};
window.resume = () => {
  if (!running) {
    running = true;
    void traffic();
  }
};

async function traffic(): Promise<void> {
  while (running) {
    // Two at once, as the parts of a page ask for their data.
    round = Promise.all([ask(), ask(), auth.getSession()]).then((answers) => {
      window.report("status", String(answers[0].status));
      window.report("status", String(answers[1].status));
    });
    await round;
    await new Promise((passed) => setTimeout(passed, PAUSE_MS));
  }
}

/** The site echoes the request that it got from the edge. */
async function ask(): Promise<{ status: number; bearer: string | undefined }> {
  const response = await fetch("/members/data", { cache: "no-store" });
  if (!response.ok) {
    return { status: response.status, bearer: undefined };
  }
  const { headers } = (await response.json()) as { headers: [string, string][] };
  const bearer = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1];
  return { status: response.status, bearer: bearer?.replace(/^Bearer /, "") };
}
