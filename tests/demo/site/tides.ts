/** A plain semidiurnal tide: believable for a harbour, and good for nothing at sea. */
const PERIOD_HOURS = 12.42;
const MEAN_METRES = 2.3;
const RANGE_METRES = 1.6;
const MS_PER_HOUR = 3_600_000;

export interface Tide {
  kind: "High" | "Low";
  time: string;
  metres: number;
}

export interface TideDay {
  tides: Tide[];
  /** The height now, and whether the water rises. */
  nowMetres: number;
  rising: boolean;
  /** Hours since midnight. */
  nowHours: number;
  /** Heights at every half hour of the day. */
  curve: number[];
}

export function tidesOf(now: Date): TideDay {
  const midnightMs = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate());
  const height = (hours: number) => heightAt(midnightMs + hours * MS_PER_HOUR);
  const nowHours = (now.getTime() - midnightMs) / MS_PER_HOUR;
  return {
    tides: turnsOf(midnightMs),
    nowMetres: height(nowHours),
    rising: height(nowHours + 0.05) > height(nowHours),
    nowHours,
    curve: Array.from({ length: 49 }, (_, half) => height(half / 2)),
  };
}

function phaseAt(ms: number): number {
  return (ms / MS_PER_HOUR / PERIOD_HOURS) % 1;
}

function heightAt(ms: number): number {
  return MEAN_METRES + RANGE_METRES * Math.cos(2 * Math.PI * phaseAt(ms));
}

function turnsOf(midnightMs: number): Tide[] {
  const halfPeriodMs = (PERIOD_HOURS / 2) * MS_PER_HOUR;
  const first = Math.ceil(midnightMs / halfPeriodMs);
  const last = Math.floor((midnightMs + 24 * MS_PER_HOUR - 1) / halfPeriodMs);
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const ms = (first + index) * halfPeriodMs;
    return { kind: (first + index) % 2 === 0 ? "High" : "Low", time: clockTime(new Date(ms)), metres: heightAt(ms) };
  });
}

/** `07:42` in the harbour's time, which is UTC. */
export function clockTime(date: Date): string {
  return date.toISOString().slice(11, 16);
}
