/** What the origins answer below `/reply/`, each in its own way: handed to them as JSON. */
import { randomBytes } from "node:crypto";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { HeaderList } from "../support/origin.ts";

export interface Reply {
  status?: number;
  reason?: string;
  headers?: HeaderList;
  /** Base64. */
  body?: string;
  /** Sent with pauses between them instead of `body`. */
  parts?: string[];
  trailers?: HeaderList;
  /** `Link` of a 103 that is sent first. */
  hint?: string;
}

const text = (value: string): string => Buffer.from(value).toString("base64");
const PAGE = `<!doctype html><title>A page</title>${"<p>Some words of a page.</p>".repeat(40)}`;
const HTML: [string, string] = ["Content-Type", "text/html; charset=utf-8"];
const page = (...headers: HeaderList): Reply => ({ headers: [HTML, ...headers], body: text(PAGE) });
const coded = (coding: string, body: Buffer, ...more: HeaderList): Reply => ({
  headers: [HTML, ["Content-Encoding", coding], ["Vary", "Accept-Encoding"], ...more],
  body: body.toString("base64"),
});
const status = (code: number, reason?: string, ...headers: HeaderList): Reply => ({
  status: code,
  ...(reason === undefined ? {} : { reason }),
  headers: [["Content-Type", "text/plain"], ...headers],
  body: text(`status ${code}`),
});
/** The same bytes in every pass of a run. */
const BINARY = randomBytes(100_000);

