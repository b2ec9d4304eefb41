import { deletePoint } from "#ops/delete-points.ts";
import { confirmClock } from "#ops/clock-doubt.ts";
import { LockstepError } from "#errors/errors.ts";
import { copiedStore } from "#testing/copied-store.ts";
import { gatedStore } from "#testing/gated-store.ts";
import { HEADER_BYTES } from "#testing/luks2-maker.ts";
import { openMachine } from "#vault/vault.ts";

import type { Machine, YearWorld } from "./year-world.ts";

const { signal } = new AbortController();

/** Something that goes wrong in a world, and what people are told of it. */
export type Loss = {
  readonly name: string;
  /** What may be told of it. One of these must be, within a check cycle, and nothing else. */
  readonly signs: RegExp;
  /** Until it is noticed, points are green that nothing opens any more: that is what a check cycle is for. */
  readonly losesValue?: true;
  /** Makes it happen, before a day passes. @returns  what a person does once it was noticed */
  readonly plant: (world: YearWorld, machine: Machine) => Promise<() => Promise<void>>;
};

const disabled: Loss = {
  name: "a version is disabled in the database, behind the key side's back",
  signs: /^(point of \w+ red: VERSION_UNUSABLE|status of \w+: (red|light-lost))$/,
  plant: (world, { name }) => {
    const { id } = world.currentVersion(name);
    const set = (enabled: number): void => {
      world.keySide.store.db.prepare("UPDATE versions SET enabled = ? WHERE id = ?").run(enabled, id);
    };
    set(0);
    return Promise.resolve(() => Promise.resolve(set(1)));
  },
};

const valueLost: Loss = {
  name: "the value of a version is overwritten",
  losesValue: true,
  signs: /^(check of \w+: KEY_STORE_CORRUPT|point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened)$/,
  plant: (world, { name }) => {
    const { id } = world.currentVersion(name);
    const row = world.keySide.store.db.prepare("SELECT value FROM versions WHERE id = ?").get(id);
    const value = row?.["value"] as Uint8Array;
    const set = (bytes: Uint8Array): void => {
      world.keySide.store.db.prepare("UPDATE versions SET value = ? WHERE id = ?").run(bytes, id);
    };
    set(value.map((byte, at) => (at === value.length - 1 ? byte ^ 1 : byte)));
    return Promise.resolve(() => Promise.resolve(set(value)));
  },
};

const headerDamaged: Loss = {
  name: "a guest's header is damaged",
  signs: /^(point of \w+ (red: (NOT_BOUND|HEADER_DAMAGED)|amber: NOT_KNOWN)|status of \w+: (red|not-opened))$/,
  plant: (world, machine) => {
    const from = world.now;
    // in the key material of a LUKS2 keyslot that is in use, or in all that lies there of a BitLocker volume's first copy
    machine.shown = (image) =>
      machine.guest.kind === "passphrase" ? withoutKeyMaterial(image) : withoutMetadata(image);
    return Promise.resolve(async () => {
      machine.shown = (image) => image;
      await deleteSince(world, machine, from);
    });
  },
};

const vaultAway: Loss = {
  name: "the vault cannot be reached",
  signs: /^opening of \w+ failed: STORE_UNAVAILABLE$|^point of \w+ amber: NOT_TRIED(_LATELY)?$/,
  plant: (world) => {
    const away = new LockstepError("STORE_UNAVAILABLE", "the vault is on the other side of a cut cable");
    world.useStore(gatedStore(world.bench.store, () => Promise.reject(away)));
    return Promise.resolve(() => Promise.resolve(world.useStore(null)));
  },
};

const vaultRolledBack: Loss = {
  name: "the vault is put back to how it was",
  signs: /^opening of \w+ failed: LOG_ROLLED_BACK$/,
  plant: async (world) => {
    const old = await copiedStore(world.bench.store);
    await world.passQuietDay();
    world.useStore(old);
    return () => Promise.resolve(world.useStore(null));
  },
};

const keyStoreRolledBack: Loss = {
  name: "the key store is put back to how it was days ago",
  signs: /^warning of \w+: the key store is older than it was /,
  plant: async (world) => {
    world.keySide.keep();
    // By fewer entries than a day has, reports alone do not tell: the log's receipt is from the day before.
    for (let day = 0; day < 3; day++) await world.passQuietDay();
    return world.keySide.rollBack();
  },
};

const sealed: Loss = {
  name: "the key store is sealed",
  signs: /^(check of \w+: KEY_STORE_SEALED|point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened)$/,
  plant: (world) => {
    world.keySide.store.seal();
    return Promise.resolve(() => world.keySide.restart());
  },
};

const clockWrong: Loss = {
  name: "the clock of the backup side leaps a year ahead",
  signs: /^(point of \w+ amber: [A-Z_,]+|status of \w+: (date-doubtful|not-opened|overdue))$/,
  plant: (world) => {
    const from = world.now;
    world.clockAhead = 365;
    return Promise.resolve(async () => {
      world.clockAhead = 0;
      world.setClocks();
      for (const machine of world.machines) {
        await deleteSince(world, machine, from);
        await confirmClock(machine.log, world.now, signal);
        machine.head = { seq: machine.log.fold.seq, hash: machine.log.fold.hash };
      }
    });
  },
};

/** All that goes wrong, in the order in which it is planted. */
export const losses: readonly Loss[] = [
  disabled,
  sealed,
  headerDamaged,
  vaultAway,
  valueLost,
  vaultRolledBack,
  clockWrong,
  keyStoreRolledBack,
];

/** A person deletes the points that were taken while something was wrong. */
async function deleteSince(world: YearWorld, machine: Machine, from: Temporal.Instant): Promise<void> {
  const log = await openMachine(world.vault, machine.log.machine, machine.head, signal);
  for (const [id, { capturedAt, deleted }] of log.fold.points) {
    const isSince = Temporal.Instant.compare(Temporal.Instant.from(capturedAt), from) > 0;
    if (isSince && deleted === null) await deletePoint(log, id, "taken while something was wrong", signal);
  }
  machine.log = log;
  machine.head = { seq: log.fold.seq, hash: log.fold.hash };
}

/** A byte of each keyslot's area is another. */
function withoutKeyMaterial(image: Uint8Array): Uint8Array {
  const damaged = image.slice();
  for (let slot = 0; slot < 3; slot++)
    damaged[2 * HEADER_BYTES + slot * 0x20000 + 100] = (damaged[2 * HEADER_BYTES + slot * 0x20000 + 100] ?? 0) ^ 1;
  return damaged;
}

/** All three copies of the metadata of a BitLocker volume of `makeBitlocker` are zeros behind their own headers. */
function withoutMetadata(image: Uint8Array): Uint8Array {
  const damaged = image.slice();
  for (const offset of [0x8000, 0x20000, 0x30000]) damaged.fill(0, offset + 64, offset + 4096);
  return damaged;
}
