import type { Weather } from "../controls.ts";
import { api, type AuthState } from "./api.ts";
import { type Calls, difference, inWords, remember, sinceLastLook } from "./calls.ts";
import { addToHistory, showHistory } from "./history.ts";
import { ofThisPage } from "./outcome.ts";
import { claimsOf, readSession, writeSession } from "./session-cookie.ts";
import { openTabs, TABS } from "./tabs.ts";
import { fill, showCalls, showHeaders, showIdentity, showOutcome, showToken } from "./view.ts";

const ACTIONS: Record<string, () => Promise<void>> = {
  "end-session": endSession,
  expire,
  reload: async () => location.reload(),
  "sign-out": signOut,
  tabs,
};

const HINTS = {
  anonymous: "Sign in first. An account is filled in on the login page.",
  signedIn: "Expire the token, then reload the page and see who renews it.",
  unavailable: "Let Auth answer well again and reload: you are still signed in.",
};

const WEATHER_HINTS: Record<Weather, string> = {
  down: "Auth now answers 503. A token that is still good does not care. Expire it and open Today: nothing is decided, and nothing is lost.",
  hang: "Auth now takes calls and never answers. Expire the token and open Today: the page comes after a few seconds, and nothing is lost.",
  limited: "Auth now answers 429 to everyone. Expire the token and open Today: nothing is decided, and nothing is lost.",
  ok: "Auth answers well again. Reload the page. After trouble the edge may leave Auth alone for some seconds first.",
};

/** What the edge made of this page, for showing it again when the calls have grown. */
let outcome = "";
let callsOfThisPage: Calls = {};

void start();

async function start(): Promise<void> {
  const timing = ofThisPage();
  showOutcome(timing);
  showHistory();
  await showVisitor();
  setInterval(() => void showVisitor(), 1000);
  listen();
  watchPanel();

  // Before anything else is asked of the edge, so that only this page's own calls are counted.
  const auth = await api.auth();
  outcome = timing?.outcome ?? "";
  callsOfThisPage = sinceLastLook(auth.calls.edge);
  showCalls(outcome, callsOfThisPage, auth.calls);
  showWeather(auth.weather);
  if (timing !== null) {
    addToHistory({ what: location.pathname, outcome, calls: inWords(callsOfThisPage) });
  }
  hint(outcome === "unavailable" ? HINTS.unavailable : (await readSession()) === null ? HINTS.anonymous : HINTS.signedIn);

  await Promise.allSettled([api.identity().then(showIdentity), askForHeaders()]);
  remember((await api.auth()).calls.edge);
  document.body.dataset.panel = "ready";
}

async function askForHeaders(): Promise<void> {
  const page = location.pathname + location.search;
  const { headers } = await fetch(page, { method: "HEAD", cache: "no-store" });
  const etag = headers.get("ETag");
  // While Auth is in trouble, each request may take as long as the page did.
  const again = etag === null || outcome === "unavailable" ? null : await fetch(page, { method: "HEAD", headers: { "If-None-Match": etag } });
  showHeaders(headers, again?.status ?? null);
}

async function showVisitor(): Promise<void> {
  const session = await readSession();
  showToken(session);
  const visitor = document.getElementById("visitor")!;
  const name = session === null ? "" : (session.user?.user_metadata?.name ?? session.user?.email ?? "signed in");
  if (visitor.dataset.name !== name) {
    visitor.dataset.name = name;
    visitor.replaceChildren(...(name === "" ? [link("/login", "Sign in")] : [text(name), signOutButton()]));
  }
  for (const name of ["expire", "end-session"]) {
    button(name).disabled = session === null;
  }
}

function listen(): void {
  document.addEventListener("click", (event) => {
    const pressed = (event.target as Element).closest<HTMLButtonElement>("[data-action]");
    const action = ACTIONS[pressed?.dataset.action ?? ""];
    if (pressed !== null && action !== undefined) {
      void run(pressed, action);
    }
  });
  for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=weather]")) {
    radio.addEventListener("change", () => void changeWeather(radio.value as Weather));
  }
}

async function run(pressed: HTMLButtonElement, action: () => Promise<void>): Promise<void> {
  pressed.setAttribute("aria-busy", "true");
  try {
    await action();
  } catch (error) {
    hint(`That did not work: ${(error as Error).message}.`);
  } finally {
    pressed.removeAttribute("aria-busy");
  }
}

async function expire(): Promise<void> {
  const session = await readSession();
  if (session === null) {
    return;
  }
  const { accessToken, expiresAt } = await api.expire(session.access_token);
  writeSession({ ...session, access_token: accessToken, expires_at: expiresAt });
  await showVisitor();
  addToHistory({ what: "token expired by hand" });
  hint("The access token in the cookie is now an old one; the refresh token is untouched. Reload, or open 20 tabs at once.");
}

async function endSession(): Promise<void> {
  const session = await readSession();
  const claims = session === null ? null : claimsOf(session);
  if (claims === null) {
    return;
  }
  await api.endSession(claims.session_id);
  addToHistory({ what: "session ended at Auth" });
  hint("Auth has forgotten this session. The token is still good for what it has left, except on Account, which asks Auth. Expire it and reload to see the end.");
}

async function tabs(): Promise<void> {
  const before = (await api.auth()).calls.edge;
  hint(`Opening ${TABS} tabs…`);
  const { outcomes, ms } = await openTabs();
  const { calls } = await api.auth();
  const cost = inWords(difference(calls.edge, before));
  const counted = [...outcomes].map(([name, count]) => `${count} × ${name}`).join(", ");
  remember(calls.edge);
  showCalls(outcome, callsOfThisPage, calls);
  await showVisitor();
  addToHistory({ what: `${TABS} tabs: ${counted}`, calls: cost });
  hint(`${counted}, in ${ms} ms. Auth was asked ${cost === "" ? "nothing" : `for ${cost}`}.`);
}

async function signOut(): Promise<void> {
  const { client } = await import("./client.ts");
  const { error } = await client.auth.signOut({ scope: "local" });
  if (error !== null) {
    throw error;
  }
  addToHistory({ what: "signed out in the page" });
  location.assign("/");
}

async function changeWeather(weather: Weather): Promise<void> {
  const state: AuthState = await api.setWeather(weather);
  showWeather(state.weather);
  addToHistory({ what: { down: "Auth answers 503", hang: "Auth hangs", limited: "Auth answers 429", ok: "Auth is well" }[weather] });
  hint(WEATHER_HINTS[weather]);
}

function showWeather(weather: Weather): void {
  document.querySelector<HTMLInputElement>(`input[name=weather][value=${weather}]`)!.checked = true;
}

/** On small screens the panel lies below the page; a tab leads to it until it is in view. */
function watchPanel(): void {
  const observer = new IntersectionObserver(([entry]) => document.body.classList.toggle("at-edge", entry?.isIntersecting ?? false));
  observer.observe(document.getElementById("edge")!);
}

function hint(message: string): void {
  fill("hint", message);
}

function button(action: string): HTMLButtonElement {
  return document.querySelector<HTMLButtonElement>(`#edge [data-action="${action}"]`)!;
}

function signOutButton(): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.dataset.action = "sign-out";
  element.textContent = "Sign out";
  return element;
}

function link(href: string, label: string): HTMLAnchorElement {
  const element = document.createElement("a");
  element.href = href;
  element.textContent = label;
  return element;
}

function text(value: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.textContent = value;
  return element;
}
