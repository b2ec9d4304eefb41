import type { ObjectKey, Store } from "#store/contract.ts";
import { isDead } from "#vault/dead-objects.ts";
import type { MachineId } from "#vault/ids.ts";
import { isCopyKey, parseObjectKey } from "#vault/known-objects.ts";
import type { SegmentObject } from "#vault/known-objects.ts";
import type { Liveness } from "#vault/mark.ts";
import { objectKeys } from "#vault/object-keys.ts";
import type { Remover } from "#vault/remover.ts";

/** A segment's object that stays, with its second copy where it has one. */
export type KeptSegment = { readonly object: SegmentObject; readonly sizeBytes: number; readonly isCopy: boolean };

export type SweepOptions = {
  /** Told of every segment's object that stays. */
  readonly onKept: (kept: KeptSegment) => void;
  /** Told of every object that was looked at. */
  readonly progress: () => void;
};

/**
 * Lists everything of a machine's disks and points, second copies too, and removes whatever is dead, whoever left it.
 *
 * @returns  keys that name no object of a vault; they are left alone
 */
export async function sweep(
  deps: { readonly store: Store; readonly machine: MachineId; readonly remover: Remover },
  live: Liveness,
  options: SweepOptions,
  signal: AbortSignal,
): Promise<readonly ObjectKey[]> {
  const { store, machine, remover } = deps;
  const unknown: ObjectKey[] = [];
  const prefixes = [objectKeys.disksPrefix(machine), objectKeys.pointPrefix(machine)];
  for (const prefix of [...prefixes, ...prefixes.map((each) => objectKeys.copy(each))]) {
    for await (const { key, sizeBytes } of store.list(prefix, {}, signal)) {
      options.progress();
      const object = parseObjectKey(key);
      if (object?.what !== "segment" && object?.what !== "body") unknown.push(key);
      else if (isDead(live, object)) await remover.remove(key, sizeBytes, signal);
      else if (object.what === "segment") options.onKept({ object, sizeBytes, isCopy: isCopyKey(key) });
    }
  }
  return unknown;
}
