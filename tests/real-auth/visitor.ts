/** A browser in front of the Worker: one cookie jar, pages without script, and the real clients on the same cookies. */
import { createServerClient, parseCookieHeader, serializeCookieHeader } from "@supabase/ssr";
import type { SupabaseClient } from "@supabase/supabase-js";
import { CookieJar } from "tough-cookie";
import type { Answer } from "../support/http.ts";
import type { HeaderList } from "../support/origin.ts";
import { parseSetCookies, readSession, type SessionBody } from "../support/sessions.ts";
import { type FetchInit, SITE, type WorkerHandle } from "../support/stack.ts";
import type { Running } from "./program.ts";

/** The two ways in which a page speaks to the Worker's routes. */
export const WAYS = ["form", "JSON"] as const;
export type Way = (typeof WAYS)[number];

export class Visitor {
  readonly jar = new CookieJar();
  readonly #worker: WorkerHandle;
  readonly #project: Running;

  constructor(worker: WorkerHandle, project: Running) {
    this.#worker = worker;
    this.#project = project;
  }

  async get(path: string, headers: HeaderList = []): Promise<Answer> {
    return this.#keep(await this.#worker.fetch(path, { navigate: headers.length === 0, headers, cookies: this.cookies }));
  }

  /** A member that is an object goes into a form as its JSON. */
  async post(way: Way, path: string, fields: Record<string, string | object>): Promise<Answer> {
    const form = way === "form";
    const texts = Object.entries(fields).map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
    const init: FetchInit = {
      method: "POST",
      cookies: this.cookies,
      headers: [
        ["Origin", SITE],
        ["Content-Type", form ? "application/x-www-form-urlencoded" : "application/json"],
      ],
      body: form ? new URLSearchParams(texts).toString() : JSON.stringify(fields),
    };
    return this.#keep(await this.#worker.fetch(path, init));
  }

  /** Sends the same request several times at once, with the cookies of now. */
  async burst(path: string, count: number): Promise<Answer[]> {
    const cookies = this.cookies;
    const answers = await Promise.all(Array.from({ length: count }, () => this.#worker.fetch(path, { cookies })));
    answers.forEach((answer) => this.#keep(answer));
    return answers;
  }

  /** Who the Worker says is signed in. */
  async who(): Promise<any> {
    return (await this.get("/auth/session")).json().user;
  }

  /** The session in the jar, read by the real client. */
  session(): Promise<SessionBody | null> {
    return readSession(this.#project.url, this.jar.getCookiesSync(SITE).map(({ key, value }) => ({ name: key, value: decodeURIComponent(value) })));
  }

  /** The client of the site's own page or server, on the same cookies. */
  client(): SupabaseClient {
    return createServerClient(this.#project.url, this.#project.publishableKey, {
      cookies: {
        getAll: () => parseCookieHeader(this.cookies).map(({ name, value }) => ({ name, value: value ?? "" })),
        setAll: (cookies) => {
          for (const { name, value, options } of cookies) {
            this.jar.setCookieSync(serializeCookieHeader(name, value, options), SITE, { ignoreError: true });
          }
        },
      },
    }) as unknown as SupabaseClient;
  }

  /** Another tab, asleep since now. */
  asleep(): Visitor {
    const tab = new Visitor(this.#worker, this.#project);
    for (const { key, value } of this.jar.getCookiesSync(SITE)) {
      tab.jar.setCookieSync(`${key}=${value}; Path=/`, SITE);
    }
    return tab;
  }

  get cookies(): string {
    return this.jar.getCookieStringSync(SITE);
  }

  #keep(answer: Answer): Answer {
    for (const { line } of parseSetCookies(answer.headers)) {
      this.jar.setCookieSync(line, SITE, { ignoreError: true });
    }
    return answer;
  }
}

/** Follows redirects of Auth and the provider up to the site. */
export async function travel(from: string): Promise<URL> {
  let at = from;
  for (let hop = 0; hop < 8; hop += 1) {
    const answer = await fetch(at, { redirect: "manual" });
    const location = new URL(answer.headers.get("location") ?? "", at);
    if (location.origin === SITE) {
      return location;
    }
    at = location.toString();
  }
  throw new Error("the way never led back to the site");
}
