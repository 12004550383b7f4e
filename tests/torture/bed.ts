/**
 * The test bed: browsers, four services of the Worker with one gate between
 * them, an origin, an Auth that fails, and a model that says who must be
 * signed in.
 */
import { Agent, request as httpRequest } from "node:http";
import { startStack, type Stack, type WorkerSpec } from "../support/stack.ts";
import { claimsOf, type Cookie, cookieHeader, type SessionBody, writeCookies } from "../support/sessions.ts";
import { type BedAuth, localAuth, realAuth } from "./real-auth.ts";
import { Browser, expiryMs, short, type Snapshot, type Visit } from "./browser.ts";
import { ban, changePassword, leave, raise, type Scene } from "./deeds.ts";
import { type Gatekeeper, startGatekeeper } from "./faults.ts";
import { type Action, type Event, type Options, plan, TIMES, type Upheaval, upheavals } from "./plan.ts";
import { Site, SLOW } from "./site.ts";

const HOST = "app.example.com";
const SITE = `https://${HOST}`;
const SERVICES = ["first", "second", "third", "fourth"] as const;
type Service = (typeof SERVICES)[number];
const PREFETCHES = 20;
/** Real milliseconds that a promise of time is not tested to its last moment. */
const SLACK_MS = 1_500;
/** Browsers that act at once at the start and the end. */
const AT_ONCE = 10;
/** Answers of a busy Auth at which the client deletes its session, although it lives: the edge cannot prevent that. */
const DELETES_FOR_NOTHING = [403, 409, 429];
/** A token that is alive when the proxy sees its refresh was so when the Worker decided, and still is when that has waited. */
const ALIVE_MS = 200;
/** The bed asks for explanations, so that a story tells why. */
const OPERATOR_TOKEN = "the-operator-of-the-torture-bed-asks-why";
/** How often a browser asks at the end while nobody can say whether it is signed in. */
const JUDGED = 20;
/** An answer that left the Worker before the sign-out's may arrive this much later. */
const CROSSING_MS = 250;

/** What a browser does with nothing else beside it; what a deed answers comes after that. */
const ALONE: Partial<Record<Action, (scene: Scene, browser: Browser, draw: number) => Promise<void | (() => Promise<void>)>>> = {
  factor: raise,
  password: changePassword,
  ban,
};

export interface Violation {
  kind: "lost" | "crossed" | "zombie";
  browser: number;
  what: string;
  story: string[];
}

export interface Report {
  options: Options;
  seconds: number;
  requests: number;
  outcomes: Record<string, number>;
  /** Why requests could not be decided, from the log. */
  undecided: Record<string, number>;
  events: Record<string, number>;
  struck: Record<string, number>;
  workerCalls: number;
  clientCalls: number;
  /** Refresh tokens of browsers that needed a refresh when a request came. */
  needed: number;
  signedIn: number;
  signedOut: number;
  wakes: { promised: number; passedOver: number };
  ghosts: number;
  /** Pages that began before a sign-out and answered after it: all, those that brought a refresh, and those that somebody else got. */
  late: { answers: number; refreshed: number; toOthers: number };
  /** People who were signed out by the answer to a page that somebody else had opened there before: it found its session ended and deleted the cookies. */
  signedOutByOthers: number;
  /** Old cookies presented within the replay time after a sign-out. */
  stolen: number;
  factors: { past: number; through: number; late: number };
  passwords: number;
  bans: number;
  /** Sessions that Auth ended since the browser's own client, held up on the way, sent a token two rotations old, or that it gave up by itself. */
  endedByClient: number;
  violations: Violation[];
  /** Requests that got no answer at all. */
  broken: number;
  /** Steps that the bed itself could not do at Auth, which was busy or starting again. */
  given: Record<string, number>;
  /** The latest answer but those of slow pages, in milliseconds: above some seconds it is the machine that is tested. */
  latestMs: number;
}

