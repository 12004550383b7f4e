/**
 * Small models of how origins read a path: each takes the request target without its query, as it stands on the wire, and
 * gives the path that its routes see, or undefined where the server refuses it. Only what decides about routes is modelled.
 */
import { parse as parseLegacy } from "node:url";

export type Origin = (path: string) => string | undefined;

/** The URL standard over an absolute URL: dot segments and backslashes resolved, escapes left alone (Deno, Bun, Workers, undici). */
export function whatwg(path: string): string | undefined {
  return attempt(() => new URL(`http://origin${path}`).pathname);
}

/** `new URL(request.url, base)` as most Node.js servers write it: two slashes begin another host. */
export function nodeRelative(path: string): string | undefined {
  return attempt(() => new URL(path, "http://origin").pathname);
}

/** `url.parse(request.url)` of older Node.js code. */
export function nodeLegacy(path: string): string | undefined {
  return attempt(() => parseLegacy(path).pathname ?? undefined);
}

/** Express and koa-router: the raw path split at slashes, each parameter decoded once; a last slash does not matter. */
export function express(path: string): string | undefined {
  return decoded(path)?.replace(/(.)\/$/, "$1");
}

/**
 * nginx (`ngx_http_parse_complex_uri`, merge_slashes on): decodes, merges slashes and resolves dots in one pass, from left to
 * right. An escaped slash or dot counts like a bare one; NUL is refused, and so is a path that climbs above the root.
 */
export function nginx(path: string): string | undefined {
  const text = decoded(path);
  if (text === undefined || text.includes("\0")) {
    return undefined;
  }
  const segments: string[] = [];
  const parts = text.split("/").slice(1);
  for (const [index, segment] of parts.entries()) {
    if (segment === "..") {
      if (segments.pop() === undefined) {
        return undefined;
      }
    } else if (segment !== "." && (segment !== "" || index === parts.length - 1)) {
      segments.push(segment);
    }
  }
  const last = parts.at(-1);
  return `/${segments.join("/")}${(last === "." || last === "..") && segments.length > 0 ? "/" : ""}`;
}

/** Go's net/http: decoded once into `URL.Path`, then `path.Clean` by ServeMux (as a redirect) or by http.FileServer. */
export function go(path: string): string | undefined {
  const text = decoded(path);
  return text === undefined ? undefined : clean(text);
}

/** Go routers over `URL.EscapedPath()`: cleaned first, decoded afterwards. */
export function goEscaped(path: string): string | undefined {
  return decoded(clean(path));
}

/** WSGI: `PATH_INFO` is the unquoted path, nothing else; wrong escapes stay (PEP 3333, `urllib.parse.unquote`). */
export function wsgi(path: string): string | undefined {
  return path.replace(/(%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"));
}

/** werkzeug on top of it: slashes merged. */
export function werkzeug(path: string): string | undefined {
  return wsgi(path)?.replace(/\/{2,}/g, "/");
}

/** `urllib.parse.urlsplit(target).path`, then unquoted: two slashes begin another host. */
export function pythonSplit(path: string): string | undefined {
  return wsgi(path.startsWith("//") ? path.replace(/^\/\/[^/]*/, "") || "/" : path);
}

/** PHP behind Apache: decoded, slashes merged and dots resolved; whoever asks C for a file ends it at NUL (before PHP 5.3.4). */
export function phpApache(path: string): string | undefined {
  return nginx(path.replace(/%00.*$/, ""));
}

/** A PHP front controller: `rawurldecode(parse_url($_SERVER["REQUEST_URI"], PHP_URL_PATH))`. */
export function phpParseUrl(path: string): string | undefined {
  if (path.startsWith("///")) {
    return undefined;
  }
  return wsgi(path.startsWith("//") ? path.replace(/^\/\/[^/?#]*/, "") || "/" : path);
}

/** Servlets (Tomcat, Jetty, Spring): `;…` leaves every segment, then decoding and dots (Orange Tsai, Black Hat 2018). */
export function servlet(path: string): string | undefined {
  const text = decoded(path.replace(/;[^/]*/g, ""));
  return text === undefined ? undefined : clean(text);
}

/** IIS and ASP.NET: a backslash is a slash, escaped or not. */
export function iis(path: string): string | undefined {
  const text = decoded(path)?.replaceAll("\\", "/");
  return text === undefined ? undefined : clean(text);
}

/** A rewrite over the decoded path, which is parsed as a URL again: `?` and `#` end it (CVE-2024-38474 in mod_rewrite). */
export function parsedAgain(path: string): string | undefined {
  return decoded(path)?.replace(/[?#].*$/s, "");
}

export const ORIGINS: Record<string, Origin> = {
  whatwg,
  nodeRelative,
  nodeLegacy,
  express,
  nginx,
  go,
  goEscaped,
  wsgi,
  werkzeug,
  pythonSplit,
  phpApache,
  phpParseUrl,
  servlet,
  iis,
  parsedAgain,
};

/** The readings of all origins, each with the further decoding that its routes may do. */
export function readings(path: string): [origin: string, reading: string][] {
  return Object.entries(ORIGINS).flatMap(([name, origin]): [string, string][] => {
    const reading = origin(path);
    if (reading === undefined) {
      return [];
    }
    // These hand out the path as escaped as it came, and the router decodes it.
    const again = ["whatwg", "nodeRelative", "nodeLegacy"].includes(name) ? decoded(reading) : undefined;
    return again === undefined || again === reading ? [[name, reading]] : [[name, reading], [name, again]];
  });
}

function decoded(path: string): string | undefined {
  return attempt(() => decodeURIComponent(path));
}

/** `path.Clean` of Go, with the last slash kept. */
function clean(path: string): string {
  const segments: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") {
      segments.pop();
    } else if (segment !== "" && segment !== ".") {
      segments.push(segment);
    }
  }
  return `/${segments.join("/")}${path.endsWith("/") && segments.length > 0 ? "/" : ""}`;
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
