import { RULES } from "./rules.ts";
import { dim } from "./terminal.ts";

/** What the Worker logs of one request, as far as it is shown. */
interface RequestRecord {
  outcome: string;
  reason?: string;
  rule?: number | null;
  auth_calls?: number;
  ms?: { total?: number };
  status?: number;
}

/**
 * A line of the Worker's output as the terminal shows it: the record of a request in short, an error as it is, and
 * nothing for what the runtime tells about itself and for the demo's own styles, scripts and controls.
 */
export function formatLine(line: string): string | undefined {
  const record = parse(line);
  if (record === undefined) {
    return /\b(error|panicked|uncaught)\b/i.test(line) ? `  ${line}` : undefined;
  }
  return record.outcome === "bypass" ? undefined : summary(record);
}

function parse(line: string): RequestRecord | undefined {
  if (!line.startsWith("{")) {
    return undefined;
  }
  try {
    const record = JSON.parse(line) as RequestRecord;
    return typeof record.outcome === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

function summary({ outcome, reason, rule, auth_calls: calls = 0, ms, status }: RequestRecord): string {
  const why = reason === undefined || reason === "" || reason === outcome ? "" : `  ${dim(reason)}`;
  const asked = calls === 0 ? "Auth not asked" : `Auth asked ${calls === 1 ? "once" : `${calls} times`}`;
  const took = ms?.total === undefined ? "" : `${ms.total} ms`;
  const time = new Date().toLocaleTimeString("en-GB");
  return `  ${dim(time)}  ${outcome.padEnd(11)} ${String(status ?? "").padEnd(4)} ${ruleName(rule).padEnd(12)} ${asked.padEnd(16)} ${dim(took)}${why}`;
}

function ruleName(index: number | null | undefined): string {
  const path = index === null || index === undefined ? undefined : RULES[index]?.path[0];
  return path ?? "no rule";
}
