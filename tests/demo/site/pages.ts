import { html, raw } from "hono/html";
import { ACCOUNTS } from "../accounts.ts";
import type { Identity } from "./identity.ts";
import { clockTime, tidesOf, type TideDay } from "./tides.ts";

type Html = ReturnType<typeof html>;

export interface Page {
  path: string;
  title: string;
  body: Html;
  footnote: string;
  /** The same page for everyone who may see it: the site is not told who that is. */
  shared?: boolean;
  /** A script of this page alone. */
  script?: string;
}

export interface OpenSession {
  id: string;
  userId: string;
  createdAtMs: number;
  refreshedAtMs: number | null;
}

export function frontPage(now = new Date()): Page {
  const day = tidesOf(now);
  return {
    path: "/",
    title: "Today",
    footnote: `Rendered ${seconds(now)} UTC, the same for everyone, kept for 30 seconds.`,
    body: html`<p class="eyebrow">${longDate(now)} · Saltholm Harbour</p>
<h1>${day.rising ? "The tide is making." : "The tide is falling."}</h1>
<p class="lede">${day.nowMetres.toFixed(1)} metres over the sill at ${clockTime(now)}. ${nextTurn(day, now)} Light south-westerly, backing south by evening; the bar is open to all drafts under two metres.</p>
<figure class="tide">
${tideCurve(day)}
<figcaption><ul>${day.tides.map(({ kind, time, metres }) => html`<li><b>${kind}</b> ${time} <span>${metres.toFixed(1)} m</span></li>`)}</ul></figcaption>
</figure>
<div class="cards">
<article><h2>The lock keeps winter hours</h2><p>From Sunday it turns at high water only. Call ahead on channel 12; the keeper has a kettle and no patience.</p></article>
<article><h2>A berth by the fish quay</h2><p>Ten metres, shore power, a view of the herring boats. Free from the first of the month.</p></article>
<article class="card-members"><h2>Entering at night</h2><p>The leading lights, the unlit buoy, and the bank that moved again. <a href="/members">For members</a></p></article>
</div>`,
  };
}

export function membersPage(visitor: Identity, now = new Date()): Page {
  const name = visitor.name ?? visitor.email ?? "friend of the harbour";
  return {
    path: "/members",
    title: "Members",
    footnote: `Rendered ${seconds(now)} UTC for this visitor, from the headers the edge sent.`,
    body: html`<p class="eyebrow">Members · Pilotage</p>
<h1>Entering at night</h1>
<p class="lede">Welcome aboard, <b id="greeting">${name}</b>. The site that wrote your name has no login code: the edge told it who you are.</p>
<div class="no-script"><form method="post" action="/auth/signout"><button>Sign out</button></form></div>
<div class="prose">
<p>Bring the two leading lights in line, white over red, bearing 074°. Hold them until the church clock opens behind the ice house; only then turn for the entrance. The green buoy marked on the old chart is unlit, and has been since the spring.</p>
<p>The bank south of the mole has moved some forty metres towards the channel. At low water there is a metre and a half where the chart still promises three. Keep the mole close, closer than feels polite.</p>
<blockquote><p>If you can read the name on the pilot boat, you are too far north. If you can hear her radio, you are about right.</p></blockquote>
<p>Berth on the visitors' pontoon, port side to. Lines before engine, engine before supper.</p>
</div>`,
  };
}

export function libraryPage(now = new Date()): Page {
  const shelf = [
    ["Saltholm to Hvidsande", "41 nm", "Inside the banks, two gates to hit. Neaps are kinder."],
    ["The northern leads", "18 nm", "Eleven transits in order, each with the one you will mistake for it."],
    ["Crossing the lane", "26 nm", "When to go behind, and what the big ships see of you."],
    ["Anchorages under the cliff", "7 nm", "Four that hold, one that is only pretty."],
  ] as const;
  return {
    path: "/library",
    title: "Library",
    shared: true,
    footnote: `Rendered ${seconds(now)} UTC, one copy for all members, kept for 30 seconds.`,
    body: html`<p class="eyebrow">Members · Library</p>
<h1>Passages, written down</h1>
<p class="lede">One page for all members, so one copy in the cache. The edge checks who you are, then asks for the page without saying so.</p>
<ul class="shelf">${shelf.map(([title, length, text]) => html`<li><h2>${title}</h2><span>${length}</span><p>${text}</p></li>`)}</ul>`,
  };
}

export function accountPage(visitor: Identity, now = new Date()): Page {
  return {
    path: "/account",
    title: "Account",
    footnote: `Rendered ${seconds(now)} UTC for this visitor.`,
    body: html`<p class="eyebrow">Members · Account</p>
<h1>Your berth</h1>
<p class="lede">This page asks Auth on every request, because a session that was ended elsewhere must not get in here, not even for the minutes its token still lasts.</p>
<dl class="ledger">
<div><dt>Name</dt><dd>${visitor.name ?? "–"}</dd></div>
<div><dt>E-mail</dt><dd>${visitor.email ?? "–"}</dd></div>
<div><dt>User</dt><dd><code>${visitor.userId ?? "–"}</code></dd></div>
<div><dt>Session</dt><dd><code>${visitor.sessionId ?? "–"}</code></dd></div>
<div><dt>Assurance</dt><dd>${visitor.aal ?? "–"}</dd></div>
</dl>
<p><a href="/account/second-step">A second step for signing in</a> · <a href="/auth/password?next=/account">A new password</a></p>
<div class="no-script"><form method="post" action="/auth/signout"><input type="hidden" name="scope" value="global"><button>Sign out everywhere</button></form></div>`,
  };
}

