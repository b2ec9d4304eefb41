import { errorLines, reportOf } from "#cli/output/errors.ts";
import type { ExitCode } from "#cli/output/exit-codes.ts";
import { visibleJson } from "#cli/output/visible-json.ts";
import { LockstepError } from "#errors/errors.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** Standard output or standard error. */
export type OutputStream = NodeJS.WritableStream & { readonly isTTY?: boolean };

/** Something that a person should know of what was done. */
export type Warning = { readonly code: string; readonly message: string; readonly hint?: string | undefined };

/** What a command found or did, in its documented shape: values that JSON knows, and those with a `toJSON`. */
export type Result = { readonly [key: string]: unknown; readonly command?: never; readonly warnings?: never };

/** Something drawn on the terminal's last line, such as a progress bar. */
export type Overlay = {
  /** Empties the line, so that others can write there. What was drawn comes back by itself. */
  clear(): void;
  stop(): void;
};

/**
 * What a command says, to a person or to a program.
 *
 * As text, results go to standard output; warnings, notes and errors to standard error as they come. With `json`,
 * standard output gets exactly one JSON document, the result or the error, with all warnings in it; standard error gets
 * only what must not be lost: the stack of a bug, and an error after the result.
 *
 * Unseen characters are made visible in either. When whoever reads goes away (EPIPE), the rest is dropped in silence.
 */
export class Output {
  readonly json: boolean;
  /** How progress is shown on `stderr`. */
  readonly progressStyle: "bar" | "lines" | "none";
  readonly stderr: OutputStream;
  readonly #stdout: OutputStream;
  /** Where results for a person go. */
  #words: OutputStream;
  readonly #command: string;
  readonly #warnings: Warning[] = [];
  readonly #failed = new Map<OutputStream, Error>();
  readonly #quiet: boolean;
  #overlay: Overlay | null = null;
  #finished = false;

  /** @param options.quiet  no notes and no progress; results, warnings and errors stay */
  constructor(options: {
    readonly command: string;
    readonly json: boolean;
    readonly quiet: boolean;
    readonly stdout: OutputStream;
    readonly stderr: OutputStream;
  }) {
    this.json = options.json;
    this.stderr = options.stderr;
    const shown = options.stderr.isTTY === true ? "bar" : "lines";
    this.progressStyle = options.json || options.quiet ? "none" : shown;
    this.#stdout = options.stdout;
    this.#words = options.stdout;
    this.#command = options.command;
    this.#quiet = options.quiet;
    for (const stream of [options.stdout, options.stderr]) {
      stream.on("error", (error: Error) => this.#failed.set(stream, error));
    }
  }

  /** Whether results go to a terminal: a person sees them, and no file or program gets them. */
  get isTerminal(): boolean {
    return !this.json && this.#stdout.isTTY === true;
  }

  /** Lines of the result for a person; nothing with `json`. */
  print(...lines: readonly string[]): void {
    if (!this.json) this.#say(this.#words, lines);
  }

  /** Says something by the way; nothing with `json` or `quiet`. */
  note(...lines: readonly string[]): void {
    if (!this.json && !this.#quiet) this.#say(this.stderr, lines);
  }

  /**
   * Writes data, not words, to standard output. From then on, what would have been said there goes to standard error. Not
   * for commands that have `json`.
   *
   * @throws {LockstepError} SYSTEM_CALL_FAILED: it could not be written; whoever reads went away, perhaps
   */
  async writeData(bytes: Uint8Array): Promise<void> {
    this.#words = this.stderr;
    let error = this.#failed.get(this.#stdout) ?? null;
    // The stream's own event may come after this answer.
    error ??= await new Promise<Error | null>((resolve) => this.#stdout.write(bytes, (why) => resolve(why ?? null)));
    if (error === null) return;
    throw new LockstepError("SYSTEM_CALL_FAILED", `writing to standard output failed: ${error.message}`, {
      cause: error,
    });
  }

  warn(warning: Warning): void {
    this.#warnings.push(warning);
    if (this.json) return;
    const hint = warning.hint === undefined ? [] : [`  hint: ${warning.hint}`];
    this.#say(this.stderr, [`warning: ${warning.message} [${warning.code}]`, ...hint]);
  }

  /**
   * Says a failure that does not end the command; nothing with `json`, where it is a part of the result.
   *
   * @param about  which of several things failed, such as a machine's name; null where there is one only
   */
  complain(error: unknown, about: string | null): void {
    const report = reportOf(error);
    const message = about === null ? report.message : `${about}: ${report.message}`;
    if (!this.json) this.#say(this.stderr, errorLines({ ...report, message }));
  }

  /** Ends a command that was done: with `json` writes the document, else nothing. To be called once. */
  finish(result: Result): void {
    this.#end();
    if (this.json) this.#document({ command: this.#command, warnings: this.#warnings, ...result });
  }

  /** Ends a command that failed: says so, and gives the status to exit with. May follow `finish`. */
  fail(error: unknown): ExitCode {
    const report = reportOf(error);
    const { code, kind, message, hint, stack } = report;
    const late = this.#finished;
    this.#overlay?.stop();
    this.#finished = true;
    if (this.json && !late) this.#document({ error: { code, kind, message, hint }, warnings: this.#warnings });
    if (!this.json || late || stack !== undefined) this.#say(this.stderr, errorLines(report));
    return report.exitCode;
  }

  /** Puts something on the terminal's last line, until it is replaced by null. */
  overlay(overlay: Overlay | null): void {
    this.#overlay = overlay;
  }

  /**
   * Resolves once everything said is written.
   *
   * @throws {LockstepError} SYSTEM_CALL_FAILED: standard output could not be written, other than by EPIPE, so a file that
   *   it was sent to is not whole
   */
  async close(): Promise<void> {
    this.#overlay?.stop();
    for (const stream of [this.#stdout, this.stderr]) {
      if (!this.#failed.has(stream)) await new Promise<void>((resolve) => stream.write("", () => resolve()));
    }
    const error = this.#failed.get(this.#stdout);
    if (error === undefined || ("code" in error && error.code === "EPIPE")) return;
    throw new LockstepError("SYSTEM_CALL_FAILED", `writing to standard output failed: ${error.message}`, {
      cause: error,
    });
  }

  #end(): void {
    if (this.#finished) throw new Error("the command has said its result already");
    this.#finished = true;
    this.#overlay?.stop();
  }

  #document(value: unknown): void {
    this.#write(this.#stdout, `${visibleJson(JSON.stringify(value))}\n`);
  }

  #say(stream: OutputStream, lines: readonly string[]): void {
    this.#overlay?.clear();
    this.#write(stream, lines.map((line) => `${visibleText(line)}\n`).join(""));
  }

  #write(stream: OutputStream, text: string): void {
    if (!this.#failed.has(stream)) stream.write(text);
  }
}
