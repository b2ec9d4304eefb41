import { appendFileSync } from "node:fs";

/**
 * A file that lines are added to, for this user alone, each at once. A line that cannot be written is dropped, since whoever writes it has
 * other work, which a full disk does not stop.
 */
export class LogFile {
  readonly #path: string;
  /** What was last written may have no end. */
  #isCut = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** @param line  with its line feed */
  write(line: string): void {
    try {
      appendFileSync(this.#path, this.#isCut ? `\n${line}` : line, { mode: 0o600 });
      this.#isCut = false;
    } catch {
      this.#isCut = true;
    }
  }
}
