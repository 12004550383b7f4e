import { sleep } from "./clock.ts";

/** What a fault does to the calls that it matches; the README explains each member. */
export interface FaultSpec {
  match?: { path?: string; method?: string; grant?: string };
  times?: number | null;
  probability?: number;
  delayMs?: number;
  status?: number;
  body?: string;
  contentType?: string;
  headers?: Record<string, string>;
  cut?: boolean | "body";
  hang?: boolean;
  afterCommit?: boolean;
}

export interface Fault extends FaultSpec {
  id: number;
  remaining: number | null;
  hits: number;
}

export interface Call {
  path: string;
  method: string;
  grant: string | undefined;
}

/** How the caller's connection ends. */
export type Outcome =
  | { kind: "pass" }
  | { kind: "answer"; response: Response }
  | { kind: "cut"; withBody: boolean }
  | { kind: "hang" };

export class Faults {
  #faults: Fault[] = [];
  #nextId = 1;

  add(spec: FaultSpec): Fault {
    const fault: Fault = { ...spec, id: this.#nextId, remaining: spec.times ?? null, hits: 0 };
    this.#nextId += 1;
    this.#faults.push(fault);
    return fault;
  }

  list(): Fault[] {
    return this.#faults.map((fault) => ({ ...fault }));
  }

  clear(): void {
    this.#faults = [];
  }

  get empty(): boolean {
    return this.#faults.length === 0;
  }

  /** Claims the faults for one call: delays add up until the first fault that ends the call. */
  claim(call: Call): { before: Fault[]; after: Fault[] } {
    const before: Fault[] = [];
    const after: Fault[] = [];
    for (const fault of this.#faults) {
      if (!applies(fault, call)) {
        continue;
      }
      fault.hits += 1;
      fault.remaining = fault.remaining === null ? null : fault.remaining - 1;
      (fault.afterCommit === true ? after : before).push(fault);
      if (ends(fault)) {
        break;
      }
    }
    return { before, after };
  }
}

/** Waits as the faults say and tells how the call goes on. */
export async function run(faults: Fault[]): Promise<Outcome> {
  for (const fault of faults) {
    if (fault.delayMs !== undefined) {
      await sleep(fault.delayMs);
    }
    if (fault.hang === true) {
      return { kind: "hang" };
    }
    if (fault.cut === true || fault.cut === "body") {
      return { kind: "cut", withBody: fault.cut === "body" };
    }
    if (ends(fault)) {
      return { kind: "answer", response: faultResponse(fault) };
    }
  }
  return { kind: "pass" };
}

function applies(fault: Fault, call: Call): boolean {
  const { path, method, grant } = fault.match ?? {};
  return (
    fault.remaining !== 0 &&
    (path === undefined || pathMatches(path, call.path)) &&
    (method === undefined || method.toUpperCase() === call.method) &&
    (grant === undefined || grant === call.grant) &&
    (fault.probability === undefined || Math.random() < fault.probability)
  );
}

function pathMatches(pattern: string, path: string): boolean {
  return pattern.endsWith("*") ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}

function ends(fault: FaultSpec): boolean {
  return (
    fault.hang === true ||
    fault.cut === true ||
    fault.cut === "body" ||
    fault.status !== undefined ||
    fault.body !== undefined
  );
}

function faultResponse(fault: FaultSpec): Response {
  const status = fault.status ?? 200;
  // A page on another port has to see the fault itself, not a refusal by its browser.
  const headers = new Headers({ "Access-Control-Allow-Origin": "*", ...fault.headers });
  // The runtime refuses a body beside these statuses.
  const body = [204, 205, 304].includes(status) ? null : (fault.body ?? "");
  if (body !== null) {
    headers.set("Content-Type", fault.contentType ?? "application/json");
  }
  return new Response(body, { status, headers });
}
