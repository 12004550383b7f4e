/** What browsers do that takes several steps: sign-outs while pages are on their way, second factors, passwords, bans. */
import { setTimeout as sleep } from "node:timers/promises";
import { Secret, TOTP } from "otpauth";
import { claimsOf, type SessionBody } from "../support/sessions.ts";
import type { SignedIn } from "../support/stack.ts";
import type { Report, Violation } from "./bed.ts";
import type { Browser, Snapshot, Visit } from "./browser.ts";
import { TIMES } from "./plan.ts";
import type { BedAuth } from "./real-auth.ts";
import type { Site } from "./site.ts";

/** What the bed does for a deed. */
export interface Scene {
  auth: BedAuth;
  site: Site;
  report: Report;
  /** The storage key. */
  key: string;
  /** Auth behind its faults. */
  keeperUrl: string;
  /** Real milliseconds. */
  real(virtualSeconds: number): number;
  send(path: string, cookie: string, draw: number, body?: object): Promise<Visit>;
  /** Sends, keeps the cookies, and holds the answer against the model. */
  request(browser: Browser, path: string, draw: number, tab?: Snapshot): Promise<Visit>;
  untilDue(browser: Browser): Promise<boolean>;
  signInNow(browser: Browser): Promise<void>;
  write(browser: Browser, session: SessionBody): Promise<void>;
  cookieHeader(session: SessionBody): Promise<string>;
  isOut(browser: Browser, snapshot: Snapshot | null): void;
  isPromised(browser: Browser, tab: Snapshot): boolean;
  lastEnd(): number;
  /** Lets a task go on without holding its browser up. */
  later(browser: Browser, task: Promise<unknown>): void;
  violate(kind: Violation["kind"], browser: Browser, what: string): void;
}

/** When old cookies are tried after a sign-out, in parts of the replay time. */
const STOLEN_AT = [0, 0.05, 0.2, 0.5];
/** Old cookies that a thief has beside the last ones. */
const STOLEN_TABS = 2;
/** A token that is alive for less is not worth a call as its user. */
const ALIVE_MS = 1_000;

/**
 * A page begins with a refresh and stays on its way; its visitor signs out through the Worker; sometimes somebody else
 * signs in on that browser; then the page answers. Afterwards whoever has old cookies tries them.
 */
export async function leave(scene: Scene, browser: Browser, draw: number): Promise<void> {
  if (!(await scene.untilDue(browser)) || browser.leaving) {
    return;
  }
  browser.leaving = true;
  const held = browser.snapshot(scene.key);
  const { sessionId } = browser;
  const stolen = [...(held === null ? [] : [held]), ...browser.tabs.filter(({ session }) => session === sessionId).slice(-STOLEN_TABS)];
  const page = scene.site.slowPage();
  browser.tell(`opens ${page.path}`);
  const late = scene.send(page.path, browser.cookies(), draw);
  await Promise.race([page.arrived, late]);
  // What the page's own client writes after the sign-out, nobody at the edge can prevent.
  await Promise.all([...browser.clientTasks]);
  const answer = await scene.send("/auth/signout", browser.cookies(), (draw * 7) % 1, { scope: "local" });
  if (answer.status !== 204) {
    browser.tell(`the sign-out is answered ${answer.status}`);
    browser.leaving = false;
    page.release();
    browser.keep((await late).setCookies, scene.key);
    return;
  }
  browser.keep(answer.setCookies, scene.key);
  browser.left.set(sessionId, Date.now());
  browser.leaving = false;
  scene.isOut(browser, held);
  browser.tell(`signed out through the Worker, from ${answer.outcome}`);
  const isTaken = draw < 0.5;
  if (isTaken) {
    browser.switchUser();
    await scene.signInNow(browser);
  }
  page.release();
  lateAnswer(scene, browser, await late, isTaken);
  scene.later(browser, robbed(scene, browser, stolen, draw));
}

function lateAnswer(scene: Scene, browser: Browser, late: Visit, isTaken: boolean): void {
  const { report } = scene;
  report.late.answers += 1;
  report.late.refreshed += late.outcome === "refreshed" ? 1 : 0;
  report.late.toOthers += isTaken ? 1 : 0;
  const ours = late.setCookies.filter((line) => line.startsWith(scene.key));
  browser.tell(`the page answers late: ${late.outcome}, ${ours.length} cookies`);
  const was = browser.cookies();
  browser.keep(late.setCookies, scene.key);
  if (ours.some(isSet)) {
    scene.violate(isTaken ? "crossed" : "zombie", browser, "a late answer wrote the session that was signed out");
  } else if (isTaken && browser.cookies() !== was) {
    scene.violate("lost", browser, "a late answer deleted the session of the next person");
  }
}

