/** Writes docs/compatibility.md from what a run counted. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./conformance.ts";

const ROOT = new URL("../..", import.meta.url);

export interface Run {
  version: string;
  how: "program" | "server";
  parts: { name: string; kind: "conformance" | "flows"; outcome: Outcome }[];
}

export function writeReport(run: Run): void {
  writeFileSync(fileURLToPath(new URL("docs/compatibility.md", ROOT)), report(run, installed()));
}

export function report({ version, how, parts }: Run, clients: Record<string, string>): string {
  const conformance = parts.filter(({ kind }) => kind === "conformance");
  const flows = parts.filter(({ kind }) => kind === "flows");
  const passed = new Set(conformance.flatMap(({ outcome }) => outcome.passed));
  const never = [...new Set(conformance.flatMap(({ outcome }) => outcome.skipped))].filter((name) => !passed.has(name));
  const left = flows.flatMap(({ outcome }) => outcome.skipped);
  const groups = byGroup(flows.flatMap(({ outcome }) => outcome.passed));
  const ways = how === "program" ? "started by the suite in each configuration" : "a running server, seen from outside";
  return `# Compatibility

What was run, and nothing else: \`npm run test:real-auth\` writes this page ([how](../tests/real-auth/README.md)).

| | |
|---|---|
| Supabase Auth | ${version}, ${ways} |
${Object.entries(clients).map(([name, number]) => `| \`${name}\` | ${number} |`).join("\n")}

## Auth as the tests expect it

The conformance suite, of which the local Auth of the other tests passes every case. A case is left out where the configuration makes it pointless.

| configuration | passed | failed | left out |
|---|---|---|---|
${conformance.map(({ name, outcome }) => `| ${name} | ${outcome.passed.length} | ${outcome.failed.length} | ${outcome.skipped.length} |`).join("\n")}

${passed.size} different cases passed.${never.length === 0 ? "" : ` Not run in any configuration: ${never.join("; ")}.`}

## The Worker in front
${groups.size === 0 ? "\nNot run.\n" : ""}${[...groups].map(([group, names]) => `\n**${group}** (${names.length}):\n\n${names.map((name) => `- ${name}`).join("\n")}\n`).join("")}
${failures(parts)}## Not run

${left.map((name) => `- ${name.replaceAll(" > ", ", ")}\n`).join("")}${left.length === 0 ? "" : "\n"}A hosted project, Auth behind the gateway of self-hosted Supabase, SAML with an identity provider, and messages through a provider of SMS.
`;
}

/** Failed cases by name, so that nobody takes them for passed. */
function failures(parts: Run["parts"]): string {
  const failed = parts.flatMap(({ name, outcome }) => outcome.failed.map((failure) => `- ${name}: ${failure.split(": ")[0]}`));
  return failed.length === 0 ? "" : `## Failed\n\n${failed.join("\n")}\n\n`;
}

/** The cases of each \`describe\` of the top level; the configuration's name may hold several words. */
function byGroup(names: string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const full of names) {
    const [group = "", ...rest] = full.split(" > ");
    groups.set(group, [...(groups.get(group) ?? []), rest.join(", ")]);
  }
  return groups;
}

function installed(): Record<string, string> {
  const version = (name: string): string => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, ROOT), "utf8")).version;
  return { "@supabase/ssr": version("@supabase/ssr"), "@supabase/supabase-js": version("@supabase/supabase-js") };
}
