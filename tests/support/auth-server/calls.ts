const LOG_LENGTH = 1000;
const ID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export interface CallRecord {
  /** Unix time in milliseconds of the real clock. */
  at: number;
  endpoint: string;
  method: string;
  path: string;
  query: string;
  /** 0 while the call runs, or when its connection was cut. */
  status: number;
  headers: {
    apikey: string | undefined;
    userAgent: string | undefined;
    sbForwardedFor: string | undefined;
    clientInfo: string | undefined;
    apiVersion: string | undefined;
    authorization: boolean;
  };
}

/** How often each endpoint was called, and the last calls in detail. */
export class Calls {
  #counts: Record<string, number> = {};
  #log: CallRecord[] = [];

  add(record: CallRecord): void {
    this.#counts[record.endpoint] = (this.#counts[record.endpoint] ?? 0) + 1;
    this.#log.push(record);
    // Trimming in bulk keeps the cost per call constant.
    if (this.#log.length > 2 * LOG_LENGTH) {
      this.#log = this.#log.slice(-LOG_LENGTH);
    }
  }

  counts(): Record<string, number> {
    return { ...this.#counts };
  }

  log(): CallRecord[] {
    return this.#log.slice(-LOG_LENGTH);
  }

  clear(): void {
    this.#counts = {};
    this.#log = [];
  }
}

/** `token:<grant>` for grants, `jwks` for the key set, else the path without its slash and with `:id` for ids. */
export function endpointName(path: string, grant: string | undefined): string {
  if (path === "/token") {
    return `token:${grant ?? "none"}`;
  }
  return path === "/.well-known/jwks.json" ? "jwks" : path.slice(1).replace(ID, ":id");
}
