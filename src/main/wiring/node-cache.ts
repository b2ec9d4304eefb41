import { join } from "node:path";

import type { App } from "#cli/app/app.ts";
import { cachingStore } from "#store/cached.ts";
import type { Store } from "#store/contract.ts";
import { ObjectCache } from "#store/object-cache.ts";
import { isNodeSegment, isSoundSegment } from "#vault/healing/sound-segment.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";

/** A vault's store, with this host's cache of tree nodes before it. */
export function nodeCaching(store: Store, keyring: OpenedKeyring, { config, now, random }: App): Store {
  const cache = new ObjectCache(join(config.cache.value, "nodes"), {
    storeId: keyring.vault.id,
    limitBytes: config.cacheLimitGib.value * 2 ** 30,
    now,
    random,
  });
  return cachingStore(store, cache, {
    wants: isNodeSegment,
    isSound: (key, bytes) => isSoundSegment(keyring.keys, key, bytes),
  });
}
