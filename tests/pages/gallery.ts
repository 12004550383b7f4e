/** The gallery of pages on a server of its own, which sends each with its policy and remembers what is posted. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="10" fill="#0b6e69"/><path d="M20 8v22M13 14h14M9 23c1 6 6 9 11 9s10-3 11-9" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`;

export interface Post {
  path: string;
  body: string;
}

export interface Gallery {
  url: string;
  /** Names of pages, without their language. */
  names: string[];
  languages: string[];
  posts: Post[];
  /** Answers to posts by path; a redirect where there is none. */
  answers: Map<string, unknown>;
  /** Where posts are redirected by path; to `/done` where nothing is said. */
  redirects: Map<string, string>;
  html(name: string, language: string): string;
  stop(): void;
}

export async function openGallery(): Promise<Gallery> {
  const folder = mkdtempSync(join(tmpdir(), "edge-session-pages-"));
  execFileSync(process.execPath, [join(ROOT, ".tools", "cargo.mjs"), "run", "--quiet", "--example", "gallery", "--", folder], { cwd: ROOT });
  const policies: Record<string, string> = JSON.parse(readFileSync(join(folder, "gallery.json"), "utf8"));
  const files = Object.keys(policies).map((file) => file.split("."));
  const read = (file: string) => readFileSync(join(folder, file), "utf8");
  const posts: Post[] = [];
  const answers = new Map<string, unknown>();
  const redirects = new Map<string, string>();

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = new URL(request.url!, "http://localhost").pathname;
    const file = path.slice(1);
    if (request.method === "POST") {
      let body = "";
      for await (const chunk of request) body += chunk;
      posts.push({ path, body });
      if (!answers.has(path)) return void response.writeHead(303, { Location: redirects.get(path) ?? "/done" }).end();
      return void response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(answers.get(path)));
    }
    if (path === "/logo.svg") return void response.writeHead(200, { "Content-Type": "image/svg+xml" }).end(LOGO);
    if (path === "/login") return void response.writeHead(200, { "Content-Type": "text/html" }).end(readFileSync(join(ROOT, "docs/examples/login.html")));
    if (!(file in policies)) return void response.writeHead(200, { "Content-Type": "text/html" }).end("<title>elsewhere</title>");
    response.writeHead(200, { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policies[file] }).end(read(file));
  }

  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    // A name, since an address is no relying party of WebAuthn.
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    names: [...new Set(files.map(([name]) => name))],
    languages: [...new Set(files.map(([, language]) => language))],
    posts,
    answers,
    redirects,
    html: (name, language) => read(`${name}.${language}.html`),
    stop() {
      server.close();
      server.closeAllConnections();
      rmSync(folder, { recursive: true });
    },
  };
}

