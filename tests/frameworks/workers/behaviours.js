/** What every app answers, by the path's last name; its framework hands it the request and the runtime's context. */
import { readSession } from "edge-session/origin";

const LATER_MS = 50;
const PAUSE_MS = 700;

export async function behave(request, context) {
  switch (new URL(request.url).pathname.slice(1)) {
    case "echo":
      return Response.json({ method: request.method, url: request.url, body: await request.text(), headers: Object.fromEntries(request.headers), session: readSession(request) });
    case "stream":
      return new Response(ReadableStream.from(parts()), { headers: { "content-type": "text/plain", "content-encoding": "identity" } });
    case "later":
      context.waitUntil(new Promise((passed) => setTimeout(passed, LATER_MS)).then(() => console.log("done later")));
      return new Response("now");
    case "cached":
      return cached();
    case "socket":
      return socket(request);
    case "cookies":
      return new Response("set", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2; Path=/x"]] });
    case "moved":
      return new Response(null, { status: 302, headers: { location: "/echo" } });
    case "broken":
      throw new Error("the app broke");
    default:
      return new Response("not found", { status: 404 });
  }
}

async function* parts() {
  const encoder = new TextEncoder();
  yield encoder.encode("first");
  await new Promise((passed) => setTimeout(passed, PAUSE_MS));
  yield encoder.encode("last");
}

async function cached() {
  const key = new Request("https://cache.example.com/one");
  const held = await caches.default.match(key);
  if (held !== undefined) return new Response(`cached ${await held.text()}`);
  await caches.default.put(key, new Response("value", { headers: { "cache-control": "max-age=60" } }));
  return new Response("made");
}

function socket(request) {
  const [client, server] = Object.values(new WebSocketPair());
  server.accept();
  server.addEventListener("message", ({ data }) => server.send(`${data} for ${request.headers.get("x-session-outcome")}`));
  return new Response(null, { status: 101, webSocket: client });
}
