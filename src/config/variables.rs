//! The table of all variables: the single truth for what is read, for the README and for `.dev.vars.example`.

use std::fmt;

use self::Kind::{
    AnalyticsDataset, AssetsBinding, DurableObject, JsonVar, KvBinding, RateLimit, Secret,
    ServiceBinding, Var,
};
use self::Unset::{Absent, Described, Required, Value};

/// A variable, secret or binding that an operator may set.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What sort of thing it is to the platform.
    pub kind: Kind,
    /// What holds where it is unset.
    pub default: Unset,
    /// What it does and which values it takes, in Markdown.
    pub meaning: &'static str,
}

/// What sort of thing a variable is to the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A binding to a dataset of Workers Analytics Engine.
    AnalyticsDataset,
    /// A binding to static assets.
    AssetsBinding,
    /// A binding to a Durable Object namespace.
    DurableObject,
    /// A variable that is JSON.
    JsonVar,
    /// A binding to a KV namespace.
    KvBinding,
    /// A binding to a rate limit.
    RateLimit,
    /// A variable that is stored encrypted.
    Secret,
    /// A binding to another Worker.
    ServiceBinding,
    /// A plain variable.
    Var,
}

/// What holds where a variable is unset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unset {
    /// Nothing: what it would switch on stays off.
    Absent,
    /// Something that depends on the other variables or on the request.
    Described(&'static str),
    /// An error.
    Required,
    /// The same as if the variable had this value.
    Value(&'static str),
}

/// Every variable, in the order of the README.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "SUPABASE_URL",
        kind: Var,
        default: Required,
        meaning: "project URL; auth base = `<url>/auth/v1`, a path prefix is kept; plain http only for loopback and private addresses, single-label hosts, `.local`, `.internal`",
    },
    Variable {
        name: "SUPABASE_PUBLISHABLE_KEY",
        kind: Var,
        default: Required,
        meaning: "`sb_publishable_…` or the legacy anon JWT; `SUPABASE_ANON_KEY` is accepted as another name",
    },
    Variable {
        name: "SUPABASE_SECRET_KEY",
        kind: Secret,
        default: Absent,
        meaning: "`sb_secret_…`: sent as `apikey` on refresh and on sign-ins that passed Turnstile, with the visitor's address, so that Auth rate-limits per visitor instead of per Worker",
    },
    Variable {
        name: "SUPABASE_JWT_SECRET",
        kind: Secret,
        default: Absent,
        meaning: "verifies HS256 tokens locally; without it they are checked at `GET /user`",
    },
    Variable {
        name: "SUPABASE_JWKS",
        kind: Var,
        default: Absent,
        meaning: "a pinned key set (JSON); then no key is ever fetched",
    },
    Variable {
        name: "JWT_ISSUER",
        kind: Var,
        default: Described("auth base"),
        meaning: "accepted `iss`, comma separated; where it is set, a token without `iss` does not pass",
    },
    Variable {
        name: "JWT_AUDIENCE",
        kind: Var,
        default: Value("authenticated"),
        meaning: "accepted `aud`, comma separated; a token whose `aud` is a list passes if any member matches",
    },
    Variable {
        name: "CLOCK_SKEW_SECONDS",
        kind: Var,
        default: Value("5"),
        meaning: "leeway on `exp`, `nbf`, `iat`; 0–60",
    },
    Variable {
        name: "ORIGIN_URL",
        kind: Var,
        default: Absent,
        meaning: "where requests go; host, scheme and port replaced, path and query kept, a path prefix prepended",
    },
    Variable {
        name: "ORIGIN",
        kind: ServiceBinding,
        default: Absent,
        meaning: "used if there is no `ORIGIN_URL`; anything with `fetch`",
    },
    Variable {
        name: "ASSETS",
        kind: AssetsBinding,
        default: Absent,
        meaning: "used if there is neither; with none of the three the request goes on to the zone's own origin",
    },
    Variable {
        name: "RULES",
        kind: JsonVar,
        default: Described("static files bypassed"),
        meaning: "list of rules: a TOML array of tables (`[[vars.RULES]]`) or a JSON string",
    },
    Variable {
        name: "LOGIN_PATH",
        kind: Var,
        default: Value("/login"),
        meaning: "where a denied navigation is sent: a path, which may have a query, or an absolute URL of another host",
    },
    Variable {
        name: "MFA_PATH",
        kind: Var,
        default: Absent,
        meaning: "where a navigation is sent that lacks only the assurance level; unset: 403",
    },
    Variable {
        name: "AUTH_PATH",
        kind: Var,
        default: Absent,
        meaning: "e.g. `/auth`: the Worker itself serves its sign-in routes below it; unset: it serves none",
    },
    Variable {
        name: "ACCOUNT_PAGES",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: the Worker serves pages for its routes; `LOGIN_PATH` and `MFA_PATH` are then by default its own, `<AUTH_PATH>/login` and `/mfa`",
    },
    Variable {
        name: "PAGES",
        kind: JsonVar,
        default: Absent,
        meaning: "`{name, logo, color, home, texts}`: how its own pages look and read, error pages too; `texts` is language (or `*`) → key → text",
    },
    Variable {
        name: "SITE_URL",
        kind: Var,
        default: Described("request origin"),
        meaning: "public origin of the site, for redirects, `X-Forwarded-*` and the CSRF check behind another proxy",
    },
    Variable {
        name: "REDIRECT_HOSTS",
        kind: Var,
        default: Absent,
        meaning: "hosts, comma separated, `*.` for subdomains: `next` may be an absolute https URL of one of them",
    },
    Variable {
        name: "SESSION_KV",
        kind: KvBinding,
        default: Absent,
        meaning: "caches the key set and holds revocations; without it only the isolate's memory caches",
    },
    Variable {
        name: "REFRESH_GATE",
        kind: DurableObject,
        default: Absent,
        meaning: "one refresh at a time per session; without it, one per request",
    },
    Variable {
        name: "SIGN_IN_LIMIT",
        kind: RateLimit,
        default: Absent,
        meaning: "asked before every sign-in by address and by account; refused: 429",
    },
    Variable {
        name: "TURNSTILE_SITE_KEY",
        kind: Var,
        default: Absent,
        meaning: "for the widget of the pages; not without the secret where `ACCOUNT_PAGES` is on",
    },
    Variable {
        name: "TURNSTILE_SECRET_KEY",
        kind: Secret,
        default: Absent,
        meaning: "every sign-in needs a good `cf-turnstile-response`; not without the site key where `ACCOUNT_PAGES` is on",
    },
    Variable {
        name: "REFRESH_MARGIN_SECONDS",
        kind: Var,
        default: Value("90"),
        meaning: "refresh when fewer seconds are left; 0–600",
    },
    Variable {
        name: "REFRESH_REPLAY_SECONDS",
        kind: Var,
        default: Value("30"),
        meaning: "how long the gate answers a just-rotated refresh token with its successor; 0–300",
    },
    Variable {
        name: "AUTH_TIMEOUT_MS",
        kind: Var,
        default: Value("5000"),
        meaning: "whole budget for the Auth server in one request; 100–30000",
    },
    Variable {
        name: "JWKS_TTL_SECONDS",
        kind: Var,
        default: Value("600"),
        meaning: "fresh time of a key set; 60–86400",
    },
    Variable {
        name: "REVOCATION",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: sign-outs through the Worker end access tokens everywhere at once",
    },
    Variable {
        name: "OPERATOR_TOKEN",
        kind: Secret,
        default: Absent,
        meaning: "at least 32 bytes: what `X-Session-Explain` and `PUT /revocations` take; without it, the secret key",
    },
    Variable {
        name: "COOKIE_NAME",
        kind: Var,
        default: Described("`sb-<first host label>-auth-token`"),
        meaning: "the storage key; `__Secure-` and `__Host-` imply `Secure`, on http too, and must agree with the other attributes",
    },
    Variable {
        name: "COOKIE_DOMAIN",
        kind: Var,
        default: Absent,
        meaning: "`Domain` on set and delete; the host-only twins are deleted with it. A request whose host is not the domain or below it gets host-only cookies",
    },
    Variable {
        name: "COOKIE_PATH",
        kind: Var,
        default: Value("/"),
        meaning: "`Path` on set and delete",
    },
    Variable {
        name: "COOKIE_SAMESITE",
        kind: Var,
        default: Value("Lax"),
        meaning: "`Lax`, `Strict` or `None`; `None` makes the cookie `Secure` and cannot stand with `COOKIE_SECURE=false`. Code verifiers are never stricter than `Lax`",
    },
    Variable {
        name: "COOKIE_MAX_AGE",
        kind: Var,
        default: Value("34560000"),
        meaning: "`Max-Age` in seconds, 1–34560000, the 400 days at which browsers cap it; or `session`: until the browser closes. Code verifiers live an hour",
    },
    Variable {
        name: "COOKIE_SECURE",
        kind: Var,
        default: Value("auto"),
        meaning: "`auto`: on for https requests; `true`, `false`",
    },
    Variable {
        name: "COOKIE_PARTITIONED",
        kind: Var,
        default: Value("false"),
        meaning: "`true`: `Partitioned` (CHIPS) on set and delete; makes the cookie `Secure` and cannot stand with `COOKIE_SECURE=false`",
    },
    Variable {
        name: "COOKIE_RENEW",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: a navigation whose token this isolate sees for the first time gets the unchanged session's cookies anew, so that browsers which cap script-written cookies at 7 days keep them",
    },
    Variable {
        name: "COOKIE_HTTP_ONLY",
        kind: Var,
        default: Value("false"),
        meaning: "`true` breaks `createBrowserClient`; for sites without one",
    },
    Variable {
        name: "COOKIE_ENCODING",
        kind: Var,
        default: Value("base64url"),
        meaning: "or `raw`; reading always detects",
    },
    Variable {
        name: "IDENTITY_HEADERS",
        kind: Var,
        default: Value("on"),
        meaning: "`off`: the origin gets no `X-Session-…` headers",
    },
    Variable {
        name: "IDENTITY_CLAIMS",
        kind: JsonVar,
        default: Value("all"),
        meaning: "`all`: `X-Session-Claims`; `none`; or a table of header names and JSON pointers into the claims",
    },
    Variable {
        name: "IDENTITY_SECRET",
        kind: Secret,
        default: Absent,
        meaning: "at least 32 bytes: also sends `X-Session-Assertion`, an HS256 JWT that proves to the origin that the request came through the Worker",
    },
    Variable {
        name: "IDENTITY_PRIVATE_KEY",
        kind: Secret,
        default: Absent,
        meaning: "a private P-256 JWK: the assertion is ES256, and `/.well-known/edge-session/jwks.json` publishes the public key, so that an origin needs no secret",
    },
    Variable {
        name: "FORWARD_COOKIES",
        kind: Var,
        default: Value("on"),
        meaning: "`off`: no cookie of the session's family reaches the origin",
    },
    Variable {
        name: "SHARED_COOKIES",
        kind: Var,
        default: Absent,
        meaning: "names, comma separated, of cookies that `shared` paths pass on; a request that carries one bypasses the shared cache",
    },
    Variable {
        name: "FORWARD_BEARER",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: the origin's `Authorization` is the verified access token; a client's own JWT that was not verified never gets there",
    },
    Variable {
        name: "ORIGIN_HEADERS",
        kind: Secret,
        default: Absent,
        meaning: "a JSON table of headers that every request to the origin carries; no client can set them",
    },
    Variable {
        name: "SERVER_TIMING",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: `Server-Timing` with the outcome and its time on every response",
    },
    Variable {
        name: "LOG_LEVEL",
        kind: Var,
        default: Value("info"),
        meaning: "`off`, `error`, `info`, `debug`",
    },
    Variable {
        name: "LOG_PATH",
        kind: Var,
        default: Value("off"),
        meaning: "`on`: the log line has method, host and path, without the query",
    },
    Variable {
        name: "SESSION_METRICS",
        kind: AnalyticsDataset,
        default: Absent,
        meaning: "one [data point](docs/operating.md#metrics) per request, nothing personal in it",
    },
    Variable {
        name: "MODE",
        kind: Var,
        default: Value("enforce"),
        meaning: "`observe`: decides and logs ([how](docs/operating.md#observe-first)), but denies, deletes, refreshes and changes nothing",
    },
];

impl Kind {
    /// Whether the value is text in the Worker's environment, and not a binding.
    pub fn is_text(self) -> bool {
        match self {
            JsonVar | Secret | Var => true,
            AnalyticsDataset | AssetsBinding | DurableObject | KvBinding | RateLimit
            | ServiceBinding => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            AnalyticsDataset => "Analytics Engine binding",
            AssetsBinding => "assets binding",
            DurableObject => "Durable Object binding",
            JsonVar => "JSON var",
            KvBinding => "KV binding",
            RateLimit => "rate limit binding",
            Secret => "secret",
            ServiceBinding => "service binding",
            Var => "var",
        })
    }
}

impl fmt::Display for Unset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Absent => formatter.write_str("–"),
            Described(words) => formatter.write_str(words),
            Required => formatter.write_str("required"),
            Value(value) => write!(formatter, "`{value}`"),
        }
    }
}

impl fmt::Display for Variable {
    /// The variable's row of the README's table.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "| `{}` | {} | {} | {} |",
            self.name, self.kind, self.default, self.meaning
        )
    }
}
