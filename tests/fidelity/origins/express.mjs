import express from "express";
import { acceptSockets, echo, FILES, parts, PORT, REPLIES } from "./common.mjs";

const app = express();
app.use("/echo", express.raw({ type: () => true, limit: "10mb" }), (request, response) => {
  response.type("json").send(echo(request.method, request.originalUrl, request.body ?? Buffer.alloc(0)));
});
app.all("/reply/:name", async (request, response, next) => {
  const reply = REPLIES[request.params.name];
  if (reply === undefined) return next();
  if (reply.hint !== undefined) await new Promise((sent) => response.writeEarlyHints({ link: reply.hint }, sent));
  response.status(reply.status ?? 200);
  if (reply.reason !== undefined) response.statusMessage = reply.reason;
  for (const [name, value] of reply.headers ?? []) response.append(name, value);
  if (reply.parts === undefined) return response.send(Buffer.from(reply.body ?? "", "base64"));
  for await (const part of parts(reply.parts)) response.write(part);
  if (reply.trailers !== undefined) response.addTrailers(reply.trailers);
  response.end();
});
app.use(express.static(FILES, { dotfiles: "allow" }));
acceptSockets(app.listen(PORT, "127.0.0.1"));
