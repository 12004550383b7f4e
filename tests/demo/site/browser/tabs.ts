import { ofResponse } from "./outcome.ts";

export const TABS = 20;

const PAGE = "/members";

/** Asks for a members page as often as so many tabs would, all at once, and shows a lamp for each answer. */
export async function openTabs(): Promise<{ outcomes: Map<string, number>; ms: number }> {
  const box = document.getElementById("tabs")!;
  const lamps = Array.from({ length: TABS }, () => document.createElement("i"));
  box.replaceChildren(...lamps);
  box.hidden = false;
  const started = performance.now();
  const outcomes = new Map<string, number>();
  await Promise.all(
    lamps.map(async (lamp, index) => {
      const outcome = await openTab(index + 1);
      lamp.dataset.outcome = outcome;
      lamp.title = outcome;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }),
  );
  return { outcomes, ms: Math.round(performance.now() - started) };
}

async function openTab(number: number): Promise<string> {
  try {
    // Each has an address of its own, since the browser holds back equal requests to fill its cache only once.
    const response = await fetch(`${PAGE}?tab=${number}`, { cache: "no-store", headers: { Accept: "text/html" } });
    return ofResponse(response)?.outcome ?? "failed";
  } catch {
    return "failed";
  }
}
