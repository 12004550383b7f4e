/** `node tests/pages/screenshots.ts`: draws docs/pages anew. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";
import { launchChromium } from "../support/chromium.ts";
import { openGallery } from "./gallery.ts";

const FOLDER = fileURLToPath(new URL("../../docs/pages", import.meta.url));
const TOKENS = `#access_token=x.${Buffer.from('{"email":"maria.lindqvist@harbour.example"}').toString("base64url")}.x&refresh_token=r`;

/** Page, language, width and scheme. */
const PICTURES = [
  ["sign-in-failed", "en", 1280, "light"],
  ["sign-in-failed", "de", 320, "dark"],
  ["sign-up", "pt", 768, "light"],
  ["recover-sent", "fr", 320, "light"],
  ["verify", "en", 320, "dark"],
  ["mfa-failed", "en", 768, "dark"],
  ["password-failed", "es", 768, "light"],
  ["confirm", "de", 320, "light"],
  ["fragment", "fr", 768, "dark"],
  ["forbidden", "en", 1280, "dark"],
  ["500-plain", "en", 768, "light"],
] as const;

const gallery = await openGallery();
const browser = await launchChromium();
mkdirSync(FOLDER, { recursive: true });
for (const [name, language, width, colorScheme] of PICTURES) {
  const context = await browser.newContext({ viewport: { width, height: width === 320 ? 640 : 800 }, colorScheme });
  const page = await context.newPage();
  await page.goto(`${gallery.url}/${name}.${language}.html${name === "fragment" ? TOKENS : ""}`);
  const picture = await page.screenshot({ fullPage: true });
  writeFileSync(join(FOLDER, `${name}-${language}-${width}-${colorScheme}.webp`), await sharp(picture).webp({ nearLossless: true, quality: 60 }).toBuffer());
  await context.close();
}
await browser.close();
gallery.stop();
