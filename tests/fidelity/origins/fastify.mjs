import { Readable } from "node:stream";
import Fastify from "fastify";
import sirv from "sirv";
import { acceptSockets, echo, FILES, parts, PORT, REPLIES } from "./common.mjs";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "QUERY", "SEARCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK", "REPORT"];
const app = Fastify({ bodyLimit: 10_000_000 });
for (const method of METHODS) {
  // What it does not know yet, and does not take as it comes.
  app.addHttpMethod(method, { hasBody: !["GET", "HEAD"].includes(method) });
}
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "buffer" }, (_, body, done) => done(null, body));
const show = (request, reply) => reply.type("application/json").send(echo(request.method, request.url, request.body ?? Buffer.alloc(0)));
app.route({ method: METHODS, url: "/echo", handler: show });
app.route({ method: METHODS, url: "/echo/*", handler: show });
app.route({
  method: METHODS,
  url: "/reply/:name",
  handler(request, reply) {
    const wanted = REPLIES[request.params.name];
    if (wanted === undefined) return reply.callNotFound();
    if (wanted.hint !== undefined) reply.raw.writeEarlyHints({ link: wanted.hint });
    reply.code(wanted.status ?? 200);
    if (wanted.reason !== undefined) reply.raw.statusMessage = wanted.reason;
    for (const [name, value] of wanted.headers ?? []) reply.header(name, value);
    for (const [name, value] of wanted.trailers ?? []) reply.trailer(name, async () => value);
    return reply.send(wanted.parts === undefined ? Buffer.from(wanted.body ?? "", "base64") : Readable.from(parts(wanted.parts)));
  },
});
const files = sirv(FILES, { etag: true, dotfiles: true });
app.setNotFoundHandler((request, reply) => {
  if (!["GET", "HEAD"].includes(request.method)) return reply.code(404).send({ error: "not found" });
  reply.hijack();
  files(request.raw, reply.raw, () => reply.raw.writeHead(404).end("not found"));
});
await app.listen({ port: PORT, host: "127.0.0.1" });
acceptSockets(app.server);