export async function run(options: Options): Promise<Report> {
  const bed = await Bed.start(options);
  try {
    return await bed.run();
  } finally {
    await bed.close();
  }
}

/** The Worker gave no answer. */
class NoAnswer extends Error {}

class Bed implements Scene {
  readonly #options: Options;
  readonly #keeper: Gatekeeper;
  readonly #stack: Stack<Service>;
  readonly auth: BedAuth;
  readonly site: Site;
  readonly report: Report;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  readonly #browsers: Browser[];
  readonly #needed = new Set<string>();
  /** What goes on after an event without holding its browser up. */
  readonly #tails: Promise<unknown>[] = [];

  constructor(options: Options, keeper: Gatekeeper, site: Site, stack: Stack<Service>, auth: BedAuth) {
    this.#options = options;
    this.#keeper = keeper;
    this.site = site;
    this.#stack = stack;
    this.auth = auth;
    this.#browsers = Array.from({ length: options.browsers }, (_, index) => new Browser(index, SITE));
    this.report = {
      options,
      seconds: 0,
      requests: 0,
      outcomes: {},
      undecided: {},
      events: {},
      struck: keeper.struck,
      workerCalls: 0,
      clientCalls: 0,
      needed: 0,
      signedIn: 0,
      signedOut: 0,
      wakes: { promised: 0, passedOver: 0 },
      ghosts: 0,
      late: { answers: 0, refreshed: 0, toOthers: 0 },
      signedOutByOthers: 0,
      stolen: 0,
      factors: { past: 0, through: 0, late: 0 },
      passwords: 0,
      bans: 0,
      endedByClient: 0,
      violations: [],
      broken: 0,
      given: {},
      latestMs: 0,
    };
  }

  static async start(options: Options): Promise<Bed> {
    const real = (seconds: number): number => seconds / options.scale;
    const keeper = await startGatekeeper(options.seed, real(TIMES.authDelay) * 1000, real(TIMES.authLate) * 1000);
    const site = await Site.start();
    const gate = options.without !== "gate";
    const lives = { jwtExp: Math.round(real(TIMES.tokenLife)), reuseInterval: real(TIMES.reuseInterval) };
    const program = options.real === undefined ? null : await realAuth(options.real, options.tokens, lives);
    const workers = Object.fromEntries(
      SERVICES.map((name): [Service, WorkerSpec] => [name, { bindings: gate ? { gate: name === "first" ? true : "first" } : {} }]),
    ) as Record<Service, WorkerSpec>;
    const stack = await startStack({
      workers,
      bindings: { kv: "shared" },
      auth: { ...lives, siteUrl: SITE, algorithmVersion: options.tokens === "2" ? 2 : 1 },
      vars: ({ auth }) => ({
        SUPABASE_URL: keeper.url,
        JWT_ISSUER: program === null ? auth.authUrl : `${program.url}/auth/v1`,
        SUPABASE_PUBLISHABLE_KEY: (program ?? auth).publishableKey,
        ORIGIN_URL: site.url,
        AUTH_PATH: "/auth",
        CLOCK_SKEW_SECONDS: "0",
        REFRESH_MARGIN_SECONDS: String(Math.round(real(TIMES.refreshMargin))),
        REFRESH_REPLAY_SECONDS: String(options.without === "replay" ? 0 : Math.round(real(TIMES.replay))),
        AUTH_TIMEOUT_MS: String(Math.round(real(TIMES.authTimeout) * 1000)),
        JWKS_TTL_SECONDS: "60",
        SERVER_TIMING: "on",
        OPERATOR_TOKEN,
        LOG_LEVEL: "info",
        RULES: [{ path: "/live/*", verify: "live" }],
      }),
    });
    const auth = program ?? localAuth(stack.auth);
    keeper.target = auth.url;
    const bed = new Bed(options, keeper, site, stack, auth);
    keeper.watch = (token, line) => bed.#browsers.find((browser) => browser.holds(token))?.hear(line);
    keeper.isRepeated = (token) => bed.#browsers.some((browser) => bed.#holdsAlive(browser, token));
    return bed;
  }

