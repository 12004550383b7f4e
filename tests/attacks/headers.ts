/** Cookie headers of every kind that a browser, a proxy, an old client or an attacker could send, by a seed. */
import { generator } from "./support.ts";

export const KEY = "sb-abc-auth-token";
type Random = ReturnType<typeof generator>;

export function cookieHeaders(count: number, seed: number): string[] {
  const random = generator(seed);
  return Array.from({ length: count }, () => header(random));
}

function header(random: Random): string {
  const pairs = [...session(random)];
  for (let others = random.below(4); others > 0; others -= 1) {
    pairs.splice(random.below(pairs.length + 1), 0, other(random));
  }
  // A second session: an older client's, a tossed one, what is left of a longer one.
  if (random.below(5) === 0) {
    pairs.splice(random.below(pairs.length + 1), 0, ...session(random));
  }
  if (random.below(12) === 0) {
    pairs.reverse();
  }
  const separators = random.below(6) === 0 ? ["; ", ";", " ; ", ";;", ";\t", "; ;", ", ", ","] : ["; "];
  return pairs.reduce((text, pair, index) => (index === 0 ? pair : `${text}${random.pick(separators)}${pair}`), "");
}

/** The pairs of one session, in whatever state. */
function session(random: Random): string[] {
  const value = encoded(random, json(random));
  const name = random.below(40) === 0 ? random.pick([`${KEY}-user`, `${KEY}-code-verifier`, KEY.toUpperCase(), `${KEY}s`, `x${KEY}`, "sb-other-auth-token"]) : KEY;
  const count = random.pick([1, 1, 1, 2, 2, 3, 5, random.below(12) === 0 ? random.pick([32, 33, 40, 64]) : 2]);
  const parts = count === 1 && random.below(8) > 0 ? [[name, value] as [string, string]] : chunks(random, name, value, count);
  return parts.map(([part, text]) => pair(random, part, text));
}

function chunks(random: Random, name: string, value: string, count: number): [string, string][] {
  const size = Math.max(1, Math.floor(value.length / count));
  const parts = Array.from({ length: count }, (_, index): [string, string] => [`${name}.${index}`, value.slice(index * size, index === count - 1 ? undefined : (index + 1) * size)]);
  switch (random.below(14)) {
    case 0: // A gap.
      parts.splice(random.below(parts.length), 1);
      break;
    case 1: // An orphan of a longer session.
      parts.push([`${name}.${random.pick([count, count + 1, 40, 4_294_967_296])}`, "b3Jw"]);
      break;
    case 2: // An empty chunk.
      parts[random.below(parts.length)]![1] = "";
      break;
    case 3: // A number that only looks like one.
      parts[random.below(parts.length)]![0] = `${name}.${random.pick(["00", "01", "-1", "1e0", "+0", "0x0", " 0", "0.0", ""])}`;
      break;
    case 4: // A plain cookie beside the chunks.
      parts.splice(random.below(parts.length + 1), 0, [name, random.pick(["", "rubbish", "null", "base64-", "base64-e30"])]);
      break;
    case 5: // A twin of one chunk.
      parts.splice(random.below(parts.length + 1), 0, [...random.pick(parts)]);
      break;
  }
  return parts;
}

