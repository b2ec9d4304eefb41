import type { YearMachine } from "./year-machine.ts";
import { keyLosses } from "./year-key-losses.ts";
import { vaultLosses } from "./year-vault-losses.ts";
import type { YearWorld } from "./year-world.ts";

/** Something that goes wrong in a world, and what people are told of it. */
export type Loss = {
  readonly name: string;
  /** What may be told of it. One of these must be, within a check cycle, and nothing else. */
  readonly signs: RegExp;
  /** How long a cycle is that finds it, in days; else that of checks of all points. */
  readonly withinDays?: number;
  /** What may be told of it for some days after it was put right, too. */
  readonly echo?: { readonly signs: RegExp; readonly days: number };
  /** Until it is noticed, points are green that nothing opens any more: that is what a check cycle is for. */
  readonly losesValue?: true;
  /** Makes it happen, before a day passes. @returns  what a person does once it was noticed */
  readonly plant: (world: YearWorld, machine: YearMachine) => Promise<() => Promise<void>>;
};

/** All that goes wrong, in the order in which it is planted: by turns in the vault and on the key side. */
export const losses: readonly Loss[] = vaultLosses.flatMap((loss, index) => [loss, keyLosses[index] ?? []].flat());
