/** The platform's floor: a Worker that forwards and does nothing else. */
export default {
  fetch(request: Request): Response | Promise<Response> {
    // A path that no other Worker of the bench would forward either.
    if (new URL(request.url).pathname.startsWith("/members")) {
      return new Response('{"error":"unauthorized"}', { status: 401, headers: { "Content-Type": "application/json" } });
    }
    return fetch(request);
  },
};
