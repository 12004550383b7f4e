/** The script: what a client says to every origin, through the Worker and not. */
import { gzipSync } from "node:zlib";
import type { HeaderList } from "../support/origin.ts";
import { frame } from "./wire.ts";

export interface Exchange {
  name: string;
  method: string;
  /** As it stands in the request line, one character per byte. `{own}` is the site's own address. */
  target: string;
  headers: HeaderList;
  body?: string;
  /** Default: the length is told. */
  chunked?: boolean;
  trailers?: HeaderList;
  /** Without the headers that every client sends. */
  bare?: boolean;
  frames?: string;
  /** Asks first, and again with what this makes of the answer. */
  again?: (first: { headers: HeaderList }) => HeaderList;
  /** Is meant to be answered 304 where the site has validators. */
  revalidates?: boolean;
}

const get = (target: string, ...headers: HeaderList): Exchange => ({ name: `GET ${target}`, method: "GET", target, headers });
const named = (name: string, exchange: Exchange): Exchange => ({ ...exchange, name });

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "PROPPATCH", "QUERY", "PURGE", "REPORT", "SEARCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "SUBSCRIBE", "LINK", "get", "FOO"];

const methods: Exchange[] = [
  ...METHODS.map((method) => ({ name: `${method} /echo`, method, target: "/echo", headers: [] })),
  ...["HEAD", "OPTIONS", "POST", "DELETE"].map((method) => ({ name: `${method} of a file`, method, target: "/a.txt", headers: [] })),
  { name: "OPTIONS *", method: "OPTIONS", target: "*", headers: [] },
  {
    name: "a preflight",
    method: "OPTIONS",
    target: "/echo",
    headers: [["Origin", "https://other.example"], ["Access-Control-Request-Method", "PUT"], ["Access-Control-Request-Headers", "x-a"]],
  },
  { name: "POST with an override", method: "POST", target: "/echo?_method=DELETE", headers: [["X-HTTP-Method-Override", "PUT"]], body: "a=1" },
];

const PATHS = [
  "/", "/echo/", "/echo//double", "//echo", "///echo", "/echo/caf%E9/", "/echo/caf%C3%A9", "/echo/caf%c3%a9", "/echo/caf\xe9", "/echo/caf\xc3\xa9",
  "/echo/50%-off", "/echo/%", "/echo/%zz", "/echo/%2", "/echo/a%2Fb", "/echo/a%2fb", "/echo/%61", "/echo/a%00b", "/echo/%0A", "/echo/%25", "/echo/%2e%2e/x", "/echo/./x", "/echo/x/../y", "/../echo",
  "/echo/a\\b", "/echo/a;b=c", "/echo/a:b@c", "/echo/(a)'!*", "/echo/$&+,=", "/echo/~a", "/echo/\"<>", "/echo/^`{|}", "/echo/[a]", "/echo/a+b", "/echo/a%20b", "/echo/a b", "/echo/\t",
  "/echo?", "/echo?a", "/echo?a=1&a=2", "/echo?a=b?c", "/echo?a=%zz", "/echo?a=50%-off", "/echo?a=caf%E9", "/echo?a=caf\xe9", "/echo?a='b'", "/echo?a=\"<>`{|}^\\", "/echo?a=b c", "/echo?a[]=1&b[x]=2", "/echo?a=b;c", "/echo?a=+%20+", "/echo?next=https://a.example/b", "/echo?/../x", "/echo#part", "/echo?a#part", "/echo/%F0%9F%9A%A2?q=%F0%9F%9A%A2",
  "/ECHO", "/a.txt/", "/dir", "/dir/", "/caf%C3%A9.txt", "/with%20space.txt", "/sale/50%-off.html", "/sale/50%25-off.html", "/nothing", "/.hidden", "/a.txt?v=1",
  `/echo/${"a".repeat(6_000)}`, `/echo?q=${"b".repeat(6_000)}`,
];

const paths: Exchange[] = [
  ...PATHS.map((target) => named(`GET ${target.length > 60 ? `${target.slice(0, 20)}… (${target.length} bytes)` : printable(target)}`, get(target))),
  named("an absolute target", get("{own}/echo?absolute")),
];

