/** docs/rules.md: every example is read by the Worker's parser, and the doctor prints what stands under it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
// @ts-expect-error: a tool without types
import { examine } from "../../.tools/doctor/examine.mjs";
// @ts-expect-error: a tool without types
import { painter, report } from "../../.tools/doctor/report.mjs";

const DOCUMENT = readFileSync(new URL("../../docs/rules.md", import.meta.url), "utf8");
const CONTRACT_FIELDS = ["bypass", "cache", "cors", "credentials", "forbidden", "hosts", "login", "methods", "name", "on_denied", "path", "require", "signed_in", "verify"];
const REQUIRE_FIELDS = ["aal", "absent", "anonymous", "claims", "clients", "max_age", "role"];

/** A site on two routes, with all that is said of good configurations. */
const BASE = `
name = "edge-session"
main = "build/index.js"
compatibility_date = "2026-10-01"
workers_dev = false
preview_urls = false
routes = [{ pattern = "www.example.org/*", zone_name = "example.org" }, { pattern = "example.org/*", zone_name = "example.org" }, { pattern = "admin.example.org/*", zone_name = "example.org" }]
kv_namespaces = [{ binding = "SESSION_KV", id = "0123456789abcdef0123456789abcdef" }]
durable_objects.bindings = [{ name = "REFRESH_GATE", class_name = "RefreshGate" }]
[[migrations]]
tag = "v1"
new_sqlite_classes = ["RefreshGate"]
[vars]
SUPABASE_URL = "https://abc.supabase.co"
SUPABASE_PUBLISHABLE_KEY = "sb_publishable_abc"
`;

interface Example {
  title: string;
  toml: string;
  /** Lines that the report has to have. */
  lines: string[];
}

const examples: Example[] = [...DOCUMENT.matchAll(/^```toml\n([^]*?)^```\n\n```text\n([^]*?)^```$/gm)].map((match) => ({
  title: [...DOCUMENT.slice(0, match.index).matchAll(/^#+ (.+)$/gm)].at(-1)?.[1] ?? "",
  toml: match[1] ?? "",
  lines: (match[2] ?? "").trimEnd().split("\n"),
}));

/** The variables of the example join those of the base; its other tables follow. */
function configuration(toml: string): string {
  const vars = /^\[vars\]\n([^[]*)/m.exec(toml)?.[1] ?? "";
  const rest = toml.replace(/^\[vars\]\n[^[]*/m, "");
  return `${BASE}${vars}${rest}`;
}

const asked = /^(?:(GET|POST|PUT|DELETE) )?([\w.]+)?(\/\S*) +(no rule|rule \d+)/;

async function doctor(toml: string, paths: string, host?: string, method = "GET"): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), "rules-"));
  try {
    const config = join(folder, "wrangler.toml");
    writeFileSync(config, configuration(toml));
    writeFileSync(join(folder, ".dev.vars"), "SUPABASE_SECRET_KEY=sb_secret_0123456789abcdef\n");
    const examination = await examine({ config, offline: true, method, "token-life": "3600", paths, host });
    return report(examination, painter({}, {})).split("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const words = (line: string): string => line.trim().replace(/ +/g, " ");

test.each(examples)("$title", async ({ toml, lines }) => {
  const told = (await doctor(toml, "/")).map(words);
  const findings = lines.filter((line) => !asked.test(line));
  expect(told).toEqual(expect.arrayContaining(findings.map(words)));
  // Nothing is wrong but what is shown.
  const wrong = told.filter((line) => /^[✗!] /.test(line));
  expect(wrong.filter((line) => !findings.map(words).includes(line))).toEqual([]);
  for (const line of lines.filter((one) => asked.test(one))) {
    const [, method, host, path = ""] = asked.exec(line) ?? [];
    const table = (await doctor(toml, path, host ?? "www.example.org", method)).map(words);
    expect(table, line).toContain(words(line.replace(/^(GET|POST|PUT|DELETE) /, "").replace(/^[\w.]+\//, "/")));
  }
});

test("there is one for each kind of mistake, and every field has its words", () => {
  expect(examples.length).toBeGreaterThanOrEqual(16);
  expect([...DOCUMENT.matchAll(/^```toml$/gm)]).toHaveLength(examples.length);
  for (const field of CONTRACT_FIELDS) {
    expect(DOCUMENT, field).toMatch(new RegExp(`^### (.* and )?${field}\\b`, "m"));
  }
  for (const field of REQUIRE_FIELDS) {
    expect(DOCUMENT, field).toContain(`| \`${field}\` |`);
  }
  // The parser names every field that there is.
  expect(DOCUMENT).toContain(CONTRACT_FIELDS.join(", "));
});
