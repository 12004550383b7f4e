/** The tables of docs/fidelity.md, from what a run has compared. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Kind, versionOf } from "./origins.ts";
import { type Reason, reasonFor, REASONS, unexplained } from "./reasons.ts";
import type { Compared, State } from "./run.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/fidelity.md", import.meta.url));
const [BEGIN, END] = ["<!-- table: npm run test:fidelity -- --write -->", "<!-- /table -->"];
const BY: Record<Reason["by"], string> = {
  platform: "The runtime's own: a Worker that only forwards does the same",
  settings: "What the Worker was set up to do",
  safety: "What no setting turns off",
  caches: "What keeps a visitor's pages out of shared caches",
};

/** How many revalidations were answered 304 directly, and through the Worker. */
export function revalidations(compared: Compared[], state: State): [direct: number, through: number] {
  const asked = compared.filter((each) => each.state === state && each.exchange.revalidates === true);
  return [asked.filter(({ statuses }) => statuses[0] === 304).length, asked.filter(({ statuses }) => statuses[1] === 304).length];
}

export function tables(kinds: Kind[], compared: Compared[]): string {
  const used = count(compared);
  const reasons = (Object.keys(BY) as Reason["by"][]).flatMap((by) => [
    `### ${BY[by]}`,
    "",
    markdown(["what is otherwise", "why", "exchanges"], REASONS.filter((reason) => reason.by === by).map((reason) => [reason.title, reason.why, String(used.get(reason) ?? 0)])),
    "",
  ]);
  return [`## By origin`, "", markdown(HEAD, kinds.map((kind) => row(kind, compared.filter((each) => each.kind === kind.name)))), "", "## By reason", "", ...reasons].join("\n").trim();
}

const HEAD = ["origin", "exchanges", "only headers otherwise", "unexplained", "304 directly", "304 through the Worker", "304 signed in"];

function row(kind: Kind, compared: Compared[]): string[] {
  const bodies = compared.filter(({ differences }) => differences.every(({ what }) => /^(header |order of|case of|version$)/.test(what)));
  const [direct, anonymous] = revalidations(compared, "anonymous");
  const [, signedIn] = revalidations(compared, "signed in");
  const wrong = compared.flatMap(unexplained).length;
  return [versionOf(kind), String(compared.length), String(bodies.length), String(wrong), String(direct), String(anonymous), String(signedIn)];
}

/** In how many exchanges each reason was one. */
function count(compared: Compared[]): Map<Reason, number> {
  const used = new Map<Reason, number>();
  for (const each of compared) {
    for (const reason of new Set(each.differences.map((difference) => reasonFor(difference, each)))) {
      if (reason !== undefined) {
        used.set(reason, (used.get(reason) ?? 0) + 1);
      }
    }
  }
  return used;
}

export function unusedReasons(compared: Compared[]): string[] {
  const used = count(compared);
  return REASONS.filter((reason) => !used.has(reason)).map(({ title }) => title);
}

export function document(): string {
  return readFileSync(DOCUMENT, "utf8");
}

export function write(text: string): void {
  const [before, rest = ""] = document().split(BEGIN);
  writeFileSync(DOCUMENT, `${before}${BEGIN}\n${text}\n${END}${rest.split(END)[1] ?? ""}`);
}

function markdown(head: string[], rows: string[][]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`).join("\n");
}
