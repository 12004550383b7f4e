import { createHash } from "node:crypto";

const FRESH_MS = 30_000;

/** A page as it was rendered, with its validator. An instance keeps the pages that are the same for everyone, as ISR does. */
export class Rendered {
  static now(html: string): RenderedPage {
    return { html, etag: `"${createHash("sha256").update(html).digest("base64url").slice(0, 16)}"` };
  }

  readonly #pages = new Map<string, { page: RenderedPage; atMs: number }>();

  page(path: string, render: () => string, nowMs = Date.now()): RenderedPage {
    const kept = this.#pages.get(path);
    if (kept !== undefined && nowMs - kept.atMs < FRESH_MS) {
      return kept.page;
    }
    const page = Rendered.now(render());
    this.#pages.set(path, { page, atMs: nowMs });
    return page;
  }
}

export interface RenderedPage {
  html: string;
  etag: string;
}
