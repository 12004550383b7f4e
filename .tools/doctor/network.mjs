// What only others know: Auth's keys and clock, and Cloudflare's routes.
import { error, isSet, note, routesOf, warning } from "./findings.mjs";

const TIMEOUT_MS = 10_000;
const CLOUDFLARE_API = "https://api.cloudflare.com/client/v4";

/** Whether Auth's keys, issuer and clock are what the Worker expects. `hasKey`: whether there is a publishable key to ask with. */
export async function checkAuth(config, hasKey, ask) {
  const url = config.jwks_url;
  let body, skew, issuer;
  try {
    const response = await get(url);
    if (response.status !== 200) {
      return [error("keys-unreachable", `${url} answered ${response.status}: without keys no token can be verified.`, "Check SUPABASE_URL: it is the project's URL, without /auth/v1.")];
    }
    body = await response.text();
    skew = await clockSkew(url, response);
    issuer = hasKey ? [await judgeIssuer(config)] : [];
  } catch (cause) {
    const reason = cause.cause?.code ?? cause.cause?.message ?? cause.message;
    return [error("keys-unreachable", `${url} cannot be fetched (${reason}).`, "Check SUPABASE_URL and this machine's network, or pass --offline.")];
  }
  return [judgeKeys(url, body, config, ask({ keys: body }).keys), ...issuer, judgeSkew(skew, config.clock_skew_seconds)];
}

/** What Cloudflare knows and wrangler.toml does not: how routes fail, and which secrets are set. */
export async function checkCloudflare(settings, vars, { CLOUDFLARE_ACCOUNT_ID: account, CLOUDFLARE_API_TOKEN: token }) {
  const routes = routesOf(settings).filter(({ custom_domain }) => !custom_domain);
  if (routes.length === 0) return [];
  if (!token) {
    return [
      note(
        "fail-open-unknown",
        "Whether a route fails open is not part of wrangler.toml: on the Free plan such a route lets requests past the Worker once the day's are used up.",
        "Set the route to fail closed in the dashboard, or pass CLOUDFLARE_API_TOKEN, and the doctor looks it up.",
      ),
    ];
  }
  const findings = account && !isSet(vars.SUPABASE_SECRET_KEY) ? await judgeSecret(settings, account, token) : [];
  for (const route of routes) findings.push(...(await judgeRoute(route, token)));
  return findings;
}

/** Whether the deployed Worker has the key with which Auth tells visitors apart; nothing is said of one never deployed. */
async function judgeSecret(settings, account, token) {
  let secrets;
  try {
    secrets = await cloudflare(`/accounts/${account}/workers/scripts/${settings.name}/secrets`, token);
  } catch {
    return [];
  }
  if (secrets.some(({ name }) => name === "SUPABASE_SECRET_KEY")) return [];
  return [
    error(
      "secret-key-missing",
      "SUPABASE_SECRET_KEY is not set on the deployed Worker, which everybody reaches: Auth counts all visitors as one, and a single one can use up its rate limit for all.",
      `\`npx wrangler secret put SUPABASE_SECRET_KEY${settings.flag}\``,
    ),
  ];
}

async function judgeRoute(route, token) {
  let known;
  try {
    const zone = route.zone_id ?? (await zoneOf(route, token));
    known = zone && (await cloudflare(`/zones/${zone}/workers/routes`, token)).find(({ pattern }) => pattern === route.pattern);
  } catch (cause) {
    return [warning("fail-open-unknown", `Cloudflare did not say how the route ${route.pattern} fails (${cause.message}).`, "The token needs Zone Read and Workers Routes Read.")];
  }
  if (!known) return [note("fail-open-unknown", `Cloudflare has no route ${route.pattern} yet.`, "After the first deployment, run this again to see how it fails.")];
  if (known.request_limit_fail_open === false) return [];
  if (known.request_limit_fail_open !== true) return [note("fail-open-unknown", `Cloudflare did not say how the route ${route.pattern} fails.`, "Look in the dashboard: the zone, Workers Routes, Edit.")];
  return [
    error(
      "fail-open",
      `The route ${route.pattern} fails open: once the day's requests are used up, they go past the Worker, unguarded.`,
      "Set it to fail closed: dashboard, the zone, Workers Routes, Edit.",
    ),
  ];
}

