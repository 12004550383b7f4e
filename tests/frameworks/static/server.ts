// A host of static files, as a CDN's origin is one: every page may be kept by shared caches.
import { readFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { join, normalize } from "node:path";

const TYPES: Record<string, string> = { html: "text/html; charset=utf-8", js: "text/javascript" };

createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://static");
  const file = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname.includes(".") ? pathname : `${pathname}.html`);
  try {
    const body = await readFile(join("public", file));
    const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
    const headers = { "Cache-Control": "public, max-age=0, s-maxage=600", ETag: etag, "Content-Type": TYPES[file.split(".").pop() ?? ""] };
    const known = request.headers["if-none-match"] === etag;
    response.writeHead(known ? 304 : 200, headers).end(known ? undefined : body);
  } catch {
    response.writeHead(404, { "Cache-Control": "no-store" }).end("not found");
  }
}).listen(Number(process.env.PORT), "127.0.0.1");
