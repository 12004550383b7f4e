/** The one clock of the server. Tests move it; timers of faults alone run in real time. */
export class Clock {
  #offsetSeconds = 0;

  /** Milliseconds since the epoch, as the server sees them. */
  nowMs(): number {
    return Date.now() + this.#offsetSeconds * 1000;
  }

  /** Whole seconds since the epoch, as the server sees them. */
  now(): number {
    return Math.floor(this.nowMs() / 1000);
  }

  get offset(): number {
    return this.#offsetSeconds;
  }

  set(offsetSeconds: number): void {
    this.#offsetSeconds = offsetSeconds;
  }

  advance(seconds: number): void {
    this.#offsetSeconds += seconds;
  }
}

export function iso(ms: number): string {
  return new Date(ms).toISOString();
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
