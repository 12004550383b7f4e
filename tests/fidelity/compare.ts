/** What of an exchange is otherwise than it was without the Worker. */
import type { HeaderList } from "../support/origin.ts";
import { acceptOf, type Answered, readRequest } from "./wire.ts";

/** One exchange: what the client got, and what the origin was sent. */
export interface Pass {
  answer: Answered;
  sent: string;
  /** The key of a WebSocket that the client sent. */
  key: string | undefined;
}

export type Side = "answer" | "origin";

export interface Difference {
  side: Side;
  /** The part of the message, such as `header vary`. */
  what: string;
  direct: string | undefined;
  through: string | undefined;
}

type Facts = Map<string, string>;

/** What `through` says otherwise than `direct`. */
export function differences(direct: Pass, through: Pass): Difference[] {
  return [
    ...between("answer", answerFacts(direct), answerFacts(through)),
    ...heldBack(direct, through),
    ...between("origin", originFacts(direct.sent), originFacts(through.sent)),
  ];
}

function between(side: Side, direct: Facts, through: Facts): Difference[] {
  const parts = [...new Set([...direct.keys(), ...through.keys()])].filter((what) => what !== NAMES);
  const list = parts.filter((what) => direct.get(what) !== through.get(what)).map((what) => ({ side, what, direct: direct.get(what), through: through.get(what) }));
  return [...list, ...order(side, direct, through)];
}

/** What came piece by piece has to come so. (On a slow machine two pieces of one text may well arrive apart.) */
function heldBack(direct: Pass, through: Pass): Difference[] {
  const isHeld = direct.answer.inPieces && !through.answer.inPieces;
  return isHeld ? [{ side: "answer", what: "arrival", direct: "in pieces", through: "at once" }] : [];
}

/** Names are compared with their case, and in their order as far as both have them. */
function order(side: Side, direct: Facts, through: Facts): Difference[] {
  const names = (facts: Facts): string[] => (facts.get(NAMES) ?? "").split(" ").filter((name) => name !== "");
  const has = (list: string[]) => new Set(list.map((name) => name.toLowerCase()));
  const [left, right] = [names(direct), names(through)];
  const both = (list: string[], other: Set<string>): string[] => list.filter((name) => other.has(name.toLowerCase()));
  const [ours, theirs] = [both(left, has(right)), both(right, has(left))];
  const differing: Difference[] = [];
  const lower = (list: string[]): string => list.map((name) => name.toLowerCase()).join(" ");
  if (lower(ours) !== lower(theirs)) {
    differing.push({ side, what: "order of headers", direct: lower(ours), through: lower(theirs) });
  }
  const sorted = (list: string[]): string => [...new Set(list)].sort().join(" ");
  if (sorted(ours).toLowerCase() === sorted(theirs).toLowerCase() ? sorted(ours) !== sorted(theirs) : false) {
    differing.push({ side, what: "case of names", direct: sorted(ours), through: sorted(theirs) });
  }
  return differing;
}

const NAMES = "names";

function answerFacts({ answer, key }: Pass): Facts {
  const facts: Facts = new Map();
  if (answer.broken !== "") {
    facts.set("end", answer.broken);
  }
  const [version = "", status = "", ...reason] = answer.start.split(" ");
  if (answer.start !== "") {
    facts.set("version", version).set("status", status).set("reason", reason.join(" "));
  }
  headerFacts(facts, answer.headers, key);
  facts.set("body", withoutBoundary(answer.headers, answer.body));
  setList(facts, "trailers", answer.trailers);
  for (const { start, headers } of answer.interim) {
    facts.set(`interim answer ${start.split(" ")[1]}`, list(headers));
  }
  if (answer.frames.length > 0) {
    facts.set("frames", answer.frames.join("\n"));
  }
  return facts;
}

function originFacts(sent: string): Facts {
  const facts: Facts = new Map();
  const request = readRequest(sent);
  if (request === undefined) {
    return facts;
  }
  const { start, headers, body, trailers, rest, isWhole } = request;
  const [method = "", target = ""] = start.split(" ");
  facts.set("method", method).set("target", target).set("version", start.split(" ").at(-1) ?? "");
  headerFacts(facts, headers, undefined);
  const isUpgrade = headers.some(([name]) => name.toLowerCase() === "upgrade");
  if (!isUpgrade) {
    facts.set("body", body).set("whole", String(isWhole));
    setList(facts, "trailers", trailers);
    // A second request of one exchange would stand behind it.
    facts.set("requests", /^[A-Z]+ \S+ HTTP/m.test(rest) ? "several" : "one");
  }
  return facts;
}

function headerFacts(facts: Facts, headers: HeaderList, key: string | undefined): void {
  const values = new Map<string, string[]>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    values.set(lower, [...(values.get(lower) ?? []), stable(lower, value, key)]);
  }
  values.forEach((lines, name) => facts.set(`header ${name}`, lines.join("\n")));
  facts.set(NAMES, headers.map(([name]) => name).filter((name) => !UNORDERED.test(name)).join(" "));
}

/** What a server chooses anew each time. */
function stable(name: string, value: string, key: string | undefined): string {
  switch (name) {
    case "date":
      return /^\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT$/.test(value) && Math.abs(Date.parse(value) - Date.now()) < 60_000 ? "(now)" : value;
    case "sec-websocket-key":
      return /^[A-Za-z0-9+/]{22}==$/.test(value) ? "(a key)" : value;
    case "sec-websocket-accept":
      return key !== undefined && value === acceptOf(key) ? "(fits the key)" : value;
    case "content-type":
      return value.replace(BOUNDARY, "; boundary=(a boundary)");
    default:
      return value;
  }
}

const BOUNDARY = /; boundary=([\w-]+)/;

/** Parts of a file are set apart by something new each time. */
function withoutBoundary(headers: HeaderList, body: string): string {
  const type = headers.find(([name]) => name.toLowerCase() === "content-type")?.[1] ?? "";
  const boundary = type.startsWith("multipart/") ? BOUNDARY.exec(type)?.[1] : undefined;
  return boundary === undefined ? body : body.replaceAll(boundary, "(a boundary)");
}

/** These belong to a connection, and their place says nothing. */
const UNORDERED = /^(connection|keep-alive|date)$/i;

function setList(facts: Facts, what: string, headers: HeaderList): void {
  if (headers.length > 0) {
    facts.set(what, list(headers));
  }
}

function list(headers: HeaderList): string {
  return headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`).join("\n");
}
