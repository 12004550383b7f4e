/**
 * The Worker's `RULES` for the demo: the same list that a `wrangler.toml` would hold. The first match wins, and what no
 * rule names (the front page, the login page, `/demo/panel`) still has its session read and refreshed.
 */
export const RULES = [
  // Styles and scripts need no session, and the demo's controls must not renew the token that they have just expired.
  { path: ["/assets/*", "/favicon.svg", "/demo/*", "!/demo/panel"], bypass: true },
  { path: ["/members", "/members/*"], require: true },
  { path: ["/library", "/library/*"], require: true, cache: "shared" },
  { path: ["/safe", "/safe/*"], require: { aal: "aal2" } },
  { path: ["/account", "/account/*"], require: true, verify: "live" },
  { path: ["/admin", "/admin/*"], require: { claims: { "/app_metadata/role": "admin" } } },
];
