/** Headers of a request: a `Request`, its `Headers`, or the plain object of Node.js (`req.headers`). */
export type HeaderSource =
  | { headers: { get(name: string): string | null } }
  | { get(name: string): string | null }
  | { headers: Record<string, string | string[] | undefined> }
  | Record<string, string | string[] | undefined>;

/** A verified session, as the Worker told it. */
export interface Session {
  /** `refreshed` where this request had the token renewed. */
  outcome: "valid" | "refreshed";
  /** `sub` of the access token. */
  userId: string;
  sessionId: string;
  /** The role in Postgres, such as `authenticated`. */
  role: string;
  /** The assurance level: `aal2` after a second factor. */
  aal: "aal1" | "aal2" | (string & {});
  /** When the access token ends, in seconds since 1970; 0 where it was not told. */
  expiresAt: number;
  isAnonymous: boolean;
  /** The app of somebody else's to which Auth's OAuth server gave the token. */
  clientId: string | null;
  /** All claims of the access token; `null` where the Worker left them out (`IDENTITY_CLAIMS`, or too long for a header). */
  claims: Record<string, unknown> | null;
}

/** What `X-Session-Assertion` proves. For a visitor without a session the last four are absent. */
export interface Assertion {
  iss: "edge-session";
  /** The host that the Worker asked. */
  aud: string;
  iat: number;
  exp: number;
  outcome: string;
  sub?: string;
  session_id?: string;
  role?: string;
  aal?: string;
}

/** By what an assertion is verified: one of `secret`, `jwksUrl` and `jwks`. */
export type AssertionOptions = {
  /** The host that the Worker asks: that of `ORIGIN_URL`, or the site's. */
  audience: string | string[];
  /** Seconds since 1970; default: now. */
  now?: number;
} & (
  | { /** `IDENTITY_SECRET` */ secret: string; jwksUrl?: undefined; jwks?: undefined }
  | { /** `https://<site>/.well-known/edge-session/jwks.json` */ jwksUrl: string; secret?: undefined; jwks?: undefined }
  | { jwks: { keys: object[] }; secret?: undefined; jwksUrl?: undefined }
);

/** Why an assertion is not believed. */
export type AssertionProblem = "missing" | "malformed" | "algorithm" | "key" | "signature" | "issuer" | "audience" | "expired" | "early";

export declare class AssertionError extends Error {
  constructor(code: AssertionProblem);
  /** Never changes. */
  code: AssertionProblem;
}

/**
 * The session that the Worker's headers tell of, or `null`. Only for an origin that nobody reaches but through the Worker;
 * any other gives `options`, and is told what the assertion proves.
 */
export declare function readSession(source: HeaderSource): Session | null;
export declare function readSession(source: HeaderSource, options: AssertionOptions): Promise<Session | null>;

/**
 * The claims of a good assertion, in headers or as text. Whatever did not come through the Worker ends in an
 * `AssertionError`; a key set that cannot be fetched, in another error.
 */
export declare function verifyAssertion(source: HeaderSource | string, options: AssertionOptions): Promise<Assertion>;
