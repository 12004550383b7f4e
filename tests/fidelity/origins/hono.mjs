import { serve } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { etag } from "hono/etag";
import { stream } from "hono/streaming";
import { acceptSockets, echo, FILES, parts, PORT, REPLIES } from "./common.mjs";

const app = new Hono();
const show = async (c) => {
  c.header("Content-Type", "application/json");
  return c.body(echo(c.req.method, c.req.url, Buffer.from(await c.req.arrayBuffer())));
};
app.all("/echo", show);
app.all("/echo/*", show);
app.all("/reply/:name", (c) => {
  const reply = REPLIES[c.req.param("name")];
  if (reply === undefined) return c.notFound();
  c.status(reply.status ?? 200);
  for (const [name, value] of reply.headers ?? []) c.header(name, value, { append: true });
  if (reply.parts === undefined) return c.body(reply.body === undefined ? null : Buffer.from(reply.body, "base64"));
  return stream(c, async (body) => {
    for await (const part of parts(reply.parts)) await body.write(part);
  });
});
app.use("*", etag(), serveStatic({ root: FILES }));
acceptSockets(serve({ fetch: app.fetch, hostname: "127.0.0.1", port: PORT }));
