/** The result of a run, for people. */
import type { Report } from "./bed.ts";

/** Calls of the Worker to Auth for each refresh that was needed, and the most that is allowed without faults. */
export const MOST_CALLS = 1.1;

export function callsPerRefresh({ workerCalls, needed }: Report): number {
  return needed === 0 ? 0 : workerCalls / needed;
}

/** Why the run is no success; empty if it is one. */
export function failures(report: Report): string[] {
  const found = (["lost", "crossed", "zombie"] as const).flatMap((kind) => {
    const count = report.violations.filter((violation) => violation.kind === kind).length;
    return count === 0 ? [] : [`${count} ${kind}`];
  });
  if (!report.options.faults && callsPerRefresh(report) > MOST_CALLS) {
    found.push(`${callsPerRefresh(report).toFixed(2)} calls to Auth per needed refresh`);
  }
  if (report.broken > 0) {
    found.push(`${report.broken} requests without an answer`);
  }
  return found;
}

export function table(report: Report): string {
  const { options, violations } = report;
  const count = (kind: string): number => violations.filter((violation) => violation.kind === kind).length;
  const list = (counts: Record<string, number>): string =>
    Object.entries(counts).sort(([one], [other]) => one.localeCompare(other)).map(([name, value]) => `${name} ${value}`).join(", ");
  const rows: [string, string][] = [
    ["browsers, virtual minutes, seed, refresh tokens", `${options.browsers}, ${options.minutes}, ${options.seed}, ${options.tokens}`],
    ["requests (real seconds)", `${report.requests} (${report.seconds})`],
    ["latest answer", `${(report.latestMs / 1000).toFixed(1)} s`],
    ["outcomes", list(report.outcomes)],
    ["why undecided", list(report.undecided)],
    ["what browsers did", list(report.events)],
    ["tabs that woke up late", `${report.wakes.promised}`],
    ["answers that came after the sign-out (with a refresh), to the next person", `${report.late.answers} (${report.late.refreshed}), ${report.late.toOthers}`],
    ["old cookies within the replay time after a sign-out", `${report.stolen}`],
    ["second factors past the gate, through it, late cookies of before", `${report.factors.past}, ${report.factors.through}, ${report.factors.late}`],
    ["new passwords, bans", `${report.passwords}, ${report.bans}`],
    ["faults of Auth", options.faults ? list(report.struck) : "none"],
    ["refreshes needed", `${report.needed}`],
    ["calls to Auth by the Worker, per needed refresh", `${report.workerCalls}, ${callsPerRefresh(report).toFixed(2)}`],
    ["calls to Auth by the browsers' own client", `${report.clientCalls}`],
    ["steps that the bed could not do at Auth", list(report.given) || "none"],
    ["signed in at the end, signed out", `${report.signedIn}, ${report.signedOut}`],
    ["sessions that the browser's own client ended", `${report.endedByClient}`],
    ["**sessions lost**", `**${count("lost")}**`],
    ["**sessions seen by the wrong browser**", `**${count("crossed")}**`],
    [`**signed-out sessions that still passed** (${report.ghosts + report.stolen + report.late.answers} tries)`, `**${count("zombie")}**`],
  ];
  return ["| | |", "|---|---|", ...rows.map(([name, value]) => `| ${name} | ${value} |`)].join("\n");
}

/** What the first browsers that met a violation went through. */
export function stories({ violations, options }: Report, most = 3): string {
  return violations
    .slice(0, most)
    .map(({ kind, browser, what, story }) => `${kind}: browser ${browser} of seed ${options.seed}: ${what}\n${story.map((line) => `  ${line}`).join("\n")}`)
    .join("\n\n");
}
