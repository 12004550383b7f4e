import { stdout } from "node:process";
import { styleText } from "node:util";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 120;
// Without a terminal to redraw, a line now and then shows that work goes on.
const PLAIN_MS = 15_000;
const NAME_WIDTH = 14;

export const bold = (text: string) => style("bold", text);
export const dim = (text: string) => style("dim", text);

export function say(text: string): void {
  stdout.write(`${text}\n`);
}

/** One line for each step: a spinner with the elapsed time while it runs, a mark when it is over. */
export class Progress {
  #name = "";
  #detail = "";
  #startedMs = 0;
  #frame = 0;
  #timer: NodeJS.Timeout | undefined;

  get running(): boolean {
    return this.#timer !== undefined;
  }

  step(name: string, detail = ""): void {
    this.#name = name;
    this.#detail = detail;
    this.#startedMs = Date.now();
    this.#timer = setInterval(() => (stdout.isTTY ? this.#draw() : this.#tell()), stdout.isTTY ? FRAME_MS : PLAIN_MS);
  }

  detail(detail: string): void {
    this.#detail = detail;
  }

  done(result = ""): void {
    this.#end(`  ${style("green", "✓")} ${this.#name.padEnd(NAME_WIDTH)} ${dim(result)}`);
  }

  fail(): void {
    if (this.running) {
      this.#end(`  ${style("red", "✗")} ${this.#name}`);
    }
  }

  #end(line: string): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    say(`${stdout.isTTY ? "\r\u001b[2K" : ""}${line}`);
  }

  #draw(): void {
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const line = `  ${FRAMES[this.#frame]} ${this.#name.padEnd(NAME_WIDTH)} ${this.#elapsed()}  ${this.#detail}`;
    // A line that wraps could not be redrawn.
    stdout.write(`\r\u001b[2K${line.slice(0, stdout.columns - 1)}`);
  }

  #tell(): void {
    say(`    ${this.#name.padEnd(NAME_WIDTH)} ${this.#elapsed()}  ${this.#detail}`);
  }

  #elapsed(): string {
    const seconds = Math.floor((Date.now() - this.#startedMs) / 1000);
    return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

function style(format: Parameters<typeof styleText>[0], text: string): string {
  return stdout.isTTY && process.env.NO_COLOR === undefined ? styleText(format, text) : text;
}
