import type { AuthServer } from "../../support/auth-server/server.ts";

type CallRecord = ReturnType<AuthServer["calls"]["log"]>[number];

/** How often each endpoint of Auth was called, by the browser's own client and by the edge. */
export interface CallCounts {
  browser: Record<string, number>;
  edge: Record<string, number>;
}

/** Counts as it goes, because the log itself keeps only the last calls. */
export class CallCounter {
  readonly #auth: AuthServer;
  readonly #counts: CallCounts = { browser: {}, edge: {} };
  #last: CallRecord | undefined;

  constructor(auth: AuthServer) {
    this.#auth = auth;
  }

  count(): CallCounts {
    const log = this.#auth.calls.log();
    const seen = this.#last === undefined ? -1 : log.lastIndexOf(this.#last);
    for (const call of log.slice(seen + 1)) {
      const counts = isBrowser(call) ? this.#counts.browser : this.#counts.edge;
      counts[call.endpoint] = (counts[call.endpoint] ?? 0) + 1;
    }
    this.#last = log.at(-1) ?? this.#last;
    return this.#counts;
  }
}

function isBrowser({ headers }: CallRecord): boolean {
  return headers.clientInfo?.includes("createBrowserClient") ?? false;
}
