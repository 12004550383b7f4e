/** What the tables of attacks have in common. */
import { connect } from "node:net";
import { expect } from "vitest";
import type { HeaderList, Received } from "../support/origin.ts";

/** Every case names what it tries and who described it first. */
export interface Attack {
  attack: string;
  /** An RFC's section, a CVE, a class of PortSwigger's, a file and tcId of Wycheproof, a talk. */
  source: string;
}

/** A table that shrinks must not look like one that holds; two rows of one name are one row. */
export function expectTable(rows: readonly Attack[], atLeast: number): void {
  expect(rows.length).toBeGreaterThanOrEqual(atLeast);
  expect(new Set(rows.map(({ attack }) => attack)).size).toBe(rows.length);
  expect(rows.filter(({ source }) => source.trim() === "")).toEqual([]);
}

/** The identity that reached the origin, under any spelling that CGI would fold into ours. */
export function identityAt(received: Received): HeaderList {
  return received.headers
    .map(([name, value]): [string, string] => [name.toLowerCase().replace(/[^a-z0-9]/g, "-"), value])
    .filter(([name]) => name.startsWith("x-session-") && name !== "x-session-hop" && name !== "x-session-outcome");
}

/** Writes bytes on a connection of its own and reads until the other side ends it: every answer, as it stood. */
export function exchange(socket: URL, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const connection = connect(Number(socket.port), socket.hostname);
    let received = "";
    connection.on("data", (data) => {
      received += data.toString("latin1");
    });
    connection.on("error", () => connection.destroy());
    connection.on("close", () => resolve(received));
    connection.setTimeout(2_000, () => connection.destroy());
    connection.write(Buffer.from(bytes, "latin1"));
  });
}

/** The status of every answer in what `exchange` read. */
export function statuses(received: string): number[] {
  return [...received.matchAll(/(?:^|\r\n)HTTP\/1\.[01] (\d{3}) /g)].map(([, status]) => Number(status));
}

/** A small generator of numbers (mulberry32), so that a failure can be repeated by its seed. */
export function generator(seed: number): { below(limit: number): number; pick<T>(list: readonly T[]): T } {
  let state = seed >>> 0;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * limit);
  };
  return { below, pick: (list) => list[below(list.length)]! };
}
