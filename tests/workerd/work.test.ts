/**
 * Contract §10: no request costs more than it is long. `wasm-opt` makes the built Worker count every call and every turn
 * of a loop, so what is compared is work and not time; the worst shapes that a header can have grow from 8 to 128 KB.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instrument } from "../support/instrument.ts";
import { type FetchInit, SITE, type Stack, startStack } from "../support/stack.ts";

const KB = 1024;
const SIZES = [8, 64, 128] as const;
/** What a byte may take: the dearest of these, 128 KB of semicolons, takes 166 in a build for size. */
const MOST_STEPS_A_BYTE = 200;

let counted: string;
let stack: Stack<"open" | "closed">;
let session: string;
let key: string;

beforeAll(async () => {
  counted = mkdtempSync(join(tmpdir(), "counted-worker-"));
  writeCountingWorker(counted);
  const build = process.env.WORKER_BUILD;
  process.env.WORKER_BUILD = counted;
  try {
    const vars = { AUTH_PATH: "/auth", RULES: [] };
    stack = await startStack({ vars, workers: { open: {}, closed: { vars: { FORWARD_COOKIES: "off" } } } });
  } finally {
    if (build === undefined) delete process.env.WORKER_BUILD;
    else process.env.WORKER_BUILD = build;
  }
  key = stack.key;
  session = (await stack.cookies(stack.signIn())).map(({ name, value }) => `${name}=${value}`).join("; ");
}, 60_000);
afterAll(async () => {
  await stack?.close();
  rmSync(counted, { recursive: true, force: true });
});

/** The built Worker with a count of its steps in each answer. */
function writeCountingWorker(folder: string): void {
  const { wasm, glue, inner } = instrument("globalThis.steps+=1");
  const counting = glue.replace("var ", "globalThis.steps=0;var ").replace(`${inner} as default`, "counting as default");
  const entry = `const counting={async fetch(request,env,context){
    globalThis.steps=0;
    const answer=await ${inner}.fetch(request,env,context);
    const counted=new Response(answer.body,answer);
    counted.headers.set("x-steps",String(globalThis.steps));
    return counted;
  }};`;
  writeFileSync(join(folder, "index_bg.wasm"), wasm);
  writeFileSync(join(folder, "index.js"), `${counting}\n${entry}`);
}

/** Repeats what `part` makes until `bytes` are full. */
function fill(bytes: number, part: (index: number) => string): string {
  const parts: string[] = [];
  for (let length = 0, index = 0; length < bytes; index += 1) {
    const next = part(index);
    parts.push(next);
    length += next.length;
  }
  return parts.join("");
}

const id = (index: number): string => `flow-${String(index).padStart(8, "0")}`;
const base64 = (text: string): string => `base64-${Buffer.from(text).toString("base64url")}`;