const long = (size: number): string => "l".repeat(size);
const requestHeaders: Exchange[] = [
  { ...named("no header but Host", get("/echo")), bare: true },
  named("a browser's headers", get("/echo", ["Accept-Language", "de-CH,de;q=0.9"], ["Sec-Fetch-Mode", "navigate"], ["Sec-Fetch-Site", "none"], ["Sec-Fetch-Dest", "document"], ["Sec-CH-UA", '"A";v="1"'], ["Upgrade-Insecure-Requests", "1"], ["DNT", "1"], ["Priority", "u=0, i"], ["Referer", "https://a.example/b?c"], ["Origin", "null"])),
  named("a header of 6 KB", get("/echo", ["X-Long", long(6_000)])),
  named("60 headers", get("/echo", ...Array.from({ length: 60 }, (_, index): [string, string] => [`X-Many-${index}`, String(index)]))),
  named("a header twice", get("/echo", ["X-Twice", "one"], ["X-Twice", "two"])),
  named("an empty header", get("/echo", ["X-Empty", ""])),
  named("a header in Latin-1", get("/echo", ["X-Name", "caf\xe9"])),
  named("a header in UTF-8", get("/echo", ["X-Name", "caf\xc3\xa9"])),
  named("odd names", get("/echo", ["X_Under_Score", "1"], ["x.dotted", "2"], ["X!#$%&'*+-.^_`|~", "3"], ["xLower", "4"])),
  named("inner spaces", get("/echo", ["X-Spaces", "a  b\tc , d"])),
  named("cookies", get("/echo", ["Cookie", "a=1; b=2"])),
  named("odd cookies", get("/echo", ["Cookie", "a; =b; c=d=e;f=\"g;h\"; ;i=caf\xc3\xa9; a=2;"])),
  named("a cookie in Latin-1", get("/echo", ["Cookie", "a=caf\xe9"])),
  named("4 KB of cookies", get("/echo", ["Cookie", `a=${long(4_000)}`])),
  named("Basic authentication", get("/echo", ["Authorization", "Basic YTpi"])),
  named("an API key", get("/echo", ["Authorization", "Bearer key_123"], ["apikey", "key_123"])),
  named("Digest authentication", get("/echo", ["Authorization", 'Digest username="a", uri="/echo"'])),
  named("an address before", get("/echo", ["X-Forwarded-For", "192.0.2.1"], ["X-Real-IP", "192.0.2.1"], ["Via", "1.1 before"], ["CF-Connecting-IP", "192.0.2.2"], ["CF-IPCountry", "CH"])),
  named("another host claimed", get("/echo", ["X-Forwarded-Host", "other.example"], ["Forwarded", "host=other.example"], ["X-Forwarded-Proto", "https"], ["X-Original-URL", "/admin"])),
  named("another identity claimed", get("/echo", ["X-Session-User-Id", "somebody"], ["X_Session_Role", "admin"])),
  named("a forced reload", get("/echo", ["Cache-Control", "no-cache"], ["Pragma", "no-cache"])),
  named("a reload", get("/echo", ["Cache-Control", "max-age=0"])),
  named("only if cached", get("/echo", ["Cache-Control", "only-if-cached, max-stale"])),
  named("a language", get("/echo", ["Accept", "text/html;q=0.5, application/json"], ["Accept-Charset", "utf-8"], ["Accept-Language", "*"])),
  named("trace context", get("/echo", ["traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"], ["baggage", "a=b"])),
  named("TE", get("/echo", ["TE", "trailers, deflate"])),
  named("Connection names a header", get("/echo", ["Connection", "keep-alive, X-Hop"], ["X-Hop", "one"])),
  named("Keep-Alive", get("/echo", ["Connection", "keep-alive"], ["Keep-Alive", "timeout=5"])),
  named("Max-Forwards", get("/echo", ["Max-Forwards", "3"], ["Date", "Mon, 01 Jan 2024 00:00:00 GMT"], ["From", "a@b.example"])),
  named("a client of HTTP/2 by upgrade", get("/echo", ["Connection", "Upgrade, HTTP2-Settings"], ["Upgrade", "h2c"], ["HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"])),
  ...["gzip", "br", "gzip, deflate, br, zstd", "identity", "identity;q=0, gzip", "*", ""].map((value) => named(`Accept-Encoding: ${value}`, get("/page.html", ["Accept-Encoding", value]))),
];

