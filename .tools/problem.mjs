// How every tool of this project speaks, and how it fails.

/** A failure whose message is all that the reader needs. */
export class Problem extends Error {}

export function say(message) {
  process.stderr.write(`edge-session: ${message}\n`);
}

/** Runs `task`; a `Problem` is printed without a stack and ends the process with status 1. */
export async function main(task) {
  try {
    await task();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
}
