/** A browser without scripts: it keeps cookies, reads pages and submits the forms it finds in them. */
import { type Answer, send } from "../../support/http.ts";
import type { HeaderList } from "../../support/origin.ts";
import { browserJar, type Cookie, jarCookies } from "../../support/sessions.ts";
import { type FetchInit, requestHeaders, SITE } from "../../support/stack.ts";

/** What answers the visitor: the Worker, or a cache before it. */
export interface Site {
  fetch(path: string, init: FetchInit): Promise<Answer>;
}

/** Keeps cookies as a browser does, and remembers nothing else. */
export class Visitor {
  cookies: Cookie[];
  readonly #site: Site;

  constructor(site: Site, cookies: Cookie[] = []) {
    this.#site = site;
    this.cookies = cookies;
  }

  async get(path: string, headers: HeaderList = []): Promise<Answer> {
    return this.#keep(await this.#site.fetch(path, { navigate: headers.length === 0, headers, cookies: this.cookies }));
  }

  async post(path: string, headers: HeaderList, body: string | Buffer): Promise<Answer> {
    const own: HeaderList = [["Origin", SITE], ["Sec-Fetch-Site", "same-origin"], ...headers];
    return this.#keep(await this.#site.fetch(path, { method: "POST", headers: own, cookies: this.cookies, body }));
  }

  /** Submits the form with that id as it stands on the page, with what the visitor typed over it. */
  submit(page: Answer, path: string, id: string, typed: Record<string, string> = {}): Promise<Answer> {
    const form = readForm(page.text, id);
    const fields = { ...form.fields, ...typed };
    const action = new URL(form.action === "" ? path : form.action, new URL(path, SITE));
    const { type, body } = form.multipart ? multipart(fields) : urlEncoded(fields);
    const headers: HeaderList = [["Content-Type", type], ["Accept", "text/html"], ["Sec-Fetch-Mode", "navigate"]];
    return this.post(action.pathname + action.search, headers, body);
  }

  async #keep(answer: Answer): Promise<Answer> {
    const had = this.cookies.map(({ name, value }) => ({ name, value: encodeURIComponent(value) }));
    this.cookies = await jarCookies(await browserJar(SITE, had, answer.headers), SITE);
    return answer;
  }
}

/** Whatever answers there as a plain server. */
export function siteAt(socket: URL): Site {
  return {
    fetch: (path, init) => send({ ...init, socket, target: path, headers: requestHeaders(init) }),
  };
}

/** The text of the element with that id; undefined without one. */
export function textOf(html: string, id: string): string | undefined {
  return new RegExp(`id="${id}"[^>]*>([^<]*)<`).exec(html)?.[1];
}

function urlEncoded(fields: Record<string, string>): { type: string; body: string } {
  return { type: "application/x-www-form-urlencoded", body: new URLSearchParams(fields).toString() };
}

function multipart(fields: Record<string, string>): { type: string; body: string } {
  const boundary = "----edge-session-boundary";
  const parts = Object.entries(fields).map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return { type: `multipart/form-data; boundary=${boundary}`, body: `${parts.join("")}--${boundary}--\r\n` };
}

interface Form {
  action: string;
  multipart: boolean;
  fields: Record<string, string>;
}

function readForm(html: string, id: string): Form {
  const [, opening = "", content] = new RegExp(`(<form[^>]*id="${id}"[^>]*>)([\\s\\S]*?)</form>`).exec(html) ?? [];
  if (content === undefined) {
    throw new Error(`the page has no form with the id ${id}: ${html.slice(0, 500)}`);
  }
  const hidden = [...content.matchAll(/<input[^>]*type="hidden"[^>]*>/g)];
  return {
    action: attribute(opening, "action"),
    multipart: attribute(opening, "enctype").toLowerCase() === "multipart/form-data",
    fields: Object.fromEntries(hidden.map(([input]) => [attribute(input, "name"), attribute(input, "value")])),
  };
}

function attribute(tag: string, name: string): string {
  const value = new RegExp(`\\s${name}="([^"]*)"`, "i").exec(tag)?.[1] ?? "";
  return value.replaceAll("&quot;", '"').replaceAll("&#x27;", "'").replaceAll("&amp;", "&");
}
