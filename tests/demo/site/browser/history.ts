const KEY = "demo.history";
const LENGTH = 12;

export interface Entry {
  atMs: number;
  what: string;
  /** Absent for what the visitor did. */
  outcome?: string;
  calls?: string;
}

/** The pages and actions of this tab, newest first. They outlive the pages themselves. */
export function history(): Entry[] {
  return JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Entry[];
}

export function addToHistory(entry: Omit<Entry, "atMs">): void {
  const entries = [{ atMs: Date.now(), ...entry }, ...history()].slice(0, LENGTH);
  sessionStorage.setItem(KEY, JSON.stringify(entries));
  showHistory();
}

export function showHistory(): void {
  document.getElementById("log")!.replaceChildren(...history().map(row));
}

function row({ atMs, what, outcome, calls }: Entry): HTMLLIElement {
  const item = document.createElement("li");
  const lamp = span("lamp", "");
  if (outcome !== undefined) {
    lamp.dataset.outcome = outcome;
  }
  const time = document.createElement("time");
  time.textContent = new Date(atMs).toLocaleTimeString("en-GB");
  item.append(time, lamp, span(outcome === undefined ? "what action" : "what", outcome === undefined ? what : `${what} ${outcome}`), span("calls", calls ?? ""));
  return item;
}

function span(className: string, text: string): HTMLSpanElement {
  const element = document.createElement("span");
  element.className = className;
  element.textContent = text;
  return element;
}
