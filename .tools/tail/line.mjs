// What the Worker logged of one request, as a person reads it.

/** The record in a line of the Worker's output, or undefined where it holds none. */
export function recordIn(line) {
  if (!line.startsWith("{")) return undefined;
  try {
    const record = JSON.parse(line);
    return typeof record.outcome === "string" ? record : undefined;
  } catch {
    return undefined;
  }
}

/** One line: time, outcome, status, rule, what Auth was asked, how long it took, and why. `page` is put before the rule. */
export function readable({ outcome, reason, rule, rule_name: name, auth_calls: calls = 0, ms, status, origin_error: originError }, { at, dim, page = "", ruleName }) {
  const said = [reason === outcome ? undefined : reason, originError].filter(Boolean).join(", ");
  const asked = calls === 0 ? "Auth not asked" : `Auth asked ${calls === 1 ? "once" : `${calls} times`}`;
  const took = ms?.total === undefined ? "" : `${ms.total} ms`;
  const time = at.toLocaleTimeString("en-GB");
  const which = name ?? ruleName(rule);
  return `  ${dim(time)}  ${outcome.padEnd(11)} ${String(status ?? "").padEnd(4)} ${page}${which.padEnd(12)} ${asked.padEnd(16)} ${dim(took)}${said === "" ? "" : `  ${dim(said)}`}`;
}
