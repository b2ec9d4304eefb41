import { LockstepError } from "#errors/errors.ts";
import { newestLive } from "#ops/points/newest-live.ts";
import { confirmClock } from "#ops/prune/confirm-clock.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { copiedStore } from "#testing/stores/copied-store.ts";
import { gatedStore } from "#testing/stores/gated-store.ts";
import { flip } from "#testing/vaults/damage.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { objectKeys } from "#vault/object/object-keys.ts";

import type { Loss } from "./year-losses.ts";
import { CHECK_DAYS, READ_PARTS } from "./year-machine.ts";
import { oldestStoredBlock } from "./year-stored-block.ts";
import type { YearWorld } from "./year-world.ts";

const { signal } = new AbortController();

const headerDamaged: Loss = {
  name: "a guest's header is damaged",
  signs: /^(point of \w+ (red: (NOT_BOUND|HEADER_DAMAGED)|amber: NOT_KNOWN)|status of \w+: (red|not-opened))$/,
  plant: (world, machine) => {
    const from = world.now;
    machine.shown = (image) => image.map((byte, at) => (machine.guest.vitals.includes(at) ? byte ^ 1 : byte));
    return Promise.resolve(async () => {
      machine.shown = (image) => image;
      await machine.deletePoints((at) => Temporal.Instant.compare(at, from) > 0, "its header is damaged");
    });
  },
};

const away: Loss = {
  name: "the vault cannot be reached",
  signs: /^opening of \w+ failed: STORE_UNAVAILABLE$|^point of \w+ amber: NOT_TRIED(_LATELY)?$/,
  plant: (world) => {
    const cut = new LockstepError("STORE_UNAVAILABLE", "the vault is on the other side of a cut cable");
    world.useStore(gatedStore(world.bench.store, () => Promise.reject(cut)));
    return Promise.resolve(() => Promise.resolve(world.useStore(null)));
  },
};

const putBack: Loss = {
  name: "the vault is put back to how it was",
  signs: /^opening of \w+ failed: LOG_ROLLED_BACK$/,
  plant: async (world) => {
    const old = await copiedStore(world.bench.store);
    await world.passQuietDay();
    world.useStore(old);
    return () => Promise.resolve(world.useStore(null));
  },
};

const entryLost: Loss = {
  name: "an entry of a log is lost",
  signs: /^(opening of \w+ failed: LOG_CORRUPT|check of \w+: entry \d+ of the log is lost: .*)$/,
  plant: (world, { log }) => {
    const key = objectKeys.logEntry(log.machine, log.fold.seq - 1);
    return changed(world.bench.store, key, () => null);
  },
};

const bodyCut: Loss = {
  name: "the body of a point is cut",
  signs: /^(check of \w+: a body is lost: .*|point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened)$/,
  plant: (world, { log }) => {
    const { session, point } = newestOf(log);
    const key = objectKeys.point(log.machine, session, point);
    return changed(world.bench.store, key, (bytes) => bytes.subarray(0, bytes.length / 2));
  },
};

const dataFlipped: Loss = {
  name: "a byte of a data segment is another",
  withinDays: CHECK_DAYS * READ_PARTS,
  signs:
    /^(check of \w+: damage|proof of \w+: (not shown|its header differs)|point of \w+ (red: [A-Z_,]+|amber: NOT_TRIED(_LATELY)?)|status of \w+: (damaged|red|light-lost|not-opened))$/,
  plant: async (world, machine) => {
    const { log } = machine;
    const { key, offsetBytes } = await oldestStoredBlock(world.vault, log, newestOf(log));
    await flip(world.bench.store, key, offsetBytes);
    // The next backup heals from the disk what the log calls damaged.
    return () => machine.readAll();
  },
};

/** The backup side's clock goes wrong. */
function clockOf(name: string, days: number): Loss {
  return {
    name,
    // A clock that was ahead made forecasts later. Put right, it brings them nearer again, which the custodians are told; and until the key side
    // believes that, points go before their time.
    echo: { signs: /^(alarm of \w+|proof of \w+: \d+ of \d+ points .*)$/, days: days > 0 ? 60 : 0 },
    signs:
      /^(point of \w+ amber: [A-Z_,]+|status of \w+: (date-doubtful|not-opened|overdue)|alarm of \w+|proof of \w+: \d+ of \d+ points .* are to go much sooner; .*)$/,
    plant: (world) => {
      const from = world.now;
      world.clocks.backupAhead = days;
      return Promise.resolve(async () => {
        world.clocks.backupAhead = 0;
        world.setClock();
        for (const machine of world.machines) {
          await machine.deletePoints((at) => isSince(world, at, from, days), "taken while the clock was wrong");
          await confirmClock(machine.log, world.now, signal);
        }
      });
    },
  };
}

/** Whether a point was taken while a clock was off by so many days. */
function isSince(world: YearWorld, at: Temporal.Instant, from: Temporal.Instant, days: number): boolean {
  const right = at.subtract({ hours: 24 * days });
  return Temporal.Instant.compare(right, from) > 0 && Temporal.Instant.compare(right, world.now) <= 0;
}

function newestOf({ fold }: Log): PointState {
  const point = newestLive(fold);
  if (point === null) throw new Error("a machine has a point");
  return point;
}

/** Changes an object behind the vault's back; null: it is gone. @returns puts it back */
async function changed(
  store: Store,
  key: ObjectKey,
  change: (bytes: Uint8Array) => Uint8Array | null,
): Promise<() => Promise<void>> {
  const bytes = await store.get(key, Number.MAX_SAFE_INTEGER, signal);
  if (bytes === null) throw new Error(`the vault has no ${key}`);
  const put = async (next: Uint8Array | null): Promise<void> => {
    await store.delete(key, signal);
    if (next !== null) await store.put(key, [next], {}, signal);
  };
  await put(change(bytes));
  return () => put(bytes);
}

/** What goes wrong with disks, the vault and the backup side. */
export const vaultLosses: readonly Loss[] = [
  headerDamaged,
  away,
  dataFlipped,
  putBack,
  clockOf("the clock of the backup side leaps a year ahead", 365),
  entryLost,
  bodyCut,
  clockOf("the clock of the backup side leaps a year back", -365),
];
