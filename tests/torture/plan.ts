/**
 * What happens when: drawn from the seed before anything runs.
 *
 * Times are virtual. A virtual minute lasts `60 / scale` real seconds, and
 * everything that the bed can set is shortened by the same factor: the lives of
 * tokens, the margin, the replay and reuse times, Auth's time-out and delays.
 */
import { Random } from "./random.ts";
import type { RealAuthOptions, Tokens } from "./real-auth.ts";

export interface Options {
  browsers: number;
  /** Virtual minutes. */
  minutes: number;
  seed: number;
  /** Virtual seconds per real second. */
  scale: number;
  faults: boolean;
  /** Leaves a part of the Worker's protection out by its settings, to see that the bed notices. */
  without: "gate" | "replay" | null;
  /** The version of refresh tokens, or the change from the first to the second in the middle of the run. */
  tokens: Tokens;
  /** Instead of the local Auth. */
  real?: RealAuthOptions;
}

/** Virtual seconds. A real token lives 60 minutes and is refreshed 90 s before its end; here all that is one minute. */
export const TIMES = {
  tokenLife: 30,
  refreshMargin: 10,
  /** Twice a token's life, so that tabs two and three refreshes late fall into it. */
  replay: 60,
  reuseInterval: 10,
  authTimeout: 5,
  authDelay: 3,
  /** Longer than the Worker waits for Auth. */
  authLate: 6,
  authRestart: 5,
};

export const ACTIONS = {
  /** Opens a page. */
  navigate: 46,
  /** A page whose links are fetched in advance: 20 requests at once. */
  prefetch: 4,
  /** The page's own client looks after the session, as `createBrowserClient` does, beside a navigation. */
  client: 12,
  /** A tab goes to sleep with the cookies it has. */
  sleep: 14,
  /** The tab that fell asleep first wakes up and repeats its request with the cookies of then. */
  wake: 14,
  /** The page's own client signs out at Auth, past the Worker. */
  signOut: 2,
  /** A sign-out through the Worker while a page that began with a refresh is still on its way; somebody else may sign in meanwhile. */
  leave: 3,
  /** A second factor, verified past the gate or through it, and then the cookies of before. */
  factor: 2,
  /** A new password while another device is signed in. */
  password: 1,
  /** The operator bans the user and takes it back. */
  ban: 1,
} as const;
export type Action = keyof typeof ACTIONS;

export interface Event {
  /** Virtual milliseconds from the start. */
  at: number;
  browser: number;
  action: Action;
  /** Which service the request meets; other numbers it needs come from here too. */
  draw: number;
}

/** Mean virtual seconds between two actions of a browser that is awake. */
const MEAN_PAUSE = 15;
/** Part of the pauses that are long: the whole browser sleeps past the end of its token. */
const LONG_PAUSE = 0.15;
const LONG_PAUSE_SECONDS = 90;

export function plan({ browsers, minutes, seed }: Options): Event[] {
  const events: Event[] = [];
  for (let browser = 0; browser < browsers; browser += 1) {
    const random = new Random(seed, browser);
    let at = random.next() * MEAN_PAUSE * 1000;
    while (at < minutes * 60_000) {
      events.push({ at, browser, action: random.pick(ACTIONS), draw: random.next() });
      const mean = random.next() < LONG_PAUSE ? LONG_PAUSE_SECONDS : MEAN_PAUSE;
      at += random.exponential(mean) * 1000;
    }
  }
  return events.sort((one, other) => one.at - other.at);
}

export type Upheaval = "restart" | "standby" | "rotate" | "upgrade";

/** What befalls Auth as a whole, in virtual milliseconds. */
export function upheavals({ minutes, scale, tokens }: Options): { at: number; what: Upheaval }[] {
  const whole = minutes * 60_000;
  // The Worker looks for an unknown key at most once in 30 s, which no scale shortens, and no project rotates twice in that.
  const rotatesTwice = (0.3 * whole) / scale > 31_000;
  const all: { at: number; what: Upheaval }[] = [
    { at: 0.25 * whole, what: "restart" },
    ...(tokens === "upgrade" ? [{ at: 0.33 * whole, what: "upgrade" as const }] : []),
    { at: 0.4 * whole, what: "rotate" },
    { at: 0.6 * whole, what: "restart" },
    ...(rotatesTwice ? [{ at: 0.7 * whole, what: "rotate" as const }] : []),
  ];
  return all;
}
