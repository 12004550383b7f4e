// The Worker around somebody else's: `withSession(app)` answers as if the app were its origin.
import worker from "../index.js";

export { RefreshGate } from "../index.js";

// What the runtime calls on a Worker besides `fetch`; each stays the app's.
const OTHER_HANDLERS = ["scheduled", "queue", "email", "tail", "tailStream", "trace", "test"];

export function withSession(app) {
  if (typeof app?.fetch !== "function") throw new TypeError("withSession takes an object with a method fetch(request, env, ctx)");
  const others = OTHER_HANDLERS.filter((name) => typeof app[name] === "function");
  return {
    ...Object.fromEntries(others.map((name) => [name, (...args) => app[name](...args)])),
    fetch(request, env, ctx) {
      const origin = { fetch: (input, init) => answer(app, input, init, env, ctx) };
      // The app is the origin, whatever else its environment names; the app itself gets the environment as it is.
      return worker.fetch(request, { ...env, ORIGIN: origin, ORIGIN_URL: undefined }, ctx);
    },
  };
}

/**
 * The app's answer to one request that carries the headers of the Worker. An app looks at the first argument alone: what
 * stands only in the second, it would not see, and a client's own headers would be there in its place.
 */
async function answer(app, input, init, env, ctx) {
  try {
    const { headers = input.headers } = init ?? {};
    const response = await app.fetch(new Request(input, { headers, redirect: "manual" }), env, ctx);
    if (response instanceof Response) return response;
    throw new TypeError("the app's fetch returned no Response");
  } catch (error) {
    // An answer all the same: the cookies of a session that was just refreshed must reach the browser.
    console.error(error);
    return new Response("Internal Server Error", { status: 500, headers: { "cache-control": "no-store", "content-type": "text/plain;charset=UTF-8" } });
  }
}
