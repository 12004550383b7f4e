/** Every difference that is allowed, with its reason. What stands on no line here is a fault. */
import type { Difference } from "./compare.ts";
import type { Compared } from "./run.ts";

export interface Reason {
  /** What is otherwise, in words. */
  title: string;
  /** `platform`: a Worker that only forwards shows the same; else the place in the contract that asks for it. */
  by: "platform" | "settings" | "safety" | "caches";
  why: string;
  covers(difference: Difference, compared: Compared): boolean;
}

const answer = (pattern: RegExp) => ({ side, what }: Difference): boolean => side === "answer" && pattern.test(what);
const origin = (pattern: RegExp) => ({ side, what }: Difference): boolean => side === "origin" && pattern.test(what);
const either = (...tests: ((difference: Difference, compared: Compared) => boolean)[]) => (difference: Difference, compared: Compared): boolean => tests.some((test) => test(difference, compared));
const find = ({ differences }: Compared, side: string, what: string): Difference | undefined => differences.find((each) => each.side === side && each.what === what);

/** What follows for the answer where the origin was asked for something else. */
const OUTCOME = /^(status|reason|body|version|end|order of headers|case of names|interim answer \d+|header .*)$/;

export const REASONS: Reason[] = [
  {
    title: "A method or target that is not HTTP's is refused",
    by: "platform",
    why: "workerd takes the methods of a list and refuses raw bytes, spaces and quotes in a target, before any Worker runs",
    covers: (_, compared) => /^(invalid URI|invalid HTTP version parsed|ERROR: Unrecognized request method\.)/.test(find(compared, "answer", "body")?.through ?? ""),
  },
  {
    title: "A target is spelt as the URL standard does",
    by: "platform",
    why: "a Worker is handed a URL: dot segments are resolved, a fragment is cut, some characters are escaped, `*` is `/`, and a whole URL its path",
    covers(difference, compared) {
      const target = find(compared, "origin", "target");
      return isNormalised(target) && either(origin(/^target$/), answer(OUTCOME))(difference, compared);
    },
  },
  {
    title: "What belongs to one connection ends there",
    by: "platform",
    why: "`Connection`, `Keep-Alive`, `TE`, `Trailer` and an `Upgrade` to anything but a WebSocket are each connection's own (RFC 9110 7.6.1)",
    covers: either(answer(/^header (connection|keep-alive|trailer)$/), origin(/^header (connection|keep-alive|te|trailer|upgrade)$/), isOtherUpgrade),
  },
  {
    title: "The length of a body is told in another way",
    by: "platform",
    why: "an answer that ended with its connection comes in chunks, one without a body needs no length, and a request that may have a body says that it has none",
    covers: either(
      ({ side, what, direct, through }) => side === "answer" && what === "header transfer-encoding" && (direct ?? "chunked") === (through ?? "chunked"),
      ({ side, what, direct, through }) => side === "answer" && what === "header content-length" && (through === undefined || direct === undefined),
      ({ side, what, direct, through }) => side === "origin" && what === "header content-length" && direct === undefined && through === "0",
    ),
  },
  {
    title: "Headers stand in another order, and names in another case",
    by: "platform",
    why: "workerd keeps them in a map of its own; neither means anything (RFC 9110 5.1, 5.3)",
    covers: either(answer(/^(order of headers|case of names)$/), origin(/^(order of headers|case of names)$/)),
  },
  {
    title: "Lines of one name become one line",
    by: "platform",
    why: "`Headers` joins them with a comma, which means the same (RFC 9110 5.3); `Set-Cookie` stays as it is",
    covers: ({ what, direct, through }) => what.startsWith("header ") && what !== "header set-cookie" && direct?.replaceAll("\n", ", ") === through,
  },
  {
    title: "HTTP/1.0 becomes HTTP/1.1",
    by: "platform",
    why: "a version is each connection's own (RFC 9110 2.5)",
    covers: ({ what, direct, through }) => what === "version" && direct === "HTTP/1.0" && through === "HTTP/1.1",
  },
  {
    title: "An answer to HEAD has no body",
    by: "platform",
    why: "Python's wsgiref sends what the application made",
    covers: ({ side, what, through }, { exchange }) => side === "answer" && what === "body" && exchange.method === "HEAD" && through === "",
  },
  {
    title: "Interim answers are the runtime's",
    by: "platform",
    why: "it says 100 itself where a client waits for it; `fetch` hands out no 103",
    covers: answer(/^interim answer 10[03]$/),
  },
  {
    title: "Trailers are lost",
    by: "platform",
    why: "`fetch` knows none, in neither direction",
    covers: either(answer(/^trailers$/), origin(/^trailers$/)),
  },
  {
    title: "`CF-Worker` is added, `CF-Connecting-IP` is Cloudflare's",
    by: "platform",
    why: "every request of a Worker names its zone; what a client says of its own address is not passed on",
    covers: origin(/^header cf-(worker|connecting-ip)$/),
  },
  {
    title: "An empty `Accept-Encoding` or `Content-Type` is left out",
    by: "platform",
    why: "workerd writes these headers from what it has read of them",
    covers: ({ what, direct, through }) => /^header (accept-encoding|content-type)$/.test(what) && direct === "" && through === undefined,
  },
  {
    title: "The origin is told who is there: `X-Session-…`",
    by: "settings",
    why: "`IDENTITY_HEADERS`; what a client claims under such a name is taken off first",
    covers: origin(/^header x[-_]session[-_]/),
  },
  {
    title: "The origin is told the site's name: `X-Forwarded-Host` and `-Proto`",
    by: "settings",
    why: "`ORIGIN_URL` names another host than the visitor's",
    covers: origin(/^header x-forwarded-(host|proto)$/),
  },
  {
    title: "An address of the origin's own becomes the site's in `Location` and `Content-Location`",
    by: "settings",
    why: "`ORIGIN_URL` is an address that visitors cannot follow, or should not",
    covers: (difference, { own }) => answer(/^header (location|content-location)$/)(difference, {} as Compared) && difference.through === onSite(difference.direct ?? "", own),
  },
  {
    title: "Headers that name another path or host are taken off",
    by: "safety",
    why: "an origin that believes them would serve what no rule was asked about",
    covers: ({ side, what, through }) => side === "origin" && /^header (forwarded|x-original-url)$/.test(what) && through === undefined,
  },
  {
    title: "`Expect` is dropped",
    by: "safety",
    why: "the runtime has answered it, and would refuse to send it; an expectation that nobody knows is thereby met",
    covers: (difference, compared) => origin(/^header expect$/)(difference, compared) || (find(compared, "origin", "header expect")?.direct === "a-miracle" && (answer(OUTCOME)(difference, compared) || origin(/^(body|whole|requests)$/)(difference, compared))),
  },
  {
    title: "An origin that gives no answer is 502",
    by: "safety",
    why: "there is nothing to pass on",
    covers: (difference, compared) => compared.statuses[1] === 502 && compared.statuses[0] === 0 && answer(OUTCOME)(difference, compared),
  },
  {
    title: "With a session: `Cache-Control: private, no-cache` and `Vary: Cookie`",
    by: "caches",
    why: "where the origin did not say as much itself, so that no shared cache hands one visitor's page to another; `no-transform` stays",
    covers: ({ side, what, direct, through }, { state }) => side === "answer" && state === "signed in" && (what === "header cache-control" ? isPrivate(direct, through) : what === "header vary" && isVarying(direct, through)),
  },
  {
    title: "With a session: no header for a CDN",
    by: "caches",
    why: "`CDN-Cache-Control`, `Surrogate-Control` and their like would speak over the head of `Cache-Control`",
    covers: ({ side, what, through }, { state }) => side === "answer" && state === "signed in" && /^header (cdn-cache-control|surrogate-control|x-accel-expires)$/.test(what) && through === undefined,
  },
];

