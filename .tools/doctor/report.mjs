// How findings look on a terminal, and without one.
const LOOKS = {
  error: { mark: "✗", code: 31 },
  warning: { mark: "!", code: 33 },
  note: { mark: "·", code: 2 },
};
const BOLD = 1;
const GREEN = 32;

/** Paints text where the stream is a terminal and https://no-color.org does not forbid it. */
export function painter(stream, env) {
  const colours = Boolean(stream.isTTY) && !env.NO_COLOR && env.TERM !== "dumb";
  return (code, text) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
}

/** The whole report; errors first. */
export function report({ title, findings, paths }, paint) {
  const lines = [paint(BOLD, title), ""];
  for (const level of Object.keys(LOOKS)) {
    for (const finding of findings.filter((one) => one.level === level)) lines.push(...described(finding, paint), "");
  }
  if (paths.length > 0) lines.push(...describedPaths(paths, paint), "");
  return [...lines, summary(findings, paint), ""].join("\n");
}

function described({ level, code, text, remedy }, paint) {
  const look = LOOKS[level];
  const dim = (words) => paint(LOOKS.note.code, words);
  return [`${paint(look.code, look.mark)} ${text}`, ...(remedy ? [`  ${dim("→")} ${remedy}`] : []), ...(level === "note" ? [] : [`  ${dim(`docs/doctor.md#${code}`)}`])];
}

function describedPaths(paths, paint) {
  const hosts = new Set(paths.map(({ host }) => host));
  const asked = ({ host, path }) => (hosts.size > 1 ? host + path : path);
  const width = Math.max(...paths.map((one) => asked(one).length));
  const words = ({ rule, name }) => (rule === null ? "no rule" : `rule ${rule}${typeof name === "string" ? ` ${name}` : ""}`);
  const rule = (one) => words(one).padEnd(Math.max(8, ...paths.map((other) => words(other).length)));
  return [paint(BOLD, "Paths"), ...paths.map((one) => `  ${asked(one).padEnd(width)}  ${rule(one)}  ${one.text}`)];
}

function summary(findings, paint) {
  const count = (level) => findings.filter((one) => one.level === level).length;
  const words = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const text = `${words(count("error"), "error")}, ${words(count("warning"), "warning")}.`;
  if (count("error") > 0) return paint(LOOKS.error.code, text);
  return count("warning") > 0 ? paint(LOOKS.warning.code, text) : paint(GREEN, text);
}