/** `own` is the address by which the origin is asked. */
export function replies(own: string): Record<string, Reply> {
  const redirect = (location: string, code = 302): Reply => ({ status: code, headers: [["Location", location]] });
  return {
    ...Object.fromEntries([201, 202, 203, 206, 207, 226, 299, 300, 400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 416, 417, 418, 421, 422, 425, 428, 429, 431, 451, 499, 500, 501, 502, 503, 504, 511, 520, 599].map((code) => [`status-${code}`, status(code)])),
    "status-204": { status: 204, headers: [["X-Empty", "yes"]] },
    "status-205": { status: 205, headers: [["X-Empty", "yes"]] },
    "status-304": { status: 304, headers: [["ETag", '"fixed"'], ["Cache-Control", "max-age=60"]] },
    reason: status(200, "Quite Fine"),
    "reason-404": status(404, "Nowhere"),
    "redirect-relative": redirect("/echo?from=redirect"),
    "redirect-sibling": redirect("next/page"),
    "redirect-query": redirect("?page=2"),
    "redirect-own": redirect(`${own}/echo?q=%C3%A9#part`),
    "redirect-own-301": redirect(`${own}/`, 301),
    "redirect-own-303": redirect(`${own}/echo`, 303),
    "redirect-own-307": redirect(`${own}/echo`, 307),
    "redirect-own-308": redirect(`${own}/echo`, 308),
    "redirect-own-bare": redirect(own),
    "redirect-own-no-scheme": redirect(`${own.replace("http:", "")}/echo`),
    "redirect-elsewhere": redirect("https://elsewhere.example/path?q=1#part"),
    "redirect-elsewhere-in-query": redirect(`https://elsewhere.example/?back=${encodeURIComponent(own)}`),
    "redirect-app": redirect("myapp://callback?code=1"),
    "redirect-odd": redirect("http://[broken"),
    "redirect-spaces": redirect("/a b?c=d e"),
    "content-location": page(["Content-Location", `${own}/page.en`]),
    "content-location-relative": page(["Content-Location", "page.en"]),
    "created": status(201, undefined, ["Location", `${own}/things/1`]),
    refresh: page(["Refresh", "5; url=/next"]),
    cookie: page(["Set-Cookie", "a=1; Path=/; HttpOnly; SameSite=Lax"]),
    "cookies": page(...Array.from({ length: 40 }, (_, index): [string, string] => ["Set-Cookie", `c${index}=${index}; Path=/; Expires=Wed, 01 Jan 2031 00:00:00 GMT`])),
    "cookie-odd": page(["Set-Cookie", "novalue"], ["Set-Cookie", "=noname"], ["Set-Cookie", 'q="a, b"; Path=/; Priority=High; Partitioned; Secure'], ["Set-Cookie", ""]),
    "cookie-cached": page(["Set-Cookie", "a=1"], ["Cache-Control", "public, max-age=60"]),
    "headers-many": page(...Array.from({ length: 80 }, (_, index): [string, string] => [`X-Many-${index}`, `value ${index}`])),
    "headers-long": page(["X-Long", "v".repeat(7_000)]),
    "headers-twice": page(["X-Twice", "one"], ["X-Twice", "two, three"], ["Link", "</a.css>; rel=preload"], ["Link", "</b.js>; rel=preload"]),
    "headers-challenges": status(401, undefined, ["WWW-Authenticate", 'Basic realm="a"'], ["WWW-Authenticate", 'Bearer realm="b"']),
    "headers-empty": page(["X-Empty", ""]),
    "headers-security": page(
      ["Content-Security-Policy", "default-src 'self'; report-uri /csp"],
      ["Strict-Transport-Security", "max-age=63072000; includeSubDomains"],
      ["X-Frame-Options", "DENY"],
      ["Permissions-Policy", "camera=(), geolocation=()"],
      ["Referrer-Policy", "same-origin"],
      ["Cross-Origin-Opener-Policy", "same-origin"],
    ),
    "headers-cors": page(["Access-Control-Allow-Origin", "https://other.example"], ["Access-Control-Allow-Credentials", "true"], ["Vary", "Origin"]),
    "headers-own": page(["Server", "of its own"], ["X-Powered-By", "steam"], ["Via", "1.1 inner"], ["Alt-Svc", 'h3=":443"; ma=60'], ["Server-Timing", "db;dur=3"], ["Age", "5"]),
    "headers-app": page(["X-Session-Note", "the app's own"], ["Clear-Site-Data", '"storage"'], ["Retry-After", "9"]),
    disposition: page(["Content-Disposition", "attachment; filename=\"a.txt\"; filename*=UTF-8''%e2%82%ac.txt"], ["Content-Language", "de"]),
    "no-type": { body: text("no type") },
    "json": { headers: [["Content-Type", "application/json"]], body: text('{"a":[1,2,3]}') },
    empty: { headers: [HTML] },
    binary: { headers: [["Content-Type", "application/octet-stream"]], body: BINARY.toString("base64") },
    large: { headers: [["Content-Type", "application/octet-stream"]], body: Buffer.concat(Array(5).fill(BINARY)).toString("base64") },
    "latin1-body": { headers: [["Content-Type", "text/html; charset=iso-8859-1"]], body: Buffer.from("caf\xe9", "latin1").toString("base64") },
    gzip: coded("gzip", gzipSync(PAGE)),
    "gzip-named-x": coded("x-gzip", gzipSync(PAGE)),
    br: coded("br", brotliCompressSync(PAGE)),
    deflate: coded("deflate", deflateSync(PAGE)),
    "zstd": coded("zstd", Buffer.from("KLUv/SAFKQAAaGVsbG8=", "base64")),
    "coding-unknown": coded("of-its-own", Buffer.from("whatever")),
    "coding-identity": coded("identity", Buffer.from(PAGE)),
    "gzip-etag": coded("gzip", gzipSync(PAGE), ["ETag", 'W/"gz"'], ["Cache-Control", "public, max-age=60"]),
    "cache-public": page(["Cache-Control", "public, max-age=300"], ["ETag", '"p1"'], ["Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"]),
    "cache-immutable": page(["Cache-Control", "public, max-age=31536000, immutable"]),
    "cache-s-maxage": page(["Cache-Control", "s-maxage=60, stale-while-revalidate=300"], ["Vary", "Accept-Language"]),
    "cache-cdn": page(["Cache-Control", "max-age=5"], ["CDN-Cache-Control", "max-age=60"], ["Surrogate-Control", "max-age=600"], ["X-Accel-Expires", "60"]),
    "cache-private": page(["Cache-Control", "private, max-age=60"], ["Vary", "Cookie"]),
    "cache-no-store": page(["Cache-Control", "no-store"], ["Pragma", "no-cache"], ["Expires", "0"]),
    "cache-expires": page(["Expires", "Wed, 01 Jan 2031 00:00:00 GMT"]),
    "cache-none": page(["ETag", '"n1"']),
    "no-transform": page(["Cache-Control", "public, no-transform, max-age=60"]),
    "vary-all": page(["Vary", "*"]),
    stream: { headers: [["Content-Type", "text/html"]], parts: ["<p>first", "<p>second", "<p>last"] },
    events: { headers: [["Content-Type", "text/event-stream"], ["Cache-Control", "no-cache, no-transform"]], parts: ["data: first\n\n", ": still here\n\n", "data: last\n\n"] },
    "events-bare": { headers: [["Content-Type", "text/event-stream"], ["Cache-Control", "no-transform"], ["X-Accel-Buffering", "no"]], parts: ["data: first\n\n", "data: last\n\n"] },
    trailers: { headers: [["Content-Type", "text/plain"], ["Trailer", "X-Checksum"]], parts: ["a body"], trailers: [["X-Checksum", "abc123"]] },
    "early-hints": { ...page(), hint: "</style.css>; rel=preload; as=style" },
  };
}
