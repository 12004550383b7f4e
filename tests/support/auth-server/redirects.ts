import { isIP } from "node:net";
import type { Ctx } from "./http.ts";
import type { Settings } from "./settings.ts";

/** Where a flow ends: the caller's wish if allowed, else the allowed referrer, else the site. */
export function redirectTarget(c: Ctx, settings: Settings): string {
  const wishes = [c.req.header("redirect_to"), c.req.query("redirect_to"), c.req.header("referer")];
  return wishes.find((wish) => wish !== undefined && isAllowed(wish, settings)) ?? settings.siteUrl;
}

export function isAllowed(target: string, settings: Settings): boolean {
  if (!URL.canParse(target)) {
    return false;
  }
  const url = new URL(target);
  const host = rawHost(target);
  // Browsers read a host of digits as an IPv4 address, so the name on the list proves nothing.
  if (/^\d+$/.test(host)) {
    return false;
  }
  if (isSite(url, new URL(settings.siteUrl))) {
    return true;
  }
  if (isIP(host.replace(/^\[|\]$/g, "")) !== 0) {
    return isLoopback(url.hostname);
  }
  if (/^https?:$/.test(url.protocol) && !/^[A-Za-z0-9.-]+$/.test(host)) {
    return false;
  }
  const [withoutFragment = ""] = target.split("#");
  return settings.uriAllowList.some((glob) => globExpression(glob).test(withoutFragment));
}

/** Adds members to the query or the fragment, in the sorted order in which Auth writes them. */
export function withParams(
  target: string,
  params: { query?: Record<string, string>; fragment?: Record<string, string> },
): string {
  const url = new URL(target);
  for (const [name, value] of Object.entries(params.query ?? {})) {
    url.searchParams.set(name, value);
  }
  if (params.fragment !== undefined) {
    const fragment = new URLSearchParams(params.fragment);
    fragment.sort();
    url.hash = fragment.toString();
  }
  return url.toString();
}

function isSite(url: URL, site: URL): boolean {
  const samePort = url.port === site.port || isLoopback(url.hostname);
  return url.protocol === site.protocol && url.hostname === site.hostname && samePort;
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/** The host as it was written, before the URL parser normalises numbers. */
function rawHost(target: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?(\[[^\]]*\]|[^/?#:]*)/i.exec(target)?.[1] ?? "";
}

/** `*` and `?` stop at `.` and `/`, `**` does not; `{a,b}` and `[ab]` are alternatives. */
function globExpression(glob: string): RegExp {
  const source = glob.replace(/\*\*|\\.|\{[^}]*\}|\[[^\]]*\]|[^\\]/g, (part) => {
    if (part === "**") return ".*";
    if (part === "*") return "[^./]*";
    if (part === "?") return "[^./]";
    if (part.length > 1 && part.startsWith("{")) return `(?:${part.slice(1, -1).split(",").map(escape).join("|")})`;
    if (part.length > 1 && part.startsWith("[")) return part.replace(/^\[!/, "[^");
    return escape(part.length === 2 ? part.slice(1) : part);
  });
  return new RegExp(`^${source}$`);
}

function escape(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}
