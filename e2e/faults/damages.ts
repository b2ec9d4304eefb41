import type { ObjectKey, Store } from "#store/contract.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import { alter } from "#testing/vaults/damage.ts";

const { signal } = new AbortController();

/** A way in which one object goes bad. */
export type Damage = {
  readonly name: string;
  /** What the store is after it. @param other  an object of the same kind, its key and bytes */
  readonly apply: (store: Store, key: ObjectKey, other: { key: ObjectKey; bytes: Uint8Array }) => Promise<Store>;
};

function changed(name: string, change: (bytes: Uint8Array) => Uint8Array): Damage {
  return {
    name,
    apply: async (store, key) => {
      await alter(store, key, change);
      return store;
    },
  };
}

/** Places in an object of any length: its ends, and what lies between. */
const regions = [0.01, 0.3, 0.6, 0.9, 0.99, 1];

function placeIn(length: number, region: number): number {
  return Math.min(length - 1, Math.round(length * region));
}

/** A byte among the first 64, where every sealed object has its header. */
const headerBytes = [0, 8, 12, 16, 24, 32, 48];

export const damages: readonly Damage[] = [
  ...[0, 0.5, 0.99].map((part) =>
    changed(`cut to ${part} of its length`, (bytes) => bytes.subarray(0, Math.floor(bytes.length * part))),
  ),
  changed("cut by one byte", (bytes) => bytes.subarray(0, -1)),
  changed("one byte longer", (bytes) => Buffer.concat([bytes, new Uint8Array(1)])),
  changed("nothing but zeros", (bytes) => new Uint8Array(bytes.length)),
  ...regions.map((region) =>
    changed(`flipped at ${region}`, (bytes) => {
      const at = placeIn(bytes.length, region);
      return bytes.with(at, (bytes[at] ?? 0) ^ 0x40);
    }),
  ),
  ...headerBytes.map((byte) =>
    changed(`flipped at byte ${byte}`, (bytes) => {
      const at = Math.min(byte, bytes.length - 1);
      return bytes.with(at, (bytes[at] ?? 0) ^ 1);
    }),
  ),
  {
    name: "swapped with another",
    apply: async (store, key, other) => {
      const own = (await store.get(key, Number.MAX_SAFE_INTEGER, signal)) ?? new Uint8Array();
      await alter(store, key, () => other.bytes);
      if ((await store.stat(other.key, signal)) !== null) await alter(store, other.key, () => own);
      return store;
    },
  },
  { name: "replaced by another", apply: (store, key, other) => alter(store, key, () => other.bytes).then(() => store) },
  { name: "deleted", apply: (store, key) => store.delete(key, signal).then(() => store) },
  {
    name: "a folder in its place",
    apply: async (store, key) => {
      await store.delete(key, signal);
      await store.put(`${key}/other`, [], {}, signal);
      return store;
    },
  },
  { name: "on a bad sector", apply: (store, key) => Promise.resolve(badSectorStore(store, key)) },
];
