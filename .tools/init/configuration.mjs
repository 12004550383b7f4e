// The configuration that `init` writes. Everything in it is explained in the README.

export const PLACEHOLDERS = { url: "https://<project>.supabase.co", key: "sb_publishable_…" };
export const BUILT_WORKER = "node_modules/edge-session/build/index.js";

/** The whole wrangler.toml of a new project. */
export function newConfiguration({ name, kind, hosts, directory, service, url, key, origin, rule, hasLoginPage }) {
  const isBehindRoute = hosts.length > 0;
  return `#:schema node_modules/wrangler/config-schema.json
name = ${text(name)}
main = ${text(BUILT_WORKER)}
compatibility_date = "2026-10-01"
# The Worker needs nothing of Node.js, which would cost start time.
compatibility_flags = ["no_nodejs_compat", "no_nodejs_compat_v2"]

${reach(kind, hosts)}
preview_urls = false
${kind === "static" ? assets(directory) : ""}${kind === "service" ? services(service) : ""}
# One refresh at a time for each session, wherever its requests arrive.
[[durable_objects.bindings]]
name = "REFRESH_GATE"
class_name = "RefreshGate"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["RefreshGate"]

# Signing keys and revocations, shared by all data centres. The first deployment makes the namespace.
[[kv_namespaces]]
binding = "SESSION_KV"

# Workers Cache would answer before the Worker runs, and would take one visitor's page for another's.
[cache]
enabled = false

[observability]
enabled = true

# The Worker's own log line has no addresses of pages and no headers; Cloudflare's would have both.
[observability.logs]
enabled = true
invocation_logs = false

# Secrets do not belong here: \`npx wrangler secret put <NAME>\` for the deployed Worker, .dev.vars for \`wrangler dev\`.
[vars]
SUPABASE_URL = ${text(url)}
SUPABASE_PUBLISHABLE_KEY = ${text(key)}
${kind === "url" ? `# Where requests go.\nORIGIN_URL = ${text(origin)}\n` : ""}# Below it the Worker signs in and out; the documentation has all routes (routes.md).
AUTH_PATH = "/auth"
${kind === "static" && !hasLoginPage ? "# The pages for that are the Worker's own; with \`off\`, LOGIN_PATH names yours.\nACCOUNT_PAGES = \"on\"" : 'LOGIN_PATH = "/login"'}
${isBehindRoute ? `SITE_URL = ${text(`https://${hosts[0]}`)}\n` : ""}
# Who may see what: the first rule that matches holds.
[[vars.RULES]]
path = [${rule.map(text).join(", ")}]
require = true
`;
}

/** What an existing Worker needs besides what it has; `tag` is one that its migrations do not use. */
export function additions({ url, key, rule, tag, has }) {
  const vars = { SUPABASE_URL: url, SUPABASE_PUBLISHABLE_KEY: key, LOGIN_PATH: "/login", RULES: [{ path: rule, require: true }] };
  const missing = Object.entries(vars).filter(([name]) => !has.vars.includes(name));
  return {
    vars: Object.fromEntries(missing),
    tables: {
      ...(has.gate ? {} : { durable_objects: { bindings: [{ name: "REFRESH_GATE", class_name: "RefreshGate" }] } }),
      ...(has.migration ? {} : { migrations: [{ tag, new_sqlite_classes: ["RefreshGate"] }] }),
      ...(has.store ? {} : { kv_namespaces: [{ binding: "SESSION_KV" }] }),
    },
  };
}

function reach(kind, hosts) {
  if (hosts.length === 0) {
    const why = kind === "static" || kind === "url" || kind === "service" ? "A first try" : "Nobody reaches the site by it: a zone's origin needs a route";
    return `# ${why}: https://<name>.<account>.workers.dev. With a route, set this to false.\nworkers_dev = true\n# routes = [{ pattern = "example.com/*", zone_name = "example.com" }]`;
  }
  const entries = hosts.map((host) => (kind === "zone" ? `{ pattern = ${text(`${host}/*`)}, zone_name = ${text(zoneOf(host))} }` : `{ pattern = ${text(host)}, custom_domain = true }`));
  return `routes = [${entries.join(", ")}]\n# It would answer beside the site's host, and so beside whatever else protects it.\nworkers_dev = false`;
}

/** The zone that most hosts lie in; who has another finds the line above. */
function zoneOf(host) {
  const labels = host.split(".");
  // Such as example.co.uk.
  const count = labels.length > 2 && /^(ac|co|com|edu|gov|net|org)$/.test(labels.at(-2)) && labels.at(-1).length === 2 ? 3 : 2;
  return labels.slice(-count).join(".");
}

function assets(directory) {
  return `
# Without run_worker_first Cloudflare serves the files before this Worker runs: no rule would guard them.
[assets]
directory = ${text(directory)}
binding = "ASSETS"
run_worker_first = true
`;
}

function services(service) {
  return `
# The Worker that is the site.
[[services]]
binding = "ORIGIN"
service = ${text(service)}
`;
}

/** A basic string of TOML is one of JSON. */
function text(value) {
  return JSON.stringify(value);
}
