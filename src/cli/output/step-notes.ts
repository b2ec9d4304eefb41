import type { Output } from "#cli/output/output.ts";

/** How far a piece of work is that is counted in things rather than bytes. */
export type Step = { readonly phase: string; readonly done: number; readonly of: number | null };

const everyMs = 10_000;

/** Says now and then how far a long piece of work is; nothing of what is done soon. */
export function stepNotes(output: Output, label: string): (step: Step) => void {
  let spokenMs = performance.now();
  return ({ phase, done, of }) => {
    if (performance.now() - spokenMs < everyMs) return;
    spokenMs = performance.now();
    output.note(`${label}: ${phase}, ${done}${of === null ? "" : ` of ${of}`}`);
  };
}
