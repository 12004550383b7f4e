/**
 * The header work of ours in plain JavaScript, without a single decision: what the contract alone costs on this platform.
 * It looks at every header of the request, copies them with the same names set, writes the same two headers on the answer
 * to a visitor with a session, and logs a line of the same length.
 */
const IDENTITY: readonly [string, string][] = [
  ["x-session-outcome", "valid"],
  ["x-session-user-id", "11111111-1111-4111-8111-111111111111"],
  ["x-session-role", "authenticated"],
  ["x-session-expires-at", "1763603600"],
  ["x-session-anonymous", "false"],
  ["x-session-id", "22222222-2222-4222-8222-222222222222"],
  ["x-session-aal", "aal1"],
  ["x-session-claims", "e".repeat(600)],
];
const LINE =
  '{"level":"info","outcome":"valid","reason":"token_valid","rule":null,"auth_calls":0,"gate":"none","keys":"none","cookies":0,' +
  '"ms":{"keys":0,"verify":0,"auth":0,"origin":1,"total":1},"status":200}';

export default {
  fetch(request: Request): Response | Promise<Response> {
    let lines = "";
    request.headers.forEach((value, name) => (lines += `${name},${value}\n`));
    const { pathname } = new URL(request.url);
    const isBypassed = pathname.startsWith("/_next/");
    const hasSession = !isBypassed && lines.includes("-auth-token");
    if (pathname.startsWith("/members") && !hasSession) {
      return denial();
    }
    const headers = new Headers(request.headers);
    headers.set("x-session-hop", "1");
    if (!isBypassed) {
      IDENTITY.slice(0, hasSession ? IDENTITY.length : 1).forEach(([name, value]) => headers.set(name, value));
    }
    const init: RequestInit = { headers, redirect: "manual" };
    if (hasSession || isBypassed) {
      init.cache = "no-store";
    }
    return fetch(request, init).then((answer) => {
      console.log(LINE);
      if (isBypassed || (!hasSession && !answer.headers.has("set-cookie"))) {
        return answer;
      }
      let read = "";
      answer.headers.forEach((value, name) => (read += `${name},${value}\n`));
      const edited = new Response(answer.body, answer);
      edited.headers.set("cache-control", "private, no-cache");
      edited.headers.set("vary", "Cookie");
      return edited;
    });
  },
};

function denial(): Response {
  console.log(LINE);
  return new Response('{"error":"unauthorized"}', {
    status: 401,
    headers: { "content-type": "application/json", "cache-control": "private, no-store", vary: "Cookie" },
  });
}
