/** The results as Markdown, on the terminal and in docs/performance.md. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import type { Results } from "./bench.ts";
import { costTable } from "./cost.ts";
import { MIXED_DAY } from "./scenarios.ts";
import { ROOT, VARIANTS, type Variant } from "./runtime.ts";

const PAGE = join(ROOT, "docs", "performance.md");

export function table(results: Results): string {
  const cpu = [
    row(["CPU per request (µs)", ...VARIANTS, "ours / floor", "edits / floor", "jose / ours", "guide / ours"]),
    row(["---", ...Array.from({ length: VARIANTS.length + 4 }, () => "--:")]),
    ...results.cpu.map(({ name, medians }) => {
      const median = (variant: Variant): number | undefined => medians[variant]?.median;
      const cells = VARIANTS.map((variant) => median(variant)?.toFixed(0));
      const [floor, edits, jose, guide, ours] = VARIANTS.map(median);
      return row([name, ...cells, ratio(ours, floor), ratio(edits, floor), ratio(jose, ours), ratio(guide, ours)]);
    }),
  ];
  return [headline(results), "", ...cpu, "", ...latency(results), "", ...facts(results), "", machine(results)].join("\n");
}

function headline(results: Results): string {
  const day = results.cpu.find(({ name }) => name === MIXED_DAY)?.medians;
  const of = (variant: Variant): number | undefined => day?.[variant]?.median;
  return `Mixed day (70 % sessions, 2 % due, 20 % static files, 8 % anonymous): ${ratio(of("ours"), of("floor")) || "–"} the floor, ${ratio(of("guide"), of("ours")) || "–"} less than the guides' middleware.`;
}

function latency(results: Results): string[] {
  return [
    row(["Answer to a known session, Auth 30 ms away (ms)", "p50", "p99"]),
    row(["---", "--:", "--:"]),
    ...results.latency.map(({ variant, p50, p99 }) => row([variant, p50.toFixed(2), p99.toFixed(2)])),
  ];
}

/** Puts the tables between their marks in docs/performance.md. */
export function write(results: Results): void {
  const page = readFileSync(PAGE, "utf8");
  const parts = { bench: table(results), operations: results.operations, cost: costTable(results) };
  writeFileSync(PAGE, Object.entries(parts).reduce((text, [mark, part]) => between(text, mark, part), page));
}

/** The page with another text between the marks of this name. */
export function between(page: string, mark: string, text: string): string {
  const [begin, end] = [`<!-- ${mark}: written by \`npm run bench -- --write\` -->`, `<!-- /${mark} -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) {
    throw new Error(`${PAGE} has no marks ${begin} and ${end}`);
  }
  return `${before}${begin}\n${text}\n${end}${after}`;
}

function facts(results: Results): string[] {
  const line = (name: string, value: (variant: Variant) => string | undefined): string =>
    row([name, ...VARIANTS.map((variant) => value(variant))]);
  const of = (variant: Variant) => results.processes[variant];
  const bytes = (value: number | undefined, unit: number): string | undefined =>
    value === undefined ? undefined : (value / unit).toFixed(1);
  return [
    row(["Process", ...VARIANTS]),
    row(["---", ...VARIANTS.map(() => "--:")]),
    line("size, raw (KB)", (variant) => bytes(of(variant)?.rawBytes, 1000)),
    line("size, gzip (KB)", (variant) => bytes(of(variant)?.gzipBytes, 1000)),
    line("first answer after the process's start (ms)", (variant) => of(variant)?.firstResponseMs?.median.toFixed(1)),
    line("the same, nothing logged (ms)", (variant) => of(variant)?.firstSilentResponseMs?.median.toFixed(1)),
    line("resident after the first answer (MiB)", (variant) => bytes(of(variant)?.residentStartBytes, 2 ** 20)),
    line(`growth by ${results.tokens} distinct tokens (MiB)`, (variant) => bytes(of(variant)?.residentGrowthBytes, 2 ** 20)),
  ];
}

function machine(results: Results): string {
  const workerd = version("workerd");
  const model = cpus()[0]?.model ?? "unknown CPU";
  const memory = Math.round(totalmem() / 2 ** 30);
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  return (
    `Medians of ${results.rounds} interleaved rounds of ${results.requests} requests (half for first sights, a fifth for ` +
    `refreshes) and of ${results.starts} starts; ours with \`LOG_LEVEL=${results.logLevel}\`. workerd ${workerd}, ` +
    `@supabase/ssr ${version("@supabase/ssr")}, jose ${version("jose")}; ${cpus().length} × ${model}, ${memory} GiB, Linux; ` +
    `${date} UTC, commit ${commit()}.`
  );
}

function commit(): string {
  const git = (...rest: string[]): string => execFileSync("git", ["-C", ROOT, ...rest], { encoding: "utf8" }).trim();
  const isChanged = git("status", "--porcelain", "--untracked-files=no", "--", "src", "tests/bench", "Cargo.toml", ".tools") !== "";
  return `${git("rev-parse", "--short", "HEAD")}${isChanged ? " with uncommitted changes" : ""}`;
}

function version(name: string): string {
  return JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version;
}

function ratio(over: number | undefined, under: number | undefined): string {
  return over === undefined || under === undefined ? "" : `${(over / under).toFixed(2)}×`;
}

function row(cells: (string | undefined)[]): string {
  return `| ${cells.map((cell) => cell ?? "–").join(" | ")} |`;
}
