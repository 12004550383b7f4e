import { sleep } from "./clock.ts";
import { ApiError } from "./errors.ts";

const POLL_LEAST_MS = 10;
const POLL_SPREAD_MS = 20;

/** Row locks of sessions. They are only held in time when a test asks for contention. */
export class SessionLocks {
  readonly #held = new Set<string>();

  /** Waits for the lock as the server does: polling, and 409 after the time-out. */
  async run<T>(
    sessionId: string,
    times: { holdMs: number; timeoutMs: number },
    work: () => T,
  ): Promise<T> {
    const started = performance.now();
    while (this.#held.has(sessionId)) {
      if (performance.now() - started >= times.timeoutMs) {
        throw new ApiError(
          409,
          "conflict",
          "Too many concurrent token refresh requests on the same session or refresh token",
        );
      }
      await sleep(POLL_LEAST_MS + Math.random() * POLL_SPREAD_MS);
    }
    if (times.holdMs === 0) {
      return work();
    }
    this.#held.add(sessionId);
    try {
      const result = work();
      await sleep(times.holdMs);
      return result;
    } finally {
      this.#held.delete(sessionId);
    }
  }
}
