/** What is tested: one row for each framework, and what a test has to know about it. */
import type { HeaderList } from "../../support/origin.ts";

export interface App {
  /** Its row. */
  name: string;
  title: string;
  /** `server`: its server shows the user; `pages`: its pages are the same for all, and the browser shows the user. */
  kind: "server" | "pages";
  /** The folder with its package.json; two rows may share one. */
  folder: string;
  /** The package whose version the table names; none for plain files. */
  packages: string[];
  /** How its client asks for the pages behind a page's links before they are clicked; `whole` where it gets what they show. */
  prefetch: { path(page: number): string; headers: HeaderList; whole: boolean };
  /** A page full of links that its router prefetches, linked from the private page. */
  links?: string;
  /** Its streamed page; default `/account/stream/`. */
  stream?: string;
  /** Other requests that are answered with what the private page shows. */
  data: { path: string; headers: HeaderList }[];
  /** What visitors of a shared cache ask for, and whether the cache may also stand behind the Worker. */
  cached?: { pages: string[]; behind: boolean };
  /** Columns that it has no use for, with the reason. */
  without: Partial<Record<Column, string>>;
}

/** The columns of the table, with what they say. */
export const COLUMNS = {
  "signed in": "the private page shows the user by `getClaims()` and by `getUser()`, and nothing is refreshed",
  refresh:
    "an expired token, or one with 91 seconds left and a slow way to the origin: the page shows the user by the new token, " +
    "for one refresh, which the origin did not ask for",
  guard:
    "without a session, or with one that Auth has ended, neither the private page nor its data is ever asked for at the " +
    "origin, and dead cookies are deleted",
  link: "the session has ended, and a click on a link to the private page, by the app's own router, leads to the login page",
  "sign-out": "the site's own sign-out wins over a refresh that is due at the same time",
  prefetch:
    "20 prefetches at once with an expired token: one refresh, nobody signed out; for the App Router also those that its " +
    "own router makes in Chromium",
  form: "a form of 40 KB posted with an expired token arrives whole, and as the user's; once without scripts, once in Chromium",
  action: "so does a Server Action, called by React in Chromium; one that signs out has its way there too",
  streaming: "the first part of a page arrives before the last is made, with an expired token",
  browser: "`createBrowserClient` in Chromium reads the session that the edge has refreshed",
  caches:
    "two users and an anonymous visitor take turns, 200 requests each, with a shared cache before or behind the Worker: " +
    "nobody gets what is another's, no cached copy sets a cookie, a members' page is rendered once; Express marks a private " +
    "page as public",
} as const;

export type Column = keyof typeof COLUMNS;

const PREFETCH: HeaderList = [["Sec-Purpose", "prefetch"]];
const NO_ACTION = { action: "Server Actions are React's" };
const RENDERED = { caches: "Express stands for all that render a page for each visitor" };
const SAME_FOR_ALL = {
  link: "it has no router",
  action: "it takes no forms",
  form: "it takes no forms",
  streaming: "its pages are whole before they are asked for",
  browser: "the browser shows the user in every test of this row",
};
const RSC: HeaderList = [["RSC", "1"]];

export const APPS: App[] = [
  {
    name: "nextjs-app",
    title: "Next.js, App Router",
    kind: "server",
    folder: "nextjs-app",
    packages: ["next"],
    prefetch: { path: (page) => `/account/pages/${page}`, headers: [...RSC, ["Next-Router-Prefetch", "1"]], whole: false },
    links: "/account/pages",
    data: [{ path: "/account", headers: RSC }],
    without: RENDERED,
  },
  {
    name: "nextjs-pages",
    title: "Next.js, Pages Router",
    kind: "server",
    folder: "nextjs-pages",
    packages: ["next"],
    prefetch: { path: (page) => `/account/pages/${page}`, headers: PREFETCH, whole: true },
    data: [{ path: "/_next/data/tested/account.json", headers: [] }],
    stream: "/api/account/stream/",
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "sveltekit",
    title: "SvelteKit",
    kind: "server",
    folder: "sveltekit",
    packages: ["@sveltejs/kit"],
    prefetch: { path: (page) => `/account/pages/${page}/__data.json`, headers: [], whole: true },
    data: [{ path: "/account/__data.json", headers: [] }],
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "astro",
    title: "Astro",
    kind: "server",
    folder: "astro",
    packages: ["astro"],
    prefetch: { path: (page) => `/account/pages/${page}`, headers: PREFETCH, whole: true },
    data: [],
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "remix",
    title: "Remix",
    kind: "server",
    folder: "remix",
    packages: ["@remix-run/node"],
    prefetch: { path: (page) => `/account/pages/${page}.data`, headers: [], whole: true },
    data: [{ path: "/account.data", headers: [] }],
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "react-router",
    title: "React Router",
    kind: "server",
    folder: "react-router",
    packages: ["react-router"],
    prefetch: { path: (page) => `/account/pages/${page}.data`, headers: [], whole: true },
    data: [{ path: "/account.data", headers: [] }],
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "express",
    title: "Express",
    kind: "server",
    folder: "express",
    packages: ["express"],
    prefetch: { path: (page) => `/account/pages/${page}`, headers: PREFETCH, whole: true },
    data: [],
    // A cache behind the Worker would have to believe the app.
    cached: { pages: ["/", "/account/mislabelled"], behind: false },
    without: NO_ACTION,
  },
  {
    name: "hono",
    title: "Hono",
    kind: "server",
    folder: "hono",
    packages: ["hono"],
    prefetch: { path: (page) => `/account/pages/${page}`, headers: PREFETCH, whole: true },
    data: [],
    without: { ...NO_ACTION, ...RENDERED },
  },
  {
    name: "static",
    title: "Static files",
    kind: "pages",
    folder: "static",
    packages: [],
    prefetch: { path: () => "/members/news", headers: PREFETCH, whole: true },
    data: [],
    cached: { pages: ["/", "/members/news"], behind: true },
    without: SAME_FOR_ALL,
  },
  {
    name: "isr",
    title: "Next.js, ISR",
    kind: "pages",
    folder: "nextjs-app",
    packages: ["next"],
    prefetch: { path: (page) => `/members/page-${page}`, headers: [...RSC, ["Next-Router-Prefetch", "1"]], whole: false },
    data: [{ path: "/members/news", headers: RSC }],
    cached: { pages: ["/", "/members/news", "/account"], behind: true },
    without: SAME_FOR_ALL,
  },
];
