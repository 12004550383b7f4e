import { readable, recordIn } from "../../.tools/tail/line.mjs";
import { RULES } from "./rules.ts";
import { dim } from "./terminal.ts";

/**
 * A line of the Worker's output as the terminal shows it: the record of a request in short, an error as it is, and
 * nothing for what the runtime tells about itself and for the demo's own styles, scripts and controls.
 */
export function formatLine(line: string): string | undefined {
  const record = recordIn(line);
  if (record === undefined) {
    return /\b(error|panicked|uncaught)\b/i.test(line) ? `  ${line}` : undefined;
  }
  return record.outcome === "bypass" ? undefined : readable(record, { at: new Date(), dim, ruleName });
}

function ruleName(index: number | null | undefined): string {
  const path = index === null || index === undefined ? undefined : RULES[index]?.path[0];
  return path ?? "no rule";
}