/** Headers of about that many bytes. */
const SHAPES: [string, (bytes: number) => string][] = [
  ["other cookies", (bytes) => fill(bytes, (n) => `n${n}=1; `)],
  ["other cookies around a session", (bytes) => `${session}; ${fill(bytes, (n) => `n${n}=1; `)}`],
  ["names that begin like the session's", (bytes) => fill(bytes, (n) => `${key}x${n}=1; `)],
  ["one name over and over", (bytes) => fill(bytes, () => `${key}=x; `)],
  ["sessions over and over", (bytes) => fill(bytes, () => `${session}; `)],
  ["chunks in order", (bytes) => fill(bytes, (n) => `${key}.${n}=x; `)],
  ["chunks in reverse", (bytes) => fill(bytes, (n) => `${key}.${1e6 - n}=x; `)],
  ["chunks with long numbers", (bytes) => fill(bytes, (n) => `${key}.${"1".repeat(400)}${n}=x; `)],
  ["chunks that come twice", (bytes) => fill(bytes, (n) => `${key}.${n >> 1}=x; `)],
  ["a session among tossed chunks", (bytes) => `${fill(bytes, (n) => `${key}.${n + 40}=x; `)}${session}`],
  ["disguised names", (bytes) => `${session}; ${fill(bytes, (n) => `\u00a0${key}.${n}\u00a0=x; `)}`],
  ["white space around names", (bytes) => fill(bytes, () => `${" ".repeat(200)}${key}${"\t".repeat(200)}=x;`)],
  ["one run of white space", (bytes) => `${key}${" ".repeat(bytes)}=x`],
  ["semicolons", (bytes) => ";".repeat(bytes)],
  ["equals signs", (bytes) => `${key}${"=".repeat(bytes)}`],
  ["commas in the session", (bytes) => `${key}=x${", ".repeat(bytes / 2)}`],
  ["joined lines of the session", (bytes) => fill(bytes, (n) => `${n === 0 ? "" : ", "}${key}.${n}=x`)],
  ["commas without names", (bytes) => `${key}=x${fill(bytes, () => `, ${"y".repeat(300)}`)}`],
  ["joined lines of others", (bytes) => `a=1${fill(bytes, () => `, ${key}=x`)}`],
  ["percent signs", (bytes) => `${key}=${"%".repeat(bytes)}`],
  ["percent escapes", (bytes) => `${key}=${"%5B".repeat(bytes / 3)}`],
  ["backslashes", (bytes) => `${key}=${base64(`"${"\\ud83d".repeat(bytes / 10)}"`)}`],
  ["base64", (bytes) => `${key}=base64-${"A".repeat(bytes)}`],
  ["padding", (bytes) => `${key}=base64-${"=".repeat(bytes)}`],
  ["open brackets", (bytes) => `${key}=${base64("[".repeat(bytes * 0.7))}`],
  ["a long list", (bytes) => `${key}=${base64(`[${"1,".repeat(bytes * 0.35)}1]`)}`],
  ["members over and over", (bytes) => `${key}=${base64(`{${fill(bytes * 0.7, (n) => `"${n}":1,`)}"a":1}`)}`],
  ["flows under way", (bytes) => fill(bytes, (n) => `${key}-flow-${id(n)}-code-verifier=x; `)],
  ["an index of flows", (bytes) => `${key}-flows-code-verifier=${base64(JSON.stringify(Array.from({ length: (bytes * 0.7) / 16 }, (_, n) => id(n))))}`],
  ["an index of one flow", (bytes) => `${key}-flows-code-verifier=${base64(JSON.stringify(Array.from({ length: (bytes * 0.7) / 16 }, () => id(1))))}`],
  ["an index and other cookies", (bytes) => `${key}-flows-code-verifier=${base64(JSON.stringify(Array.from({ length: (bytes * 0.35) / 16 }, (_, n) => id(n))))}; ${fill(bytes / 2, (n) => `n${n}=1; `)}`],
  ["an index and its flows", (bytes) => `${key}-flows-code-verifier=${base64(JSON.stringify(Array.from({ length: (bytes * 0.3) / 16 }, (_, n) => id(n))))}; ${fill(bytes / 2, (n) => `${key}-flow-${id(n)}-code-verifier=x; `)}`],
];

const post: FetchInit = { method: "POST", headers: [["Origin", SITE], ["Content-Type", "application/x-www-form-urlencoded"]], body: "" };
/** Every way on which cookies are read, forwarded, written or deleted. */
const WAYS: [string, "open" | "closed", string, FetchInit][] = [
  ["a page", "open", "/", {}],
  ["a page whose origin gets no cookies", "closed", "/", {}],
  ["a sign-out", "open", "/auth/signout", post],
  ["the beginning of a sign-in", "open", "/auth/login?provider=github", {}],
  ["its end", "open", `/auth/callback?code=x&sb_flow_id=${id(3)}`, {}],
];

describe.each(WAYS)("%s", (_, name, path, init) => {
  test.each(SHAPES)("%s", async (_, shape) => {
    const steps: number[] = [];
    for (const size of [1, ...SIZES]) {
      const cookies = Buffer.from(shape(size * KB)).toString("latin1");
      const answer = await stack.worker(name).fetch(path, { ...init, cookies });
      expect(answer.status, `${size} KB`).toBeLessThan(500);
      expect(answer.all("set-cookie").filter((line) => line.includes("=; Max-Age=0")).length).toBeLessThanOrEqual(128);
      steps.push(Number(answer.header("x-steps")));
    }
    const [, least, middle, most] = steps as [number, number, number, number];
    const slope = (middle - least) / 56;
    expect((most - middle) / 64, `${steps.join(", ")} steps`).toBeLessThanOrEqual(Math.max(slope * 1.3, 2 * KB));
    expect(most / (128 * KB), `${steps.join(", ")} steps`).toBeLessThan(MOST_STEPS_A_BYTE);
  });
});
