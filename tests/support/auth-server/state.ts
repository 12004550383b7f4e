import { Calls } from "./calls.ts";
import { Clock } from "./clock.ts";
import { Faults } from "./faults.ts";
import { Inbox } from "./inbox.ts";
import { createKey, KeyRing } from "./keys.ts";
import { Limiter, rateLimits } from "./limits.ts";
import { SessionLocks } from "./locks.ts";
import { Messages } from "./messages.ts";
import { DEFAULTS, type Options, type Settings } from "./settings.ts";
import { Store } from "./store.ts";

/** All that one server knows. */
export interface State {
  clock: Clock;
  keys: KeyRing;
  store: Store;
  inbox: Inbox;
  messages: Messages;
  limiter: Limiter;
  locks: SessionLocks;
  faults: Faults;
  calls: Calls;
  settings: Settings;
  /** The settings of the start, to which a reset returns. */
  initial: Settings;
  /** `http://host:port` of this server. */
  url: string;
  publishableKey: string;
  secretKey: string;
}

export async function createState(options: Options): Promise<State> {
  const clock = new Clock();
  const { port, hostname, publishableKey, secretKey, algorithm, jwtSecret, ...given } = options;
  const secret = jwtSecret === undefined ? {} : { secret: jwtSecret };
  const initial: Settings = {
    ...DEFAULTS,
    issuer: "",
    externalUrl: "",
    ...given,
    rateLimits: rateLimits(given.rateLimits),
  };
  return {
    clock,
    keys: new KeyRing(clock, await createKey(algorithm ?? "ES256", secret)),
    store: new Store(),
    inbox: new Inbox(),
    messages: new Messages(),
    limiter: new Limiter(clock),
    locks: new SessionLocks(),
    faults: new Faults(),
    calls: new Calls(),
    settings: { ...initial },
    initial,
    url: "",
    publishableKey: publishableKey ?? "sb_publishable_localAuthServer0123456789_abcdef",
    secretKey: secretKey ?? "sb_secret_localAuthServer0123456789_abcdef",
  };
}

/** Fills in what depends on the port, unless it was given. */
export function setUrl(state: State, url: string, options: Options): void {
  state.url = url;
  state.initial.externalUrl = options.externalUrl ?? `${url}/auth/v1`;
  state.initial.issuer = options.issuer ?? state.initial.externalUrl;
  state.settings = { ...state.initial };
}