async function robbed(scene: Scene, browser: Browser, stolen: Snapshot[], draw: number): Promise<void> {
  const started = Date.now();
  for (const part of STOLEN_AT) {
    await sleep(Math.max(0, started + part * scene.real(TIMES.replay) - Date.now()));
    for (const [index, snapshot] of stolen.entries()) {
      await steal(scene, browser, snapshot, (draw + (index + 1) / 4 + part) % 1);
    }
  }
  // Auth may not have heard of it, and the model knows only one kind of sign-out.
  await Promise.all(new Set(stolen.map(({ session }) => session)).values().map((session) => scene.auth.endSession(session)));
}

/** A token that is alive may pass until it ends; nothing newer may come of the cookies. */
async function steal(scene: Scene, browser: Browser, snapshot: Snapshot, draw: number): Promise<void> {
  scene.report.stolen += 1;
  const isDead = snapshot.expiresAtMs <= Date.now();
  const visit = await scene.send("/stolen", snapshot.header, draw);
  if (visit.outcome === "refreshed" || visit.setCookies.some((line) => line.startsWith(scene.key) && isSet(line)) || (isDead && visit.user !== null)) {
    scene.violate("zombie", browser, `old cookies of a session that was signed out are ${visit.outcome}`);
  }
}

function isSet(line: string): boolean {
  return !/^[^;]*=;/.test(line) && !/;\s*max-age=0/i.test(line);
}

/**
 * A second factor, which rotates the refresh token past the gate; then a refresh through the gate, and when Auth takes the
 * token of before no more, a request with the cookies of before.
 */
export async function raise(scene: Scene, browser: Browser, draw: number): Promise<void | (() => Promise<void>)> {
  const before = await raiseNow(scene, browser, draw);
  return before === null ? undefined : () => comeLate(scene, browser, before, draw);
}

async function comeLate(scene: Scene, browser: Browser, before: Snapshot, draw: number): Promise<void> {
  const { sessionId } = browser;
  if (!(await scene.untilDue(browser))) {
    return;
  }
  await scene.request(browser, "/page", draw);
  await sleep(scene.real(TIMES.reuseInterval) + 1_000);
  if (browser.sessionId !== sessionId || !browser.signedIn || !scene.isPromised(browser, before)) {
    scene.report.wakes.passedOver += 1;
    return;
  }
  scene.report.factors.late += 1;
  browser.tell(`cookies of before the factor, ${before.token.slice(0, 6)}`);
  await scene.request(browser, "/late", draw, before);
}

/** The cookies of before, or null if nothing was verified. */
async function raiseNow(scene: Scene, browser: Browser, draw: number): Promise<Snapshot | null> {
  const before = await alive(scene, browser, draw);
  const session = browser.session(scene.key);
  if (before === null || session === null) {
    return null;
  }
  const token = session.access_token;
  const known = browser.factors.get(browser.email);
  const factor = known ?? (await enroll(scene, token));
  if (factor === null) {
    return null;
  }
  const code = new TOTP({ secret: Secret.fromBase32(factor.secret) }).generate();
  // The Worker takes verified factors only.
  if (known !== undefined && draw < 0.5) {
    const answer = await scene.send("/auth/mfa", browser.cookies(), draw, { code, factor_id: factor.id });
    browser.keep(answer.setCookies, scene.key);
    browser.tell(`a factor through the Worker: ${answer.status} ${answer.status === 200 ? "" : answer.text}`);
    scene.report.factors.through += answer.status === 200 ? 1 : 0;
    return answer.status === 200 ? before : null;
  }
  const challenge = await asUser(scene, token, `/factors/${factor.id}/challenge`, {});
  const raised = challenge === null ? null : await asUser(scene, token, `/factors/${factor.id}/verify`, { challenge_id: challenge.id, code });
  if (raised === null) {
    return null;
  }
  browser.factors.set(browser.email, factor);
  await scene.write(browser, raised as SignedIn);
  browser.noteGeneration("client", scene.key);
  browser.tell("a factor past the gate");
  scene.report.factors.past += 1;
  return before;
}

async function enroll(scene: Scene, token: string): Promise<{ id: string; secret: string } | null> {
  const enrolled = await asUser(scene, token, "/factors", { factor_type: "totp", friendly_name: `app ${Date.now()}` });
  return enrolled === null ? null : { id: enrolled.id, secret: enrolled.totp.secret };
}