  #holdsAlive(browser: Browser, token: string): boolean {
    const session = browser.session(this.#stack.key);
    return session !== null && session.refresh_token === token && expiryMs(session) > Date.now() + ALIVE_MS;
  }

  async run(): Promise<Report> {
    await this.#signEverybodyIn();
    const started = Date.now();
    this.#keeper.active = this.#options.faults;
    const tasks: Promise<unknown>[] = [];
    const rest = upheavals(this.#options);
    for (const event of plan(this.#options)) {
      await this.#until(started, event.at, rest, tasks);
      const browser = this.#browsers[event.browser]!;
      const task: Promise<unknown> = this.#act(browser, event).catch((error) => this.#failed(browser, event.action, error));
      browser.pending.add(task);
      task.finally(() => browser.pending.delete(task));
    }
    await Promise.all(tasks);
    await Promise.all(this.#browsers.flatMap(({ pending }) => [...pending]));
    await Promise.all(this.#tails);
    Object.assign(this.report, { workerCalls: this.#keeper.workerCalls, clientCalls: this.#keeper.clientCalls, needed: this.#needed.size });
    await this.#judge();
    for (const [, reason] of this.#stack.printed().matchAll(/"outcome":"unavailable","reason":"([a-z_]+)"/g)) {
      this.#count("undecided", reason ?? "");
    }
    this.report.seconds = Math.round((Date.now() - started) / 1000);
    return this.report;
  }

  async close(): Promise<void> {
    this.#agent.destroy();
    await Promise.all([this.#stack.close(), this.#keeper.close(), this.auth.close()]);
    await this.site.close();
  }

  /** Waits for a virtual time and starts what befalls Auth on the way. */
  async #until(started: number, at: number, rest: ReturnType<typeof upheavals>, tasks: Promise<unknown>[]): Promise<void> {
    const [next] = rest;
    if (next !== undefined && next.at <= at) {
      rest.shift();
      await this.#until(started, next.at, [], tasks);
      if (this.#options.faults || next.what === "upgrade") {
        const { what } = next;
        tasks.push(this.#upheave(what).catch((error) => this.#count("given", `${what}: ${String(error).slice(0, 60)}`)));
      }
      return this.#until(started, at, rest, tasks);
    }
    const wait = started + at / this.#options.scale - Date.now();
    if (wait > 0) {
      await sleep(wait);
    }
  }

  async #upheave(what: Upheaval): Promise<void> {
    this.#browsers.forEach((browser) => browser.tell(`Auth: ${what}`));
    switch (what) {
      case "restart":
        return this.#keeper.restart((TIMES.authRestart / this.#options.scale) * 1000);
      case "standby":
        await this.auth.standby();
        return;
      case "rotate":
        await this.auth.rotate();
        return;
      case "upgrade":
        this.#keeper.upgrading = true;
        await this.auth.upgrade();
    }
  }

  async #signEverybodyIn(): Promise<void> {
    // The first key set that is fetched already lists the key that Auth will sign with after its first rotation.
    await this.auth.standby();
    const stranger = await this.auth.stranger();
    this.#keeper.stranger = JSON.stringify({ ...stranger, expires_in: 3600 });
    for (let from = 0; from < this.#browsers.length; from += AT_ONCE) {
      await Promise.all(this.#browsers.slice(from, from + AT_ONCE).map((browser) => this.signInNow(browser)));
    }
  }

  later(browser: Browser, task: Promise<unknown>): void {
    this.#tails.push(task.catch((error) => this.#failed(browser, "later", error)));
  }

  #failed(browser: Browser, action: string, error: unknown): void {
    browser.tell(`${action} failed: ${String(error)}`);
    if (error instanceof NoAnswer) {
      this.report.broken += 1;
    } else {
      this.#count("given", `${action}: ${String(error).slice(0, 60)}`);
    }
  }

  /** Signs in elsewhere: what comes back is written by the real client. */
  async signInNow(browser: Browser): Promise<void> {
    const session = await this.auth.signIn(browser.email);
    browser.startOver();
    await this.write(browser, session);
    browser.userId = String(session.user?.id);
    browser.sessionId = session.session_id;
    browser.signedIn = true;
    browser.noteGeneration("sign-in", this.#stack.key);
    browser.tell(`${browser.email} signed in to session ${short(session.session_id)}`);
  }

  async cookieHeader(session: SessionBody): Promise<string> {
    return cookieHeader(await this.#cookiesOf(session));
  }

  async write(browser: Browser, session: SessionBody): Promise<void> {
    for (const { name, value } of await this.#cookiesOf(session)) {
      browser.jar.setCookieSync(`${name}=${encodeURIComponent(value)}; Path=/; Max-Age=34560000; SameSite=Lax`, SITE);
    }
  }

  #cookiesOf(session: SessionBody): Promise<Cookie[]> {
    // The real client would look after tokens of so short a life at once; this one only has to be written.
    return writeCookies(this.auth.url, { ...session, expires_in: 3600, expires_at: Math.floor(Date.now() / 1000) + 3600 });
  }

  async #act(browser: Browser, event: Event): Promise<void> {
    const earlier = [...browser.pending];
    const deed = ALONE[event.action];
    if (deed !== undefined) {
      const afterwards = await this.#alone(browser, earlier, () => (browser.signedIn ? deed(this, browser, event.draw) : this.signInNow(browser)));
      this.#count("events", event.action);
      return afterwards?.();
    }
    await browser.alone;
    this.#count("events", event.action);
    if (!browser.signedIn && event.action !== "navigate" && event.action !== "wake") {
      // A response that is still under way belongs to the session before.
      await Promise.all(earlier);
      return this.signInNow(browser);
    }
    switch (event.action) {
      case "navigate":
        await this.request(browser, event.draw < 0.1 ? "/live/page" : "/page", event.draw);
        return;
      case "prefetch":
        await Promise.all(
          Array.from({ length: PREFETCHES }, (_, n) => this.request(browser, `/prefetch/${n}`, (event.draw + n / SERVICES.length) % 1)),
        );
        return;
      case "client":
        await Promise.all([this.#byClient(browser, () => this.#clientLooksAfter(browser)), this.request(browser, "/page", event.draw)]);
        return;
      case "sleep": {
        const snapshot = browser.snapshot(this.#stack.key);
        if (snapshot !== null) {
          browser.tabs.push(snapshot);
        }
        return;
      }
      case "wake":
        return this.#wake(browser, event.draw);
      case "signOut":
        return this.#byClient(browser, () => this.#signOut(browser));
      case "leave":
        return leave(this, browser, event.draw);
    }
  }

  /** Nothing else happens in this browser meanwhile: what is under way ends first, and what comes waits. */
  #alone<T>(browser: Browser, earlier: Promise<unknown>[], act: () => Promise<T>): Promise<T> {
    const task = Promise.all([browser.alone, ...earlier]).then(act);
    browser.alone = task.catch(() => undefined);
    return task;
  }

  async #byClient(browser: Browser, act: () => Promise<void>): Promise<void> {
    if (browser.leaving) {
      return;
    }
    const task = act();
    browser.clientTasks.add(task);
    await task.finally(() => browser.clientTasks.delete(task));
  }

  /** Counts a refresh token that has to be refreshed now, whoever presents it. */
  needs(snapshot: Snapshot | null): void {
    if (snapshot !== null) {
      this.#needed.add(snapshot.token);
    }
  }

  /** Waits until the token of the jar is about to end; false if nobody is signed in then. */
  async untilDue(browser: Browser): Promise<boolean> {
    const { sessionId } = browser;
    for (;;) {
      const session = browser.session(this.#stack.key);
      if (session === null || !browser.signedIn || browser.sessionId !== sessionId) {
        return false;
      }
      const wait = expiryMs(session) - this.#marginMs - Date.now();
      if (wait <= 0) {
        return true;
      }
      await sleep(wait + 20);
    }
  }

  /** What the page's client does when its token is about to end: its `getSession` refreshes at Auth itself. */
  async #clientLooksAfter(browser: Browser): Promise<void> {
    const session = browser.session(this.#stack.key);
    if (session === null || expiryMs(session) > Date.now() + this.#marginMs) {
      return;
    }
    browser.tell(`its client refreshes ${short(session.refresh_token)}`);
    const { error } = await browser.client(this.#keeper.url, this.auth.publishableKey).auth.getSession();
    if (error !== null) {
      browser.tell(`its client: ${error.name} ${error.message}`);
    }
    if (error !== null && DELETES_FOR_NOTHING.includes(error.status ?? 0) && browser.session(this.#stack.key) === null) {
      browser.tell("its client gave the session up");
      this.report.endedByClient += 1;
      this.isOut(browser, null);
    }
    browser.noteGeneration("client", this.#stack.key);
  }

  async #signOut(browser: Browser): Promise<void> {
    const snapshot = browser.snapshot(this.#stack.key);
    const { sessionId } = browser;
    browser.tell("signs out");
    browser.leaving = true;
    const { error } = await browser.client(this.#keeper.url, this.auth.publishableKey).auth.signOut({ scope: "local" });
    browser.leaving = false;
    if (error !== null && browser.session(this.#stack.key) !== null) {
      // Auth may have done it all the same. Nobody can say what holds then, so the browser forgets its cookies.
      browser.tell(`sign-out failed: ${error.message}`);
      browser.startOver();
    }
    // The client forgets its session even where Auth did not hear of the sign-out; the model knows only one kind.
    this.isOut(browser, snapshot);
    browser.tell("signed out");
    await this.auth.endSession(sessionId);
  }

  signedOutByOthers(browser: Browser): void {
    this.report.signedOutByOthers += 1;
    browser.tell("signed out by an answer to who was here before");
    this.isOut(browser, null);
  }

  /** Takes into the model that a browser is signed out, and what a thief may have of its cookies. */
  isOut(browser: Browser, snapshot: Snapshot | null): void {
    browser.signedIn = false;
    browser.deadline = this.lastEnd();
    browser.tabs.length = 0;
    if (snapshot !== null) {
      browser.ghosts.push({ snapshot, deadline: browser.deadline });
    }
  }

  /** No token that Auth has issued so far lives longer. */
  lastEnd(): number {
    return Date.now() + this.real(TIMES.tokenLife) + 1_000;
  }

  real(virtualSeconds: number): number {
    return (virtualSeconds / this.#options.scale) * 1000;
  }

  get key(): string {
    return this.#stack.key;
  }

  get keeperUrl(): string {
    return this.#keeper.url;
  }

  async #wake(browser: Browser, draw: number): Promise<void> {
    const ghost = browser.ghosts.find(({ deadline }) => deadline < Date.now());
    if (ghost !== undefined && draw < 0.3) {
      return this.#haunt(browser, ghost.snapshot, draw);
    }
    const tab = browser.tabs.shift();
    if (tab === undefined || !browser.signedIn) {
      return;
    }
    if (!this.isPromised(browser, tab)) {
      this.report.wakes.passedOver += 1;
      return;
    }
    this.report.wakes.promised += 1;
    browser.tell(`a tab wakes up with ${short(tab.token)}`);
    await this.request(browser, "/late", draw, tab);
  }

  isPromised(browser: Browser, tab: Snapshot): boolean {
    return browser.isPromised(tab, this.real(TIMES.replay), this.#marginMs, SLACK_MS);
  }

  /** Cookies of a session that was signed out, presented after its last token has ended. */
  async #haunt(browser: Browser, snapshot: Snapshot, draw: number): Promise<void> {
    this.report.ghosts += 1;
    const visit = await this.send("/ghost", snapshot.header, draw);
    if (visit.user !== null || visit.outcome === "valid" || visit.outcome === "refreshed") {
      this.violate("zombie", browser, `a session that was signed out is ${visit.outcome} again`);
    }
  }

  async request(browser: Browser, path: string, draw: number, tab?: Snapshot): Promise<Visit> {
    const before = browser.session(this.#stack.key);
    if (tab === undefined && before !== null && expiryMs(before) < Date.now() + this.#marginMs) {
      this.#needed.add(before.refresh_token);
    }
    const { signedIn, sessionId, leaving, userId } = browser;
    const sentAt = Date.now();
    const visit = await this.send(path, tab?.header ?? browser.cookies(), draw);
    const held = browser.session(this.#stack.key);
    browser.keep(visit.setCookies, this.#stack.key);
    if (held !== null && browser.signedIn && browser.sessionId !== sessionId && browser.session(this.#stack.key) === null) {
      this.signedOutByOthers(browser);
    }
    browser.tell(`${path} ${short(tab?.token ?? before?.refresh_token ?? "nobody")} → ${visit.outcome} (${visit.why}) after ${Date.now() - sentAt} ms`);
    this.#check(browser, visit, signedIn && !leaving && browser.signedIn && !browser.leaving && browser.sessionId === sessionId, { sentAt, userId });
    return visit;
  }

  /** What the model says to one response. `surely` is false where the browser signed in or out meanwhile. */
  #check(browser: Browser, visit: Visit, surely: boolean, { sentAt, userId }: { sentAt: number; userId: string }): void {
    if (visit.user !== null && visit.user !== userId) {
      this.violate("crossed", browser, `the origin was told of user ${short(visit.user)}`);
    }
    const held = browser.session(this.#stack.key);
    const leftAt = browser.left.get(held === null ? "" : String(claimsOf(held.access_token).session_id));
    if (leftAt !== undefined && visit.setCookies.length > 0 && Date.now() - leftAt > CROSSING_MS) {
      this.violate("zombie", browser, "an answer wrote a session that was signed out");
      browser.startOver();
    } else if (held !== null && claimsOf(held.access_token).sub !== browser.userId) {
      this.violate("crossed", browser, "the jar holds somebody else's session");
      browser.startOver();
      browser.signedIn = false;
    }
    if (surely && ["anonymous", "expired", "invalid", "revoked"].includes(visit.outcome)) {
      this.violate("lost", browser, `the session is ${visit.outcome}`);
      browser.signedIn = false;
      browser.deadline = Number.POSITIVE_INFINITY;
    }
    const isIn = visit.outcome === "valid" || visit.outcome === "refreshed";
    if (!browser.signedIn && isIn && sentAt > browser.deadline) {
      this.violate("zombie", browser, `signed out, and ${visit.outcome}`);
    }
  }

  /** The end: Auth is well again, and everybody shows who he is. */
  async #judge(): Promise<void> {
    this.#keeper.active = false;
    // Pauses of the Worker's memory end, and so does the last token of everybody who signed out.
    await sleep(Math.max(4_000, (TIMES.tokenLife / this.#options.scale) * 1000 + 2_000));
    for (let from = 0; from < this.#browsers.length; from += AT_ONCE) {
      await Promise.all(this.#browsers.slice(from, from + AT_ONCE).map((browser) => this.#judgeOne(browser)));
    }
  }

  async #judgeOne(browser: Browser): Promise<void> {
    for (const { snapshot } of browser.ghosts) {
      await this.#haunt(browser, snapshot, 0);
    }
    if (!browser.signedIn) {
      this.report.signedOut += 1;
      await this.request(browser, "/live/end", 0);
      return;
    }
    this.report.signedIn += 1;
    for (let attempt = 0; attempt < JUDGED; attempt += 1) {
      const visit = await this.send("/live/end", browser.cookies(), (attempt / 5) % 1);
      browser.keep(visit.setCookies, this.#stack.key);
      browser.tell(`the end → ${visit.outcome} (${visit.why})`);
      if (visit.user === browser.userId) {
        return;
      }
      if (visit.outcome !== "unavailable") {
        break;
      }
      await sleep(1_000);
    }
    this.violate("lost", browser, "the model has it signed in, and it is not");
  }

  violate(kind: Violation["kind"], browser: Browser, what: string): void {
    if (kind === "lost" && browser.isEndedByClient) {
      browser.tell(`ended by its own client: ${what}`);
      this.report.endedByClient += 1;
      return;
    }
    browser.tell(`VIOLATION ${kind}: ${what}`);
    this.report.violations.push({ kind, browser: browser.index, what, story: [...browser.story] });
  }

  get #marginMs(): number {
    return (TIMES.refreshMargin / this.#options.scale) * 1000;
  }

  #count(where: "outcomes" | "events" | "undecided" | "given", name: string): void {
    this.report[where][name] = (this.report[where][name] ?? 0) + 1;
  }

  send(path: string, cookie: string, draw: number, body?: object): Promise<Visit> {
    const service = SERVICES[Math.floor(draw * SERVICES.length) % SERVICES.length]!;
    const { socket } = this.#stack.worker(service);
    this.report.requests += 1;
    const sentAt = Date.now();
    return new Promise((resolve, reject) => {
      const broken = (error: NodeJS.ErrnoException): void => {
        // The runtime closes idle connections; a request that meets that never arrived.
        if (request.reusedSocket && error.code === "ECONNRESET") {
          resolve(this.send(path, cookie, draw, body));
        } else {
          reject(new NoAnswer(error.message));
        }
      };
      const headers: Record<string, string> =
        body === undefined ? { host: HOST, accept: "text/html", "sec-fetch-mode": "navigate" } : { host: HOST, origin: SITE, "content-type": "application/json" };
      headers["x-session-explain"] = OPERATOR_TOKEN;
      if (cookie !== "") {
        headers.cookie = cookie;
      }
      const request = httpRequest(
        { host: socket.hostname, port: socket.port, method: body === undefined ? "GET" : "POST", path: `${SITE}${path}`, headers, agent: this.#agent },
        (message) => {
          let text = "";
          message.setEncoding("utf8");
          message.on("data", (data: string) => (text += data));
          message.once("error", broken);
          message.once("end", () => {
            const timing = String(message.headers["server-timing"] ?? "");
            const outcome = /edge-session;desc="([a-z]+)"/.exec(timing)?.[1] ?? `status ${message.statusCode}`;
            this.#count("outcomes", outcome);
            if (!path.startsWith(SLOW)) {
              this.report.latestMs = Math.max(this.report.latestMs, Date.now() - sentAt);
            }
            const user = message.statusCode === 200 && body === undefined ? text : "";
            const explanation = String(message.headers["x-session-explanation"] ?? "");
            const why = /reason=([^,]*)/.exec(explanation)?.[1] ?? "";
            const how = /gate=.*?auth_calls=\d+/.exec(explanation)?.[0] ?? "";
            resolve({ status: message.statusCode ?? 0, outcome, why: `${why}, ${how}`, text, user: user === "" ? null : user, setCookies: message.headers["set-cookie"] ?? [] });
          });
        },
      );
      request.once("error", broken);
      request.end(body === undefined ? "" : JSON.stringify(body));
    });
  }
}

const sleep = (ms: number): Promise<void> => new Promise((passed) => setTimeout(passed, ms));
