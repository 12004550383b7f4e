import { html, raw } from "hono/html";
import type { Page } from "./pages.ts";
import { panel } from "./panel.ts";

export interface SiteSettings {
  supabaseUrl: string;
  publishableKey: string;
}

export const MARK = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><circle cx="16" cy="16" r="15" fill="#0b5563"/><path d="M16 5.5 22 19H10z" fill="#faf8f4"/><path d="M4.8 21.6c2.8-2.1 5.6-2.1 8.4 0s5.6 2.1 8.4 0c1.9-1.4 3.7-1.9 5.6-1.4" fill="none" stroke="#f0b48a" stroke-width="2.2" stroke-linecap="round"/></svg>`;

const NAVIGATION = [
  ["/", "Today"],
  ["/members", "Members"],
  ["/library", "Library"],
  ["/account", "Account"],
  ["/safe", "Safe"],
  ["/admin", "Office"],
] as const;

/** A whole page: the site's frame, the page in it, and the panel of the edge beside it. */
export function layout(page: Page, settings: SiteSettings): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${page.title} · Harbour Notes</title>
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
<script>document.documentElement.classList.add("js")</script>
<link rel="stylesheet" href="/assets/style.css">
<script type="application/json" id="settings">${raw(json({ ...settings, shared: page.shared ?? false }))}</script>
<script type="module" src="/assets/panel.js"></script>
${page.script === undefined ? "" : html`<script type="module" src="/assets/${page.script}"></script>`}
</head>
<body>
<a class="skip" href="#content">Skip to the page</a>
<div class="site">
<header class="masthead">
<a class="wordmark" href="/">${raw(MARK)}<span>Harbour Notes</span></a>
<nav aria-label="Site">${NAVIGATION.map(([path, label]) => navigationLink(path, label, page.path))}</nav>
<div class="visitor" id="visitor"><a href="/login">Sign in</a></div>
</header>
<main id="content" tabindex="-1">
${page.body}
</main>
<footer class="colophon">
<p>Harbour Notes is a made-up site. Its tides are a cosine; do not sail by them.</p>
<p>${page.footnote}</p>
</footer>
</div>
${panel()}
<a class="edge-tab" href="#edge"><span class="lamp"></span><span data-edge="outcome">…</span><span data-edge="countdown"></span></a>
</body>
</html>
`.toString();
}

function navigationLink(path: string, label: string, current: string) {
  return path === current ? html`<a href="${path}" aria-current="page">${label}</a>` : html`<a href="${path}">${label}</a>`;
}

/** JSON that cannot end the script element around it. */
function json(value: object): string {
  return JSON.stringify(value).replaceAll("<", "\\u003c");
}
