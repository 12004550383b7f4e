/** A seeded source of numbers, so that a run can be repeated from its seed. */
export class Random {
  #state: number;

  /** Every part of a run has a source of its own: one that draws more often changes no other. */
  constructor(seed: number, part = 0) {
    this.#state = (Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(part + 1, 0x85ebca6b)) >>> 0;
  }

  /** 0 ≤ x < 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  /** Waiting times of events that come at random, `mean` apart. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.next());
  }

  /** One of the keys, as often as its weight says. */
  pick<Key extends string>(weights: Record<Key, number>): Key {
    const entries = Object.entries(weights) as [Key, number][];
    const total = entries.reduce((sum, [, weight]) => sum + weight, 0);
    let left = this.next() * total;
    for (const [key, weight] of entries) {
      left -= weight;
      if (left < 0) {
        return key;
      }
    }
    return entries[0]![0];
  }
}
