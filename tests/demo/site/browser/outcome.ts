/** What the Worker says in `Server-Timing` about one response. */
export interface EdgeTiming {
  outcome: string;
  ms: number;
}

const NAME = "edge-session";

/** Of the page itself; `null` when the page did not come through the Worker. */
export function ofThisPage(): EdgeTiming | null {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const timing = navigation?.serverTiming?.find(({ name }) => name === NAME);
  return timing === undefined ? null : { outcome: timing.description, ms: timing.duration };
}

/** Of a response to `fetch`. */
export function ofResponse(response: Response): EdgeTiming | null {
  const header = response.headers.get("Server-Timing") ?? "";
  const outcome = new RegExp(`(?:^|,)\\s*${NAME}\\b[^,]*;\\s*desc="?([\\w-]+)`).exec(header)?.[1];
  const ms = new RegExp(`(?:^|,)\\s*${NAME}\\b[^,]*;\\s*dur=([\\d.]+)`).exec(header)?.[1];
  return outcome === undefined ? null : { outcome, ms: Number(ms ?? 0) };
}

const EXPLANATIONS: Record<string, string> = {
  anonymous: "The browser sent no session, and this page asks for none.",
  expired: "Auth says that this session is over, so the edge deleted its cookies.",
  invalid: "The cookie held nothing that could be trusted, so the edge deleted it.",
  refreshed: "The token had run out. The edge renewed it on the way, and the new cookies came with this page.",
  revoked: "This session was signed out, so its token counts no more.",
  unavailable: "Auth gave no usable answer, so nothing could be decided. The cookies were kept: nobody is signed out by an outage.",
  valid: "The token’s signature was checked right here. Auth was not asked.",
};

export function explain(outcome: string, liveChecks: number): string {
  if (outcome === "anonymous" && location.pathname === "/login" && new URLSearchParams(location.search).has("next")) {
    return "The browser sent no session, and the page you asked for needs one. So the edge sent you here.";
  }
  if (outcome === "valid" && liveChecks > 0) {
    return "The token’s signature was checked here, and Auth confirmed that the session still lives.";
  }
  return EXPLANATIONS[outcome] ?? "";
}
