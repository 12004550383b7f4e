/** The tables of docs/clients.md, from what a run counted. */
import type { Version } from "./versions.ts";

export const BEHAVIOURS = {
  read: "edge reads it",
  refresh: "edge refreshes, client reads it back",
  client: "client refreshes, edge follows",
  signout: "client signs out, edge follows",
  leftovers: "leftovers do no harm",
};
type Behaviour = keyof typeof BEHAVIOURS;

export interface Tally {
  /** Runs one check and counts whether it held; the error goes on to the test. */
  count(behaviour: Behaviour, check: () => Promise<void>): Promise<void>;
  /** How many of how many checks held. */
  of(behaviour: Behaviour): { held: number; all: number };
}

export function tally(): Tally {
  const counts = new Map<Behaviour, { held: number; all: number }>();
  const of = (behaviour: Behaviour) => counts.get(behaviour) ?? { held: 0, all: 0 };
  return {
    of,
    async count(behaviour, check) {
      const { held, all } = of(behaviour);
      counts.set(behaviour, { held, all: all + 1 });
      await check();
      counts.set(behaviour, { held: held + 1, all: all + 1 });
    },
  };
}

export function matrixTable(versions: Version[], results: Map<string, Tally>): string {
  const behaviours = Object.keys(BEHAVIOURS) as Behaviour[];
  const rows = versions.map(({ name, ssr, supabaseJs }) => [
    ssr,
    supabaseJs,
    ...behaviours.map((behaviour) => {
      const { held, all } = (results.get(name) ?? tally()).of(behaviour);
      return `${held} of ${all}`;
    }),
  ]);
  return table(["`@supabase/ssr`", "`supabase-js`", ...behaviours.map((behaviour) => BEHAVIOURS[behaviour])], rows);
}

export function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.join(" | ")} |`;
  return [line(head), `|${"---|".repeat(head.length)}`, ...rows.map(line)].join("\n");
}
