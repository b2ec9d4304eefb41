import type { MultiBar } from "cli-progress";

import type { Output, Overlay } from "#cli/output/output.ts";
import { ProgressRate } from "#cli/output/progress-rate.ts";
import { barText, endParts, progressParts } from "#cli/output/progress-text.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** Shows how far a long piece of work is. One piece at a time; the next `start` ends the one before. */
export interface Progress extends Disposable {
  /** @param totalBytes  null where nobody knows it */
  start(totalBytes: number | null, label: string): void;
  /** That many more bytes are done. */
  advance(bytes: number): void;
  /** Says something on a line of its own. */
  note(text: string): void;
  /** Ends the piece of work, whether it was done or not. Nothing happens when there is none. */
  stop(): void;
}

/** How long a log stays quiet between two lines. */
const lineEveryMs = 10_000;

/**
 * A bar on a terminal, else a line now and then, or nothing, as `output.progressStyle` says.
 *
 * @param nowMs  milliseconds from anywhere, never going back, such as `performance.now`
 */
export async function progress(output: Output, nowMs: () => number): Promise<Progress> {
  const show = await loadStyle(output);
  let work: Work | null = null;
  let shown: Shown = silent;
  const stop = (): void => {
    if (work !== null) shown.end(work);
    work = null;
  };
  return {
    start(totalBytes, label) {
      stop();
      work = new Work(totalBytes, label, nowMs);
      shown = show(work);
    },
    advance(bytes) {
      if (work === null) return;
      work.advance(bytes);
      shown.advanced(work);
    },
    note: (text) => output.note(text),
    stop,
    [Symbol.dispose]: stop,
  };
}

/** A piece of work and how far it is. */
class Work {
  readonly totalBytes: number | null;
  readonly label: string;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #rate = new ProgressRate();
  doneBytes = 0;

  constructor(totalBytes: number | null, label: string, nowMs: () => number) {
    this.totalBytes = totalBytes;
    this.label = label;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#rate.record(this.#startedMs, 0);
  }

  get elapsedMs(): number {
    return this.#nowMs() - this.#startedMs;
  }

  advance(bytes: number): void {
    this.doneBytes += bytes;
    this.#rate.record(this.#nowMs(), this.doneBytes);
  }

  parts(): string[] {
    const { doneBytes, totalBytes } = this;
    return progressParts({ doneBytes, totalBytes, bytesPerMs: this.#rate.bytesPerMs(this.#nowMs(), doneBytes) });
  }
}

/** One way of showing a piece of work. */
type Shown = { advanced(work: Work): void; end(work: Work): void };

const silent: Shown = { advanced: () => undefined, end: () => undefined };

/** The library is loaded only for a bar. */
async function loadStyle(output: Output): Promise<(work: Work) => Shown> {
  switch (output.progressStyle) {
    case "bar": {
      const { MultiBar: Bars } = await import("cli-progress");
      return (work) => showBar(Bars, output, work);
    }
    case "lines":
      return () => showLines(output);
    case "none":
      return () => silent;
  }
}

function showLines(output: Output): Shown {
  let spokenMs = 0;
  return {
    advanced(work) {
      if (work.elapsedMs - spokenMs < lineEveryMs) return;
      spokenMs = work.elapsedMs;
      output.note(`${work.label}: ${work.parts().join(", ")}`);
    },
    end(work) {
      if (work.doneBytes > 0) output.note(`${work.label}: ${endParts(work.doneBytes, work.elapsedMs).join(", ")}`);
    },
  };
}

/**
 * A `MultiBar` with one bar, not a `SingleBar`: that one saves the cursor's place at the start and returns there at the
 * end, onto lines that were said meanwhile.
 */
function showBar(Bars: typeof MultiBar, output: Output, work: Work): Shown {
  const { stderr } = output;
  const bars = new Bars({
    stream: stderr,
    format: () => [visibleText(work.label), ...barText(work.doneBytes, work.totalBytes), ...work.parts()].join("  "),
    // The line is cut to the terminal's width by the library rather than by a mode that a killed process leaves behind.
    linewrap: true,
    forceRedraw: true,
    clearOnComplete: true,
    gracefulExit: false,
  });
  const overlay: Overlay = {
    clear: () => stderr.write("\r\u001b[2K"),
    stop: () => {
      if (bars.isActive) bars.stop();
      output.overlay(null);
    },
  };
  bars.create(work.totalBytes ?? 0, 0);
  bars.update();
  output.overlay(overlay);
  return { advanced: () => undefined, end: () => overlay.stop() };
}
