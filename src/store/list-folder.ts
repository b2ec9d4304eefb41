import { join } from "node:path";

import { throwIfCancelled } from "#errors/cancelled.ts";
import type { ListedObject } from "#store/contract.ts";
import { orNull } from "#store/files.ts";
import type { Files, FolderEntry } from "#store/files.ts";
import { keyFault } from "#store/object-key.ts";

const statsAtOnce = 64;

/** What a walk over a store's folders needs; `entries` answers an empty list for a folder that is not there. */
export type ListSource = {
  readonly files: Files;
  readonly root: string;
  readonly entries: (folder: string) => Promise<readonly FolderEntry[]>;
};

/**
 * The objects in the folders under `root` whose key starts with `prefix` and sorts after `after`, in bytewise order of
 * their keys. Folder after folder; reads only folders in which such keys can lie.
 */
export function listFolders(
  source: ListSource,
  prefix: string,
  after: string,
  signal: AbortSignal,
): AsyncIterable<ListedObject> {
  const within = prefix.slice(0, prefix.lastIndexOf("/") + 1);
  return listWithin(source, within, prefix, after, signal);
}

async function* listWithin(
  source: ListSource,
  within: string,
  prefix: string,
  after: string,
  signal: AbortSignal,
): AsyncGenerator<ListedObject> {
  const folder = within.slice(0, -1);
  if (within !== "" && keyFault(folder) !== null) return;
  const { files, root, entries } = source;
  const items: Item[] = [];
  for (const entry of await entries(join(root, folder))) {
    const isFolder = entry.kind === "folder";
    if (!isFolder && entry.kind !== "file") continue;
    // A folder sorts as its keys do: by its name and the slash.
    const key = within + entry.name + (isFolder ? "/" : "");
    const isWanted = isFolder ? mayHold(key, prefix, after) : key.startsWith(prefix) && key > after;
    if (isWanted && keyFault(within + entry.name) === null) items.push({ key, isFolder });
  }
  items.sort((a, b) => (a.key < b.key ? -1 : 1));

  for (let at = 0; at < items.length; at += statsAtOnce) {
    throwIfCancelled(signal);
    const batch = items.slice(at, at + statsAtOnce);
    const stats = await Promise.all(batch.map((item) => orNull(files.stat(join(root, item.key)), "ENOENT")));
    for (const [index, { key, isFolder }] of batch.entries()) {
      const stat = stats[index] ?? null; // null when it was deleted since the folder was read
      if (isFolder) yield* listWithin(source, key, prefix, after, signal);
      else if (stat !== null) yield { key, sizeBytes: stat.sizeBytes };
    }
  }
}

type Item = { readonly key: string; readonly isFolder: boolean };

/** Whether a key that starts with `folder` can start with `prefix` and sort after `after`. */
function mayHold(folder: string, prefix: string, after: string): boolean {
  return (folder.startsWith(prefix) || prefix.startsWith(folder)) && (folder > after || after.startsWith(folder));
}