/** The reason for a difference; undefined where there is none. */
export function reasonFor(difference: Difference, compared: Compared): Reason | undefined {
  const isPlatform = !compared.ours.some(({ side, what }) => side === difference.side && what === difference.what);
  return REASONS.find(({ by, covers }) => (by !== "platform" || isPlatform || isOrderOfCommon(difference)) && covers(difference, compared));
}

export function unexplained(compared: Compared): Difference[] {
  return compared.differences.filter((difference) => reasonFor(difference, compared) === undefined);
}

/** The order of a header that the Worker wrote says nothing about the others. */
function isOrderOfCommon({ what }: Difference): boolean {
  return what === "case of names";
}

function isNormalised(target: Difference | undefined): boolean {
  const { direct, through } = target ?? {};
  if (direct === undefined || through === undefined) {
    return false;
  }
  if (direct === "*") {
    return through === "/";
  }
  const text = Buffer.from(direct, "latin1").toString("utf8");
  const url = new URL(text.startsWith("/") ? `http://site.example${text}` : text);
  return through === url.pathname + url.search;
}

/** An upgrade to another protocol is not passed on, so that the origin answers the plain request. */
function isOtherUpgrade(difference: Difference, compared: Compared): boolean {
  const upgrade = find(compared, "origin", "header upgrade");
  return upgrade?.direct === "h2c" && upgrade.through === undefined && (answer(OUTCOME)(difference, compared) || origin(/^(body|whole|requests)$/)(difference, compared));
}

function onSite(address: string, own: string): string | undefined {
  const full = address.startsWith("//") ? `http:${address}` : address;
  if (full !== own && !full.startsWith(`${own}/`)) {
    return undefined;
  }
  return `http://site.example${full.slice(own.length) || "/"}`;
}

function isPrivate(direct = "", through = ""): boolean {
  const said = direct.split(",").map((directive) => directive.trim());
  const isSaid = said.some((directive) => ["private", "no-store", "no-cache"].includes(directive));
  return !isSaid && through === `private, no-cache${said.includes("no-transform") ? ", no-transform" : ""}`;
}

function isVarying(direct: string | undefined, through: string | undefined): boolean {
  return through === (direct === undefined || direct === "" ? "Cookie" : `${direct}, Cookie`);
}
