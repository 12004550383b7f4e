/** What the Worker says about a request. It removes these headers from whatever a client sends, so they can be believed. */
export interface Identity {
  outcome: string | null;
  userId: string | null;
  sessionId: string | null;
  role: string | null;
  aal: string | null;
  expiresAt: number | null;
  email: string | null;
  name: string | null;
  /** `app_metadata.role`, which the admin rule asks for; not the role of the database. */
  appRole: string | null;
}

interface Claims {
  email?: string;
  app_metadata?: { role?: string };
  user_metadata?: { name?: string };
}

export function identityOf(headers: Headers): Identity {
  const header = (name: string) => headers.get(`X-Session-${name}`);
  const expiresAt = header("Expires-At");
  const claims = claimsOf(header("Claims"));
  return {
    outcome: header("Outcome"),
    userId: header("User-Id"),
    sessionId: header("Id"),
    role: header("Role"),
    aal: header("Aal"),
    expiresAt: expiresAt === null ? null : Number(expiresAt),
    email: claims.email ?? null,
    name: claims.user_metadata?.name ?? null,
    appRole: claims.app_metadata?.role ?? null,
  };
}

function claimsOf(header: string | null): Claims {
  return header === null ? {} : (JSON.parse(Buffer.from(header, "base64url").toString()) as Claims);
}
