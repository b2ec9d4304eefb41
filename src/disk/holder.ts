/** Somebody who uses a disk right now. */
export type Holder = {
  readonly kind: "process" | "lock" | "mount" | "loop" | "stack" | "swap" | "claim";
  /** False when it holds the disk for reading only, so a copy is whole but overwriting the disk would hurt it. */
  readonly mayWrite: boolean;
  /** Such as `process 4711 (qemu-system-x86) has it open for writing`. */
  readonly words: string;
};

export type Holders = {
  readonly holders: readonly Holder[];
  /** What could not be looked at, in words. */
  readonly blindSpots: readonly string[];
  /** False where one of these may hide a holder. */
  readonly sawAll: boolean;
  /** False where a write to it would leave no sign. */
  readonly showsWrites: boolean;
};

/** One sentence that names all of them. */
export function describeHolders(holders: readonly Holder[]): string {
  return holders.map(({ words }) => words).join("; ");
}
