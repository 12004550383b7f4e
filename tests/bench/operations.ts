/** What single operations of the platform cost: the evidence for where a request's time goes. */
import { connect } from "./load.ts";
import { type Bundle, start } from "./runtime.ts";
import { measure } from "./scenarios.ts";
import type { Site } from "./site.ts";

/** How often one request repeats the operation: the request itself must not count. */
const REPEATS = 300;
const REQUESTS = 40;
const ROUNDS = 9;

/** Each is JavaScript in which `r` is the request, `h` its headers, and `x` takes the result. */
const OPERATIONS: Record<string, string> = {
  nothing: "",
  "all headers of the request as one string, the way wasm gets them": 'x = Array.from(h).join("\\n")',
  "the same by `forEach`, as only JavaScript can": 'x = ""; h.forEach((value, name) => { x += name + "," + value + "\\n"; })',
  "copy of the request's headers": "x = new Headers(h)",
  "copy of the request, one header set": 'x = new Request(r); x.headers.set("x-session-hop", "1")',
  "one header set": 'own.set("x-session-outcome", "valid")',
  "copy of a response, two headers set":
    'x = new Response(null, answer); x.headers.set("cache-control", "private, no-cache"); x.headers.set("vary", "Cookie")',
  "a short string out of wasm's memory": "x = decoder.decode(bytes.subarray(0, 20))",
  "the log line": "console.log(line)",
  "a signature check of ES256": 'x = await crypto.subtle.verify(ecdsa, key, signature, bytes.subarray(0, 800))',
};

/** A table of microseconds per operation. */
export async function operationsTable(site: Site): Promise<string> {
  const worker = await start(bundle(), {});
  const samples = new Map<string, number[]>();
  try {
    for (let round = -1; round < ROUNDS; round += 1) {
      for (const [index, name] of Object.keys(OPERATIONS).entries()) {
        const client = connect(worker.port);
        const headers = site.headers(site.newSession());
        const value = await measure(client, worker.cpuNanoseconds, REQUESTS, () => ({ path: `/${index}`, headers, status: 200 }));
        client.close();
        if (round >= 0) {
          samples.set(name, [...(samples.get(name) ?? []), value]);
        }
      }
    }
  } finally {
    await worker.stop();
  }
  const idle = median(samples.get("nothing"));
  const rows = [...samples.keys()].filter((name) => name !== "nothing");
  const lines = rows.map((name) => `| ${name} | ${((median(samples.get(name)) - idle) / REPEATS).toFixed(2)} |`);
  return ["| operation in workerd, without wasm | CPU (µs) |", "|---|--:|", ...lines].join("\n");
}

function bundle(): Bundle {
  const cases = Object.values(OPERATIONS).map(
    (code) => `async (r, h) => { let x; for (let i = 0; i < ${REPEATS}; i += 1) { ${code} } return x; }`,
  );
  const contents = `
const [own, decoder, bytes] = [new Headers(), new TextDecoder("utf-8", { ignoreBOM: true, fatal: true }), new Uint8Array(20000)];
const ecdsa = { name: "ECDSA", hash: "SHA-256" };
const line = ${JSON.stringify(JSON.stringify({ level: "info", outcome: "valid", reason: "token_valid", rule: null, ms: { keys: 0, total: 1 } }))};
const cases = [${cases.join(",\n")}];
let answer, key, signature;
export default {
  async fetch(r) {
    answer ??= new Response("page", { headers: { "content-type": "text/html", "content-length": "4", etag: "x" } });
    key ??= (await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"])).publicKey;
    signature ??= new Uint8Array(64).fill(1);
    await cases[Number(new URL(r.url).pathname.slice(1))](r, r.headers);
    return new Response("done");
  },
};`;
  const modules: Bundle["modules"] = [{ name: "index.js", kind: "esModule", contents: Buffer.from(contents) }];
  return { variant: "floor", modules, rawBytes: 0, gzipBytes: 0 };
}

function median(values: number[] | undefined): number {
  const sorted = (values ?? []).toSorted((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