/** A new password through the Worker, in the session at hand; that of another device ends. */
export async function changePassword(scene: Scene, browser: Browser, draw: number): Promise<void> {
  const before = await alive(scene, browser, draw);
  const session = browser.session(scene.key);
  // Auth wants the higher level of who has a second factor.
  if (before === null || session === null || (browser.factors.has(browser.email) && claimsOf(session.access_token).aal !== "aal2")) {
    return;
  }
  const other = await scene.auth.signIn(browser.email);
  const header = await scene.cookieHeader(other);
  const password = `correct horse ${Date.now()}`;
  const answer = await scene.send("/auth/password", browser.cookies(), draw, { password });
  browser.keep(answer.setCookies, scene.key);
  browser.tell(`a new password: ${answer.status} ${answer.status === 200 ? "" : answer.text}`);
  if (answer.status !== 200) {
    await scene.auth.endSession(other.session_id);
    return;
  }
  scene.report.passwords += 1;
  scene.auth.hasPassword(browser.email, password);
  const { exp, iat, session_id } = claimsOf(other.access_token);
  const snapshot = { header, token: other.refresh_token, issuedAtMs: Number(iat) * 1000, expiresAtMs: Number(exp) * 1000, session: String(session_id) };
  browser.ghosts.push({ snapshot, deadline: scene.lastEnd() });
}

/** The operator bans the user; the session ends at its next refresh, and stays ended when the ban is taken back. */
export async function ban(scene: Scene, browser: Browser, draw: number): Promise<void> {
  const held = browser.snapshot(scene.key);
  if (held === null || !browser.signedIn) {
    return;
  }
  const { userId } = browser;
  await admin(scene, userId, "24h");
  browser.tell("banned");
  scene.report.bans += 1;
  scene.isOut(browser, held);
  try {
    if (await isRefused(scene, browser, held, draw)) {
      await admin(scene, userId, "none");
      // Auth would take the token again; the end that was told is the end.
      await steal(scene, browser, held, (draw + 0.25) % 1);
      await steal(scene, browser, held, (draw + 0.5) % 1);
    }
  } finally {
    await admin(scene, userId, "none");
    await scene.auth.endSession(held.session);
  }
}

/** Whether the Worker says that a banned session has ended, once its last token has. */
async function isRefused(scene: Scene, browser: Browser, held: Snapshot, draw: number): Promise<boolean> {
  await sleep(Math.max(0, browser.deadline - Date.now()));
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const visit = await scene.send("/banned", held.header, draw);
    browser.tell(`banned → ${visit.outcome}`);
    if (visit.user !== null || visit.outcome === "refreshed") {
      scene.violate("zombie", browser, `banned, and ${visit.outcome}`);
    }
    if (visit.outcome !== "unavailable") {
      return visit.outcome === "expired" || visit.outcome === "revoked";
    }
    await sleep(scene.real(2));
  }
  return false;
}

/** The cookies at hand, if their token lives long enough to be used; a page is opened first where it does not. */
async function alive(scene: Scene, browser: Browser, draw: number): Promise<Snapshot | null> {
  for (const isLast of [false, true]) {
    const held = browser.signedIn ? browser.snapshot(scene.key) : null;
    if (held === null || held.expiresAtMs > Date.now() + ALIVE_MS || isLast) {
      return held !== null && held.expiresAtMs > Date.now() + ALIVE_MS ? held : null;
    }
    await scene.request(browser, "/page", draw);
  }
  return null;
}

async function admin(scene: Scene, userId: string, ban_duration: string, attempts = 5): Promise<void> {
  const headers = { apikey: scene.auth.secretKey, "content-type": "application/json" };
  const answer = await fetch(`${scene.auth.url}/auth/v1/admin/users/${userId}`, { method: "PUT", headers, body: JSON.stringify({ ban_duration }) });
  if (answer.status >= 500 && attempts > 1) {
    await sleep(500);
    return admin(scene, userId, ban_duration, attempts - 1);
  }
  if (!answer.ok) {
    throw new Error(`the ban is answered ${answer.status}`);
  }
}

/** A call of the page's own client with its token; null if it failed. */
async function asUser(scene: Scene, token: string, path: string, body: object): Promise<any> {
  const headers = { apikey: scene.auth.publishableKey, authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${scene.keeperUrl}/auth/v1${path}`, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
  return answer?.ok === true ? answer.json() : null;
}
