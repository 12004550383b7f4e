import { createHash } from "node:crypto";
import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { type Context, Hono } from "hono";
import { stream } from "hono/streaming";
import { account, first, last, PUBLIC } from "../plain/pages.ts";
import { getSupabase } from "./supabase.ts";

const app = new Hono();
app.use("/assets/*", serveStatic({ root: "./dist", rewriteRequestPath: (path) => path.replace("/assets", "") }));

app.get("/", (c) => c.html(PUBLIC));

async function showAccount(c: Context): Promise<Response> {
  const { auth } = getSupabase(c);
  const { data } = await auth.getClaims();
  const { data: { user } } = await auth.getUser();
  return c.html(account(data?.claims, user));
}
app.get("/account", showAccount);
app.get("/account/pages/:number", showAccount);

app.post("/account/note", async (c) => {
  const { note } = await c.req.parseBody<{ note: string }>();
  const { data } = await getSupabase(c).auth.getClaims();
  const sha256 = createHash("sha256").update(note).digest("hex");
  return c.redirect(`/noted?sha256=${sha256}&by=${data?.claims.sub}`, 303);
});

app.post("/account/signout", async (c) => {
  await getSupabase(c).auth.signOut();
  return c.redirect("/", 303);
});

app.get("/account/stream/:id", async (c) => {
  const { data } = await getSupabase(c).auth.getClaims();
  c.header("Content-Type", "text/html");
  return stream(c, async (body) => {
    await body.write(first());
    await fetch(`${process.env.GATE_URL}/${c.req.param("id")}`);
    await body.write(last(data?.claims));
  });
});

serve({ fetch: app.fetch, hostname: "127.0.0.1", port: Number(process.env.PORT) });
