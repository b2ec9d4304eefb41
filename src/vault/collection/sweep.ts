import type { ObjectKey, Store } from "#store/contract.ts";
import { isDead } from "#vault/collection/dead-objects.ts";
import type { Remover } from "#vault/collection/remover.ts";
import type { MachineId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { isCopyKey, parseObjectKey } from "#vault/segments/known-objects.ts";
import type { SegmentObject } from "#vault/segments/known-objects.ts";
import type { Liveness } from "#vault/tree/mark.ts";

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
