export type Calls = Record<string, number>;

const BASELINE = "demo.calls";

const WORDS: Record<string, [one: string, many: string]> = {
  jwks: ["key set", "key sets"],
  logout: ["sign-out", "sign-outs"],
  signup: ["sign-up", "sign-ups"],
  "token:password": ["sign-in", "sign-ins"],
  "token:refresh_token": ["refresh", "refreshes"],
  user: ["user check", "user checks"],
};

/** What the edge asked of Auth since this tab last looked; nothing the first time. */
export function sinceLastLook(now: Calls): Calls {
  const kept = sessionStorage.getItem(BASELINE);
  const before = kept === null ? now : (JSON.parse(kept) as Calls);
  // Smaller numbers than before mean that the demo was started anew.
  const restarted = Object.entries(before).some(([name, count]) => (now[name] ?? 0) < count);
  return restarted ? now : difference(now, before);
}

export function remember(now: Calls): void {
  sessionStorage.setItem(BASELINE, JSON.stringify(now));
}

export function difference(now: Calls, before: Calls): Calls {
  const entries = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}

export function total(calls: Calls): number {
  return Object.values(calls).reduce((sum, count) => sum + count, 0);
}

/** `1 refresh, 2 key sets`, or nothing. */
export function inWords(calls: Calls): string {
  return Object.entries(calls)
    .map(([name, count]) => `${count} ${(WORDS[name] ?? [name, name])[count === 1 ? 0 : 1]}`)
    .join(", ");
}
