import type { Clock } from "./clock.ts";
import type { RateLimitsInput } from "./settings.ts";

export interface Bucket {
  burst: number;
  refillPerSecond: number;
}

/** The buckets that exist once per client address; mails are counted for the whole project. */
export interface RateLimits {
  token: Bucket;
  verify: Bucket;
  otp: Bucket;
  magiclink: Bucket;
  recover: Bucket;
  resend: Bucket;
  signup: Bucket;
  user: Bucket;
  anonymous: Bucket;
  factorChallenge: Bucket;
  factorVerify: Bucket;
  sso: Bucket;
  passkey: Bucket;
  mail: Bucket;
}

export type BucketName = keyof RateLimits;

const THIRTY_IN_FIVE_MINUTES: Bucket = { burst: 30, refillPerSecond: 0.1 };
const THIRTY_AN_HOUR: Bucket = { burst: 30, refillPerSecond: 30 / 3600 };

/** Defaults of Auth; mails are left unlimited because a test's inbox costs nothing. */
export const DEFAULT_RATE_LIMITS: RateLimits = {
  token: { burst: 30, refillPerSecond: 0.5 },
  verify: THIRTY_IN_FIVE_MINUTES,
  otp: THIRTY_IN_FIVE_MINUTES,
  magiclink: THIRTY_IN_FIVE_MINUTES,
  recover: THIRTY_IN_FIVE_MINUTES,
  resend: THIRTY_IN_FIVE_MINUTES,
  signup: THIRTY_IN_FIVE_MINUTES,
  user: THIRTY_IN_FIVE_MINUTES,
  anonymous: THIRTY_AN_HOUR,
  factorChallenge: { burst: 30, refillPerSecond: 0.25 },
  factorVerify: { burst: 30, refillPerSecond: 0.25 },
  sso: THIRTY_IN_FIVE_MINUTES,
  passkey: THIRTY_IN_FIVE_MINUTES,
  mail: { burst: 1_000_000, refillPerSecond: 1000 },
};

export function rateLimits(input: RateLimitsInput | undefined): RateLimits | null {
  if (input === undefined || input === null || input === false) {
    return null;
  }
  return input === true ? DEFAULT_RATE_LIMITS : { ...DEFAULT_RATE_LIMITS, ...input };
}

interface Level {
  tokens: number;
  atMs: number;
}

/** Token buckets that run on the server's clock. */
export class Limiter {
  readonly #clock: Clock;
  readonly #levels = new Map<string, Level>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes one token; false means that the bucket is empty. */
  take(name: BucketName, key: string, bucket: Bucket): boolean {
    const id = `${name} ${key}`;
    const now = this.#clock.nowMs();
    const level = this.#levels.get(id) ?? { tokens: bucket.burst, atMs: now };
    // A clock that was moved back must not drain the bucket.
    const seconds = Math.max(0, now - level.atMs) / 1000;
    const tokens = Math.min(bucket.burst, level.tokens + seconds * bucket.refillPerSecond);
    const granted = tokens >= 1;
    this.#levels.set(id, { tokens: granted ? tokens - 1 : tokens, atMs: now });
    return granted;
  }

  clear(): void {
    this.#levels.clear();
  }
}
