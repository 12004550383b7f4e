// The built Worker itself answers the doctor (src/examine.rs), so that the two cannot disagree.
import { existsSync } from "node:fs";
import { Problem } from "../problem.mjs";

// Beside the packed command, or in the clone.
const PLACES = ["../examine.js", "../../build/examine.js"].map((path) => new URL(path, import.meta.url));

/** A function that answers questions; what they are stands in src/examine.rs. */
export async function startWorker() {
  const place = PLACES.find((url) => existsSync(url));
  if (place === undefined) throw new Problem("the Worker is not built: run `npm run build` first.");
  const { examine } = await import(place.href);
  return (question) => JSON.parse(examine(JSON.stringify(question)));
}
