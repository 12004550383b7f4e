import type { Identity } from "../identity.ts";
import type { CallCounts } from "../call-counter.ts";
import { type Calls, inWords, total } from "./calls.ts";
import { type EdgeTiming, explain } from "./outcome.ts";
import { claimsOf, type Session } from "./session-cookie.ts";
import { settings } from "./settings.ts";

const WITHOUT_SESSION = ["anonymous", "expired", "invalid", "revoked"];

export function fill(name: string, text: string): void {
  for (const element of document.querySelectorAll<HTMLElement>(`[data-edge="${name}"]`)) {
    element.textContent = text;
  }
}

export function showOutcome(timing: EdgeTiming | null): void {
  const outcome = timing?.outcome ?? "not at the edge";
  document.body.dataset.outcome = outcome;
  fill("outcome", outcome);
  fill("duration", timing === null ? "" : timing.ms < 1 ? "under 1 ms" : `${Math.round(timing.ms)} ms`);
  fill("explain", timing === null ? "This page came straight from the site. Open it through the Worker instead." : explain(outcome, 0));
}

export function showCalls(outcome: string, ofThisPage: Calls, { browser, edge }: CallCounts): void {
  const words = inWords(ofThisPage);
  const element = document.querySelector<HTMLElement>('[data-edge="calls"]')!;
  element.replaceChildren(
    words === "" ? "none for this page" : `${words} for this page`,
    small(total(edge) === 0 ? "none by the edge so far" : `by the edge so far: ${inWords(edge)}`),
    ...(total(browser) === 0 ? [] : [small(`by the browser: ${inWords(browser)}`)]),
  );
  fill("explain", explain(outcome, ofThisPage.user ?? 0));
  showDiagram(outcome, words);
}

function showDiagram(outcome: string, asked: string): void {
  const signedIn = !WITHOUT_SESSION.includes(outcome);
  const known = outcome === "valid" || outcome === "refreshed";
  const told = settings.shared ? "told nothing" : known ? "told who" : "told: nobody";
  fill("wire-browser", outcome === "refreshed" ? "new cookies" : signedIn ? "cookies" : "no session");
  fill("wire-site", told);
  fill("wire-auth", asked === "" ? "not asked" : asked);
  for (const part of document.querySelectorAll('[data-wire="auth"]')) {
    part.classList.toggle("off", asked === "");
  }
  fill("diagram", `Browser to edge: ${outcome}. Edge to site: ${told}. Edge to Auth: ${asked === "" ? "not asked" : asked}.`);
}

export function showIdentity(identity: Identity): void {
  const role = [identity.role, identity.appRole].filter((name) => name !== null).join(", ");
  fill("role", identity.userId === null ? "–" : `${role} · ${identity.aal ?? ""}`);
  const user = document.querySelector<HTMLElement>('[data-edge="user"]')!;
  if (identity.userId === null) {
    user.textContent = "nobody";
  } else {
    user.replaceChildren(identity.email ?? identity.name ?? "anonymous", small(identity.userId));
  }
  const note = document.querySelector<HTMLElement>('[data-edge="identity-note"]')!;
  note.hidden = !settings.shared;
  note.textContent = "The site learned none of this: a shared page is asked for without cookies and without identity. The panel asked separately.";
}

/** The headers of this page, from asking for them once more. */
export function showHeaders(headers: Headers, revalidation: number | null): void {
  fill("site-cache", headers.get("X-Site-Cache-Control") ?? "–");
  fill("browser-cache", headers.get("Cache-Control") ?? "–");
  fill("vary", headers.get("Vary") ?? "–");
  const etag = headers.get("ETag");
  fill("etag", etag === null ? "–" : `${etag}${revalidation === 304 ? " → 304" : ""}`);
}

/** Counts down the token that the cookie holds at this moment. */
export function showToken(session: Session | null): void {
  const claims = session === null ? null : claimsOf(session);
  const gauge = document.querySelector<HTMLElement>('[data-edge="gauge"]')!;
  gauge.parentElement!.hidden = claims === null;
  if (claims === null) {
    fill("token", "none");
    return fill("countdown", "");
  }
  const left = Math.round(claims.exp - Date.now() / 1000);
  fill("token", left > 0 ? `${clock(left)} left` : `expired ${clock(-left)} ago`);
  fill("countdown", left > 0 ? clock(left) : "expired");
  gauge.style.width = `${Math.max(0, Math.min(100, (left / (claims.exp - claims.iat)) * 100))}%`;
  gauge.classList.toggle("low", left < 120);
}

function small(text: string): HTMLElement {
  const element = document.createElement("small");
  element.textContent = text;
  return element;
}

function clock(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const minutes = `${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}:${minutes}`;
}
