import { createAdaptorServer } from "@hono/node-server";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Hono } from "hono";
import type { AuthServer } from "../../support/auth-server/server.ts";
import { type Asset, bundleAssets } from "./bundle.ts";
import { controlsApp } from "./controls.ts";
import { identityOf } from "./identity.ts";
import { layout, MARK } from "./layout.ts";
import { accountPage, adminPage, frontPage, libraryPage, loginPage, membersPage, type Page, safePage } from "./pages.ts";
import { Rendered, type RenderedPage } from "./rendered.ts";
import { secondStepApp } from "./second-step.ts";

export interface Site {
  url: string;
  close(): Promise<void>;
}

// What a host of static or ISR sites sends with every page, whoever may see it.
const STATIC_CACHE_CONTROL = "public, s-maxage=30, stale-while-revalidate=300";

/** Starts the demo's site on a free port of the loopback interface. It knows nothing of cookies or tokens. */
export async function startSite(auth: AuthServer): Promise<Site> {
  const app = siteApp(auth, await bundleAssets());
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => resolve());
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function siteApp(auth: AuthServer, assets: Map<string, Asset>): Hono {
  const app = new Hono();
  const settings = { supabaseUrl: auth.url, publishableKey: auth.publishableKey };
  const full = (page: Page) => layout(page, settings);
  const rendered = new Rendered();

  app.get("/", (c) => answer(c.req.raw, rendered.page("/", () => full(frontPage()))));
  app.get("/library", (c) => answer(c.req.raw, rendered.page("/library", () => full(libraryPage()))));
  app.get("/login", (c) => {
    const result = c.req.query("error") ?? (c.req.query("sent") === undefined ? undefined : "sent");
    // Only a form that was sent without a script comes back with a result.
    return answer(c.req.raw, result === undefined ? rendered.page("/login", () => full(loginPage())) : Rendered.now(full(loginPage(result))));
  });
  // These three are rendered for one visitor and yet say `public`, as many a site does by mistake.
  app.get("/members", (c) => answer(c.req.raw, Rendered.now(full(membersPage(identityOf(c.req.raw.headers))))));
  app.get("/account", (c) => answer(c.req.raw, Rendered.now(full(accountPage(identityOf(c.req.raw.headers))))));
  app.get("/admin", (c) => answer(c.req.raw, Rendered.now(full(adminPage(auth.sessions())))));

  app.get("/safe", (c) => answer(c.req.raw, Rendered.now(full(safePage()))));

  app.route("/account/second-step", secondStepApp(settings, full));
  app.route("/demo", controlsApp(auth));
  app.get("/favicon.svg", (c) => c.body(MARK, 200, { "Content-Type": "image/svg+xml", "Cache-Control": "public, max-age=600" }));
  app.get("/assets/:name", (c) => {
    const asset = assets.get(c.req.param("name"));
    if (asset === undefined) {
      return c.notFound();
    }
    // The names stay the same from start to start, so the browser asks each time.
    return new Response(asset.body, { headers: { "Content-Type": asset.type, "Cache-Control": "no-cache" } });
  });
  return app;
}

function answer(request: Request, page: RenderedPage): Response {
  const headers = {
    "Cache-Control": STATIC_CACHE_CONTROL,
    "Content-Type": "text/html; charset=utf-8",
    ETag: page.etag,
    // The panel shows it beside what the browser got.
    "X-Site-Cache-Control": STATIC_CACHE_CONTROL,
  };
  return request.headers.get("If-None-Match") === page.etag
    ? new Response(null, { status: 304, headers })
    : new Response(page.html, { headers });
}
