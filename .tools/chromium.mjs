// Finds a Chromium for the browser tests and prints its path; as root on a Debian-like system it installs one if there
// is none. CHROMIUM_PATH names another.
import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { pathToFileURL } from "node:url";
import { Problem, main, say } from "./rust.mjs";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
const PLACES = {
  darwin: ["/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium"],
  win32: [process.env.PROGRAMFILES, process.env["PROGRAMFILES(X86)"], process.env.LOCALAPPDATA]
    .filter(Boolean)
    .map((folder) => join(folder, "Google", "Chrome", "Application", "chrome.exe")),
};

/** The path of an installed browser, or undefined. */
export function findChromium() {
  const { CHROMIUM_PATH, PATH = "" } = process.env;
  if (CHROMIUM_PATH) {
    if (isExecutable(CHROMIUM_PATH)) return CHROMIUM_PATH;
    throw new Problem(`CHROMIUM_PATH is not a program: ${CHROMIUM_PATH}`);
  }
  const onPath = NAMES.flatMap((name) => PATH.split(delimiter).filter(Boolean).map((folder) => join(folder, name)));
  return [...onPath, ...(PLACES[process.platform] ?? [])].find(isExecutable);
}

// The demo and the tests import `findChromium`; only a direct run may install.
if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(() => {
    const path = findChromium() ?? install();
    process.stdout.write(`${path}\n`);
  });
}

function install() {
  if (process.getuid?.() !== 0 || !existsSync("/usr/bin/apt-get")) {
    throw new Problem("no Chromium or Chrome found for the browser tests. Install one, or name it in CHROMIUM_PATH.");
  }
  say("installing Chromium for the browser tests…");
  apt("update");
  apt("install", "--yes", "--no-install-recommends", "chromium");
  const path = findChromium();
  if (!path) throw new Problem("apt-get installed chromium, but there is no such program on PATH.");
  return path;
}

function apt(...args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  // Its output goes to stderr: stdout holds the path alone.
  const { status } = spawnSync("apt-get", ["--quiet", ...args], { env, stdio: ["ignore", process.stderr, process.stderr] });
  if (status !== 0) throw new Problem(`\`apt-get ${args.join(" ")}\` failed`);
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
