/** A shared cache inside workerd, made of the Cache API that Cloudflare's own caches stand behind. */
import { Miniflare, type MiniflareOptions } from "miniflare";
import { compatibility } from "../../support/stack.ts";
import { FOLDER } from "./settings.ts";

export interface WorkerdCache {
  url: URL;
  stop(): Promise<void>;
}

/**
 * Keeps what the Cache API keeps, by URL alone. An answer that says nothing about caching is kept for ten minutes, as a
 * CDN is told to do for a site that it should cache whole; a request that refuses cached answers is passed on.
 */
const SCRIPT = `export default {
  async fetch(request, { TARGET }, context) {
    const url = new URL(request.url);
    const target = new Request(TARGET + url.pathname + url.search, request);
    const refuses = /no-(cache|store)/.test(request.headers.get("Cache-Control") ?? "");
    if (request.method !== "GET" || refuses) {
      return fetch(target, { redirect: "manual" });
    }
    // The key holds no header: what the cache tells apart, it tells apart by what the answers say.
    const key = new Request(request.url);
    const kept = await caches.default.match(key);
    if (kept !== undefined) {
      return marked(kept, "HIT");
    }
    const answer = await fetch(target, { redirect: "manual" });
    const copy = answer.clone();
    const keep = new Response(copy.body, copy);
    if (!keep.headers.has("Cache-Control") && !keep.headers.has("Expires")) {
      keep.headers.set("Cache-Control", "s-maxage=600");
    }
    await caches.default.put(key, keep).catch(() => undefined);
    return marked(answer, "MISS");
  },
};
function marked(answer, state) {
  const response = new Response(answer.body, answer);
  response.headers.set("X-Cache", state);
  return response;
}`;

export async function startWorkerdCache(target: string): Promise<WorkerdCache> {
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    telemetry: { enabled: false },
    workers: [
      {
        config: {
          name: "cache",
          ...compatibility(),
          manifest: { mainModule: "cache.mjs", modulesRoot: FOLDER, modules: { "cache.mjs": { type: "esm", contents: SCRIPT } } },
          env: { TARGET: { type: "text", value: target } },
        },
        dev: { unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }] },
      },
    ],
  } as MiniflareOptions);
  await miniflare.ready;
  return { url: await miniflare.unsafeGetDirectURL("cache"), stop: () => miniflare.dispose() };
}