const range = (value: string, ...more: HeaderList): Exchange => named(`Range: ${value}`, get("/a.txt", ["Range", value], ...more));
const RELOAD: HeaderList = [["Cache-Control", "max-age=0"]];
const validators = (headers: HeaderList): HeaderList => [...entityTag(headers, "If-None-Match"), ...lastModified(headers, "If-Modified-Since")];

const conditional: Exchange[] = [
  ...["bytes=0-3", "bytes=5-", "bytes=-4", "bytes=0-0,5-6", "bytes=0-9999", "bytes=9999-", "bytes=abc", "lines=1-2", "bytes=3-1"].map((value) => range(value)),
  { ...named("HEAD with a range", get("/a.txt", ["Range", "bytes=0-3"])), method: "HEAD" },
  named("a range of a large file", get("/big.bin", ["Range", "bytes=100000-100099"])),
  { ...named("If-Range with the tag", get("/a.txt")), again: ({ headers }) => [["Range", "bytes=0-3"], ...entityTag(headers, "If-Range")] },
  { ...named("If-Range with the date", get("/a.txt")), again: ({ headers }) => [["Range", "bytes=0-3"], ...lastModified(headers, "If-Range")] },
  named("If-Range with another tag", get("/a.txt", ["Range", "bytes=0-3"], ["If-Range", '"other"'])),
  ...["/a.txt", "/page.html", "/big.bin", "/dir/", "/_app/immutable/app.js", "/image.png", "/empty.txt"].flatMap((target): Exchange[] => [
    { ...named(`revalidation of ${target}`, get(target)), again: ({ headers }) => validators(headers), revalidates: true },
    { ...named(`reload of ${target}`, get(target)), again: ({ headers }) => [...validators(headers), ...RELOAD], revalidates: true },
  ]),
  { ...named("revalidation by the tag alone", get("/a.txt")), again: ({ headers }) => entityTag(headers, "If-None-Match"), revalidates: true },
  { ...named("revalidation by the date alone", get("/a.txt")), again: ({ headers }) => lastModified(headers, "If-Modified-Since"), revalidates: true },
  { ...named("HEAD as revalidation", get("/a.txt")), method: "HEAD", again: ({ headers }) => validators(headers), revalidates: true },
  { ...named("revalidation with gzip", get("/page.html", ["Accept-Encoding", "gzip"])), again: ({ headers }) => validators(headers), revalidates: true },
  { ...named("revalidation of a page", get("/reply/cache-public")), again: ({ headers }) => validators(headers), revalidates: true },
  named("If-None-Match of another", get("/a.txt", ["If-None-Match", '"other", W/"more"'])),
  named("If-None-Match: *", get("/a.txt", ["If-None-Match", "*"])),
  named("If-Match of another", get("/a.txt", ["If-Match", '"other"'])),
  named("If-Modified-Since long ago", get("/a.txt", ["If-Modified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"])),
  named("If-Modified-Since of no date", get("/a.txt", ["If-Modified-Since", "yesterday"])),
  named("If-Unmodified-Since long ago", get("/a.txt", ["If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"])),
];

const upload = (name: string, body: string, headers: HeaderList = [], more: Partial<Exchange> = {}): Exchange => ({ name, method: "POST", target: "/echo", headers, body, ...more });
const EXPECT: [string, string] = ["Expect", "100-continue"];
const BIG = "0123456789".repeat(30_000);

