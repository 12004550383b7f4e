/** The browser of the tests, quiet and without a profile. */
import { type Browser, chromium } from "playwright-core";
import { findChromium } from "../../.tools/chromium.mjs";

const QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
// Chromium's sandbox does not work for root, which is who runs in most containers.
const FLAGS = process.getuid?.() === 0 ? [...QUIET, "--no-sandbox"] : QUIET;

export async function launchChromium(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) {
    throw new Error("no Chromium found: run `node .tools/chromium.mjs`, or name one in CHROMIUM_PATH");
  }
  return chromium.launch({ executablePath, args: FLAGS });
}