function pair(random: Random, name: string, value: string): string {
  const text = value
    .split("")
    .map((character) => (/[A-Za-z0-9\-_.!~*'()]/.test(character) ? character : undefined))
    .includes(undefined)
    ? wire(random, value)
    : value;
  switch (random.below(60)) {
    case 0:
      return ` ${name} = ${text} `;
    case 1:
      return `${name}\t=\t${text}`;
    case 2:
      return `${name}="${text}"`;
    case 3:
      return `${name}==${text}`;
    case 4:
      return `\u00a0${name}=${text}`;
    case 5:
      return name;
    case 6:
      return `${name.replace("-", "%2D")}=${text}`;
    default:
      return `${name}=${text}`;
  }
}

/** How a value travels: as the serialiser writes it, in lower case, in part, twice, broken, or bare. */
function wire(random: Random, value: string): string {
  const whole = encodeURIComponent(value.toWellFormed());
  switch (random.below(16)) {
    case 0:
      return whole.replace(/%[0-9A-F]{2}/g, (escape) => escape.toLowerCase());
    case 1:
      return whole.replace(/%2C|%3A|%2F/g, (escape) => decodeURIComponent(escape));
    case 2:
      return encodeURIComponent(whole);
    case 3:
      return `${whole}%`;
    case 4:
      return whole.replace(/%/, "%z");
    case 5:
      return value.toWellFormed().replaceAll(";", "");
    case 6:
      return whole.replaceAll("%20", "+");
    case 7: {
      const at = random.below(whole.length);
      return whole.slice(0, at) + random.pick(["%ff", "%c3", "%00", "%ed%a0%80", "%0a", "é"]) + whole.slice(at);
    }
    default:
      return whole;
  }
}

function encoded(random: Random, text: string): string {
  const bytes = Buffer.from(text.toWellFormed());
  switch (random.below(20)) {
    case 0:
    case 1:
    case 2:
      return text;
    case 3:
      return `base64l-${text.length.toString(36)}-${bytes.toString("base64url")}`;
    case 4:
      return `base64l-${text.length.toString(36)}-${text}`;
    case 5:
      return damaged(random, `base64-${bytes.toString("base64url")}`);
    case 6:
      return `base64-${bytes.toString("base64")}`;
    case 7: {
      // Bytes that are no UTF-8, or that are it in more bytes than needed.
      const at = bytes.indexOf(0x61);
      const wrong = random.pick([[0xff], [0xc1, 0xa1], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe0, 0x81, 0xa1]]);
      return `base64-${Buffer.concat([bytes.subarray(0, at), Buffer.from(wrong), bytes.subarray(at + 1)]).toString("base64url")}`;
    }
    case 8:
      return random.pick(["rubbish", "null", "true", "7", '"text"', "[]", "{}", "base64-", "base64-e30", "base64x9-e30", "base64--e30", "Base64-e30", "[1,2]", "undefined", "NaN"]);
    default:
      return `base64-${bytes.toString("base64url")}`;
  }
}

function damaged(random: Random, value: string): string {
  const at = random.below(value.length);
  const cut = random.below(4);
  return value.slice(0, at) + random.pick([" ", "=", "\n", "*", "+", "/", "é", "\u0000", "A", "-", "", "%", "=="]) + value.slice(at + cut);
}

/** A session's JSON, mostly whole. */
function json(random: Random): string {
  const members: Record<string, unknown> = {
    access_token: `eyJ${random.below(1_000_000)}.${"p".repeat(random.below(120))}.sig`,
    token_type: "bearer",
    expires_in: random.pick([3_600, 3_599.25, 1e3]),
    expires_at: 4_000_000_000 + random.below(1_000),
    refresh_token: `refresh-${random.below(1_000_000)}`,
    user: { id: `id-${random.below(1_000)}`, user_metadata: { name: random.pick(["Ada", "é", "🤦🏻‍♂️", "a;b", 'q"uote', "100 %", "a, b=c", "\\", "\u2028"]) } },
  };
  switch (random.below(30)) {
    case 0:
      delete members[random.pick(["access_token", "refresh_token", "expires_at"])];
      break;
    case 1:
      members[random.pick(["access_token", "refresh_token"])] = random.pick([null, "", 7, {}, [], true]);
      break;
    case 2:
      members.expires_at = random.pick([null, "soon", -1, 1e300, {}]);
      break;
    case 3:
      delete members.user;
      break;
    case 4:
      return JSON.stringify([members.access_token, members.refresh_token, null, null, null]);
    case 5:
      return JSON.stringify(members).replace("Ada", random.pick(["\\ud83d", "\\udc00x", "\\ud83d\\ud83d", "\\uD83D\\uDE00", "\\u0000"]));
    case 6:
      return JSON.stringify(members).replace("{", `{"access_token":"first",`);
    case 7:
      return JSON.stringify(members).replace(/}$/, `,"x":${random.pick(["1e400", "-1e999", "12345678901234567890", "1e-400", "-0", "0.1e1", "1E5"])}}`);
    case 8:
      return JSON.stringify(members).replace(/}$/, random.pick(["", ",}", "} x", "}}", ',"__proto__":{"a":1}}', ',"":1}']));
    case 9: {
      const depth = random.pick([10, 100, 124, 126, 127, 128, 200]);
      return JSON.stringify(members).replace(/}$/, `,"x":${"[".repeat(depth)}${"]".repeat(depth)}}`);
    }
    case 10:
      return ` ${JSON.stringify(members, null, 1)}\n`;
    case 11:
      return random.below(40) === 0 ? JSON.stringify({ ...members, padding: "x".repeat(random.pick([40_000, 65_000, 66_000, 100_000])) }) : JSON.stringify(members);
  }
  return JSON.stringify(members);
}

function other(random: Random): string {
  return random.pick([
    "a=1",
    "theme=dark",
    "=v",
    "novalue",
    'q="a;b"',
    "x=%zz",
    "é=ü",
    `lang=en, ${KEY}=base64-e30`,
    "n=1, 2",
    `c=${KEY}`,
    "__proto__=1",
    "sb-other-auth-token=base64-e30",
    `${KEY}-code-verifier=base64-Ing`,
    `${KEY}.9=old`,
    "",
    "   ",
  ]);
}
