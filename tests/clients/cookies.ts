/** The session in a browser's cookies, decoded without any client. */
import type { Cookie, SessionBody } from "../support/sessions.ts";

const PREFIX = "base64-";

export function sessionOf(cookies: Cookie[], key: string): SessionBody | null {
  const values = new Map(cookies.map(({ name, value }) => [name, value]));
  const chunks: string[] = [];
  for (let index = 0; values.has(`${key}.${index}`); index += 1) {
    chunks.push(values.get(`${key}.${index}`) ?? "");
  }
  const text = values.get(key) ?? chunks.join("");
  if (text === "") {
    return null;
  }
  return JSON.parse(text.startsWith(PREFIX) ? Buffer.from(text.slice(PREFIX.length), "base64url").toString("utf8") : text);
}
