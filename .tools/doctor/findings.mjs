// `code` never changes: docs/doctor.md has a heading for each.
export const error = (code, text, remedy) => ({ level: "error", code, text, remedy });
export const warning = (code, text, remedy) => ({ level: "warning", code, text, remedy });
export const note = (code, text, remedy) => ({ level: "note", code, text, remedy });

// Values that stand for another: copied from this project's examples, or never filled in.
const PLACEHOLDER = /[<>…]|^https:\/\/abcdefghijklmnop\.|0{16}|^a-fake-|\byour[-_ ]/i;

/** Whether a value was copied from an example and never filled in. */
export function isPlaceholder(value) {
  return typeof value === "string" && PLACEHOLDER.test(value);
}

/** An empty value counts as unset, as it does for the Worker. */
export function isSet(value) {
  return typeof value === "string" ? value.trim() !== "" : value !== undefined;
}

/** The routes of the settings: pattern, the parts of it for host and path, and whether it is a custom domain. */
export function routesOf({ routes = [] }) {
  return routes
    .map((entry) => (typeof entry === "string" ? { pattern: entry } : entry))
    .map((entry) => {
      const [, host, path] = /^(?:[a-z*]+:\/\/)?([^/]*)(.*)$/i.exec(entry.pattern);
      return { ...entry, host: host.replace(/:\d+$/, "").toLowerCase(), path };
    });
}

/** A test for the text that a pattern with `*` stands for. */
export function globTest(pattern, flags = "") {
  const source = pattern.split("*").map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join(".*");
  return new RegExp(`^${source}$`, `s${flags}`);
}
