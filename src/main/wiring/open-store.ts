import { folderOf } from "#cli/files/place.ts";
import { isOnNetwork } from "#linux/network-file-system.ts";
import type { Store } from "#store/contract.ts";
import { openDirectoryStore } from "#store/directory.ts";
import type { Retry } from "#store/retry.ts";
import { retrying } from "#store/retrying.ts";

/**
 * Opens the store that a place names.
 *
 * @param place  an absolute path, or a URL
 * @throws {LockstepError} ARGUMENT_INVALID: a URL of a kind that is not known; and what `openDirectoryStore` throws
 */
export async function openStoreAt(place: string, retry: Retry, signal: AbortSignal): Promise<Store> {
  return retrying(await openDirectoryStore(folderOf(place), {}, signal), retry);
}

/** Whether each read of the store that a place names goes over a network. */
export function isRemotePlace(place: string): Promise<boolean> {
  return isOnNetwork(folderOf(place));
}