export function safePage(now = new Date()): Page {
  return {
    path: "/safe",
    title: "Safe",
    footnote: `Rendered ${seconds(now)} UTC for who has shown a second step.`,
    body: html`<p class="eyebrow">Members · Safe</p>
<h1>The keys of the lock</h1>
<p class="lede">Whoever reads this has shown a second step: the edge asked for it on a page of its own, and no token of a lower level gets here.</p>
<p>The spare key hangs behind the barometer. <a href="/account/second-step">Change your second step</a></p>`,
  };
}

export function adminPage(sessions: OpenSession[], now = new Date()): Page {
  const rows = sessions.map(
    ({ id, userId, createdAtMs, refreshedAtMs }) => html`<tr><td><code>${userId.slice(0, 8)}</code></td><td><code>${id.slice(0, 8)}</code></td><td>${seconds(new Date(createdAtMs))}</td><td>${refreshedAtMs === null ? "never" : seconds(new Date(refreshedAtMs))}</td></tr>`,
  );
  return {
    path: "/admin",
    title: "Harbour office",
    footnote: `Rendered ${seconds(now)} UTC for the harbour office.`,
    body: html`<p class="eyebrow">Harbour office</p>
<h1>Who is signed in</h1>
<p class="lede">Only tokens whose <code>app_metadata.role</code> is <code>admin</code> reach this page.</p>
<div class="scroll"><table><thead><tr><th>User</th><th>Session</th><th>Signed in</th><th>Refreshed</th></tr></thead><tbody>${rows}</tbody></table></div>`,
  };
}

/** What a form that was sent without a script is answered with, in words. */
const RESULTS: Record<string, string> = {
  invalid_credentials: "This e-mail address and password do not belong together.",
  otp_expired: "This link has been used or is too old.",
  sent: "If the address is new here, a mail with a link is on its way.",
};

export function loginPage(result?: string, now = new Date()): Page {
  const { admin, member } = ACCOUNTS;
  return {
    path: "/login",
    title: "Sign in",
    script: "login.js",
    footnote: `Rendered ${seconds(now)} UTC, the same for everyone.`,
    body: html`<p class="eyebrow">Members</p>
<h1 id="login-title">Sign in</h1>
<p class="lede" id="login-lede">With the browser client of <code>@supabase/ssr</code>, as it comes. Nothing on this page knows that there is an edge.</p>
<form class="login" id="login" method="post" action="/auth/login" novalidate>
<p class="banner" id="login-error" role="alert"${result === undefined ? raw(" hidden") : ""}>${result === undefined ? "" : (RESULTS[result] ?? "That did not work. Please try again.")}</p>
<label>E-mail<input name="email" type="email" autocomplete="username" value="${member.email}" required></label>
<label>Password<input name="password" type="password" autocomplete="current-password" value="${member.password}" required></label>
<div class="row"><button class="primary" name="intent" value="signin">Sign in</button><button name="intent" value="signup" formaction="/auth/signup">Create an account</button></div>
<div class="no-script"><p>Scripts are off: the edge signs you in by itself. <a href="/auth/login?provider=github&amp;next=/members">Sign in with GitHub</a>, or <a href="/auth/login?next=/members">use the edge's own pages</a>, which also know forgotten passwords and codes.</p></div>
<p class="accounts">Filled in: <button type="button" class="link" data-email="${member.email}" data-password="${member.password}">a member</button> · <button type="button" class="link" data-email="${admin.email}" data-password="${admin.password}">the harbourmaster</button></p>
</form>
<div id="signed-in" hidden><p class="lede">You are signed in as <b id="signed-in-as"></b>.</p><div class="row"><a class="button primary" id="continue" href="/members">Go on</a><button type="button" data-action="sign-out">Sign out</button></div></div>`,
  };
}

function tideCurve({ curve, nowHours, nowMetres }: TideDay): Html {
  const x = (hours: number) => ((hours / 24) * 720).toFixed(1);
  const y = (metres: number) => (150 - (metres / 4.4) * 130).toFixed(1);
  const line = curve.map((metres, half) => `${x(half / 2)},${y(metres)}`).join(" L");
  const hours = [6, 12, 18].map((hour) => `<text x="${x(hour)}" y="168">${String(hour).padStart(2, "0")}</text><path class="hour" d="M${x(hour)} 20V152"/>`);
  return html`<svg viewBox="0 0 720 172" role="img" aria-label="Height of the tide through the day; now ${nowMetres.toFixed(1)} metres">
<defs><linearGradient id="water" x1="0" y1="0" x2="0" y2="1"><stop offset="0" class="water-top"/><stop offset="1" class="water-bottom"/></linearGradient></defs>
${raw(hours.join(""))}
<path class="water" d="M0,152 L${raw(line)} L720,152Z"/><path class="surface" d="M${raw(line)}"/>
<path class="now" d="M${x(nowHours)} 14V152"/><circle class="now-dot" cx="${x(nowHours)}" cy="${y(nowMetres)}" r="5.5"/>
</svg>`;
}

function nextTurn({ tides, rising }: TideDay, now: Date): string {
  const next = tides.find(({ time }) => time > clockTime(now));
  return next === undefined ? `The next ${rising ? "high" : "low"} is after midnight.` : `${next.kind} water is at ${next.time}.`;
}

function longDate(date: Date): string {
  return date.toLocaleDateString("en-GB", { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
}

function seconds(date: Date): string {
  return date.toISOString().slice(11, 19);
}
