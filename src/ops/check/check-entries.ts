import { isLockstepError, messageOf } from "#errors/errors.ts";
import { ENTRY_LIMIT_BYTES } from "#vault/entry/entry-format.ts";
import { checkTwins } from "#vault/healing/twin-objects.ts";
import type { TwinFault } from "#vault/healing/twin-objects.ts";
import type { Log } from "#vault/log/log.ts";
import { objectKeys, parseSeqKey } from "#vault/object/object-keys.ts";
import { openObject } from "#vault/object/sealed.ts";
import type { Vault } from "#vault/vault.ts";

/** Entries of a log that a listing does not show. */
export type CheckedEntries = {
  /** Neither the entry nor a second copy is there, in words. */
  readonly lost: readonly string[];
  /** Those whose second copy is right. */
  readonly copies: readonly TwinFault[];
  /** What the store gave no answer for, in words. */
  readonly unread: readonly string[];
};

/**
 * Whether all entries of a log up to `head` are there, also those that a summary stands for, which nothing else reads. By a listing:
 * each that it does not show is looked for. Does not verify the entries that are there: `verifyLog` does.
 *
 * @param repair  put one that is missing back from its second copy
 */
export async function checkEntries(
  vault: Vault,
  { machine }: Log,
  head: number,
  repair: boolean,
  signal: AbortSignal,
): Promise<CheckedEntries> {
  const listed = new Set<number>();
  for await (const { key } of vault.store.list(objectKeys.logPrefix(machine), {}, signal)) {
    const seq = parseSeqKey(key);
    if (seq !== null) listed.add(seq);
  }
  const lost: string[] = [];
  const copies: TwinFault[] = [];
  const unread: string[] = [];
  for (let seq = 1; seq <= head; seq++) {
    if (listed.has(seq)) continue;
    const key = objectKeys.logEntry(machine, seq);
    const faultOf = (bytes: Uint8Array): string | null => {
      try {
        openObject(vault.keyring.keys, "entr", key, bytes);
        return null;
      } catch (error) {
        if (isLockstepError(error, "OBJECT_CORRUPT", "VAULT_NEWER")) return messageOf(error);
        throw error;
      }
    };
    const { bytes, faults } = await checkTwins(vault, key, { limitBytes: ENTRY_LIMIT_BYTES, faultOf, repair }, signal);
    const silent = faults.filter(({ what }) => what === "unread");
    unread.push(...silent.map(({ why }) => why));
    if (bytes !== null) copies.push(...faults.filter(({ what }) => what !== "unread"));
    else if (silent.length === 0)
      lost.push(`entry ${seq} of the log is lost: ${faults.map(({ why }) => why).join("; ")}`);
  }
  return { lost, copies, unread };
}
