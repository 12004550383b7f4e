export interface Profile {
  email: string;
  name: string;
}

/** The fake provider keeps nothing: its code carries the profile itself. */
export function providerCode(profile: Profile): string {
  return Buffer.from(JSON.stringify(profile)).toString("base64url");
}

/** null for a code that is not the provider's. */
export function readProviderCode(code: string): Profile | null {
  try {
    const { email, name } = JSON.parse(Buffer.from(code, "base64url").toString()) as Partial<Profile>;
    return typeof email === "string" && typeof name === "string" ? { email, name } : null;
  } catch {
    return null;
  }
}
