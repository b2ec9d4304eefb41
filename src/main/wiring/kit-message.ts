import type { Failure } from "#api/failure.ts";
import type { KitTargets, TriedKit } from "#cli/app/kit-tools.ts";

/** A share as it goes to the process that combines it. */
export type SentShare = {
  readonly setId: string;
  readonly threshold: number;
  readonly index: number;
  readonly part: Uint8Array;
};

/** What that process is asked, once. */
export type KitRequest = { readonly shares: readonly SentShare[]; readonly targets: KitTargets };

/** Its one answer: verdicts, without anything that it derived. */
export type KitAnswer = { readonly tried: TriedKit } | Failure;