/** The id of the zone that holds the route's host: the longest name above it that is a zone. */
async function zoneOf({ zone_name, host }, token) {
  const labels = host.replace(/^\*\.?/, "").split(".");
  const names = zone_name ? [zone_name] : labels.slice(0, -1).map((_, index) => labels.slice(index).join("."));
  for (const name of names) {
    const [zone] = await cloudflare(`/zones?name=${encodeURIComponent(name)}`, token);
    if (zone) return zone.id;
  }
  return undefined;
}

async function cloudflare(path, token) {
  const base = process.env.CLOUDFLARE_API_BASE_URL ?? CLOUDFLARE_API;
  const response = await get(base + path, { authorization: `Bearer ${token}` });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return (await response.json()).result ?? [];
}

function judgeKeys(url, body, { has_jwt_secret }, keys) {
  if (keys.error) return error("keys-none", `${url}: ${keys.error}.`, "Check SUPABASE_URL: it is the project's URL, without /auth/v1.");
  if (keys.usable > 0) return note("keys", `${keys.usable} of ${JSON.parse(body).keys.length} keys of ${url} can verify tokens.`);
  const text = `The key set at ${url} has no public key: the project signs with a shared secret (HS256).`;
  const rotate = "Rotate to an ES256 key in the dashboard under JWT Keys.";
  if (has_jwt_secret) return warning("keys-shared-secret", `${text} Tokens are verified with SUPABASE_JWT_SECRET, which can also make them.`, rotate);
  return warning("keys-shared-secret", `${text} Unless SUPABASE_JWT_SECRET is set on the Worker, every new token costs a call to Auth.`, rotate);
}

/** Whether the tokens that Auth makes name an issuer that the Worker takes. */
async function judgeIssuer({ auth_base, issuer_is_set, issuers, publishable_key }) {
  const response = await get(`${auth_base}/.well-known/openid-configuration`, { apikey: publishable_key });
  if ([401, 403].includes(response.status)) {
    return error("publishable-key-refused", `Auth's gateway refuses the publishable key (${response.status}): nobody's session can be refreshed.`, "Take SUPABASE_URL and SUPABASE_PUBLISHABLE_KEY from the same project.");
  }
  const issuer = response.status === 200 ? named(await response.text()) : undefined;
  if (issuer === undefined) return note("issuer", `Auth did not say which issuer its tokens name (status ${response.status}): it was not compared with JWT_ISSUER.`);
  if (issuers.includes(issuer)) return note("issuer", `Auth's tokens name the issuer ${issuer}, which is accepted.`);
  if (issuer === "" && !issuer_is_set) return note("issuer", "Auth's tokens name no issuer: they are accepted by the key they are signed with.");
  if (issuer === "") {
    return error("issuer", "Auth's tokens name no issuer, and JWT_ISSUER asks for one: every session is taken for forged and deleted.", "Leave JWT_ISSUER out.");
  }
  return error(
    "issuer",
    `Auth's tokens name the issuer ${issuer}, and ${issuers.join(", ")} is accepted: every session is taken for forged and deleted.`,
    `Set JWT_ISSUER = "${issuer}".`,
  );
}

/** The issuer of a discovery document, empty where Auth has none; undefined if it is no such document. */
function named(text) {
  try {
    const { issuer } = JSON.parse(text);
    return typeof issuer === "string" ? issuer : undefined;
  } catch {
    return undefined;
  }
}

/** How far Auth's clock is ahead, in seconds. */
async function clockSkew(url, response) {
  // A cache on the way may answer with the date of another day.
  const fresh = response.headers.has("age") ? await get(`${url}?at=${Date.now()}`) : response;
  const date = Date.parse(fresh.headers.get("date") ?? "");
  // The header drops the fraction of its second: half a second is the best guess.
  return (date + 500 - fresh.receivedAt) / 1000;
}

function judgeSkew(skew, leeway) {
  if (Number.isNaN(skew)) return note("clock", "Auth's answer has no Date: its clock was not compared.");
  const seconds = `${Math.abs(skew).toFixed(1)} s ${skew > 0 ? "ahead of" : "behind"} this machine's`;
  // One second for the header's resolution and the way.
  if (Math.abs(skew) <= leeway + 1) return note("clock", `Auth's clock is ${seconds}.`);
  return warning(
    "clock",
    `Auth's clock is ${seconds}, and CLOCK_SKEW_SECONDS is ${leeway}: tokens may count as not yet valid, or as dead too early.`,
    "Set both clocks by NTP; Cloudflare's is right.",
  );
}

async function get(url, headers = {}) {
  const response = await fetch(url, { headers: { accept: "application/json", ...headers }, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) });
  return Object.assign(response, { receivedAt: Date.now() });
}