const uploads: Exchange[] = [
  upload("a form", "a=1&b=%C3%A9", [["Content-Type", "application/x-www-form-urlencoded"]]),
  upload("JSON", '{"a":1}', [["Content-Type", "application/json"]]),
  upload("a multipart form", '--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n', [["Content-Type", "multipart/form-data; boundary=x"]]),
  upload("bytes of every value", String.fromCharCode(...Array.from({ length: 256 }, (_, index) => index)), [["Content-Type", "application/octet-stream"]]),
  upload("300 KB", BIG),
  upload("nothing", ""),
  upload("chunks", "some chunks of a body", [], { chunked: true }),
  upload("300 KB in chunks", BIG, [], { chunked: true }),
  upload("no chunk", "", [], { chunked: true }),
  upload("chunks with trailers", "a body", [["Trailer", "X-Sum"]], { chunked: true, trailers: [["X-Sum", "1"]] }),
  upload("Expect: 100-continue", "a body that waits", [EXPECT]),
  upload("Expect with 300 KB", BIG, [EXPECT], { method: "PUT" }),
  upload("Expect with chunks", "a body that waits", [EXPECT], { chunked: true }),
  upload("another expectation", "a body", [["Expect", "a-miracle"]]),
  upload("a compressed body", gzipSync("a body").toString("latin1"), [["Content-Encoding", "gzip"]]),
  upload("a body of GET", "a body", [], { method: "GET" }),
  upload("a body of DELETE", "a body", [], { method: "DELETE" }),
  upload("a body of PUT", "a body", [["Content-Type", "text/plain"], ["Content-Range", "bytes 0-5/6"]], { method: "PUT" }),
  upload("a body of QUERY", "select 1", [["Content-Type", "application/sql"]], { method: "QUERY" }),
  upload("a body of PROPFIND", "<propfind/>", [["Content-Type", "application/xml"], ["Depth", "1"]], { method: "PROPFIND" }),
  upload("a form to nowhere", "a=1", [["Content-Type", "application/x-www-form-urlencoded"]], { target: "/nothing" }),
  upload("a form to a file", "a=1", [["Content-Type", "application/x-www-form-urlencoded"]], { target: "/a.txt" }),
];

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const socket = (name: string, target: string, ...headers: HeaderList): Exchange => ({
  ...named(name, get(target, ["Connection", "Upgrade"], ["Upgrade", "websocket"], ["Sec-WebSocket-Version", "13"], ["Sec-WebSocket-Key", KEY], ...headers)),
  frames: frame(1, "hello") + frame(2, "\x00\xff") + frame(8, "\x03\xe8bye"),
});

const sockets: Exchange[] = [
  socket("a WebSocket", "/socket"),
  socket("a WebSocket with an origin", "/socket?room=1", ["Origin", "https://site.example"]),
  socket("a WebSocket with a protocol", "/socket", ["Sec-WebSocket-Protocol", "chat"]),
  socket("a WebSocket to nowhere", "/nothing"),
  socket("a WebSocket to a page", "/reply/json"),
];

/** Every reply, and for some of them HEAD and what a browser sends where it comes again. */
function repliesOf(names: string[]): Exchange[] {
  const heads = ["reason", "gzip", "cookies", "stream", "redirect-own", "status-404", "cache-public", "large"];
  return [
    ...names.map((name) => named(name, get(`/reply/${name}`))),
    ...heads.map((name) => ({ ...named(`HEAD of ${name}`, get(`/reply/${name}`)), method: "HEAD" })),
    ...["gzip", "br"].map((name) => named(`${name}, asked for`, get(`/reply/${name}`, ["Accept-Encoding", "gzip, br"]))),
    ...["stream", "events"].map((name) => named(`${name}, to a browser`, get(`/reply/${name}`, ["Accept", "text/event-stream"], ["Accept-Encoding", "gzip, deflate, br, zstd"], ["Cache-Control", "no-cache"]))),
    { ...named("a form's redirect", get("/reply/redirect-own-303")), method: "POST", body: "a=1", headers: [["Content-Type", "application/x-www-form-urlencoded"]] },
  ];
}

export function script(replies: string[]): Exchange[] {
  return [...methods, ...paths, ...requestHeaders, ...conditional, ...uploads, ...sockets, ...repliesOf(replies)];
}

function entityTag(headers: HeaderList, name: string): HeaderList {
  return headers.filter(([known]) => known.toLowerCase() === "etag").map(([, value]) => [name, value]);
}

function lastModified(headers: HeaderList, name: string): HeaderList {
  return headers.filter(([known]) => known.toLowerCase() === "last-modified").map(([, value]) => [name, value]);
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
