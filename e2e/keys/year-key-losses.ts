import { versionName } from "#keys/versions/versions.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";

import type { Loss } from "./year-losses.ts";

const disabled: Loss = {
  name: "a version is disabled in the database, behind the key side's back",
  signs: /^(point of \w+ red: VERSION_UNUSABLE|status of \w+: (red|light-lost))$/,
  plant: (world, { name }) => {
    const set = (enabled: number): void => {
      const update = world.keySide.store.db.prepare("UPDATE versions SET enabled = ? WHERE id = ?");
      update.run(enabled, world.currentVersion(name).id);
    };
    set(0);
    return Promise.resolve(() => Promise.resolve(set(1)));
  },
};

const valueLost: Loss = {
  name: "the value of a version is overwritten",
  losesValue: true,
  signs: /^(point of \w+ red: VERSION_UNUSABLE|status of \w+: (red|light-lost))$/,
  plant: async (world, { name, guest }) => {
    const { keySide } = world;
    const { db } = keySide.store;
    const version = world.currentVersion(name);
    const asked = { version: versionName(version), reason: "for the safe" };
    const { value } = await keySide.as("custodian", "key.reveal", asked);
    const row = db.prepare("SELECT value FROM versions WHERE id = ?").get(version.id);
    const wrapped = row?.["value"] as Uint8Array;
    const damaged = wrapped.with(-1, (wrapped.at(-1) ?? 0) ^ 1);
    db.prepare("UPDATE versions SET value = ? WHERE id = ?").run(damaged, version.id);
    return async () => {
      const header = await presentedOf(guest.image());
      await keySide.as("custodian", "key.heal", { version: asked.version, value, header });
    };
  },
};

const sealed: Loss = {
  name: "the key store is sealed",
  signs: /^(proof of \w+: KEY_STORE_SEALED|point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened)$/,
  plant: (world) => {
    world.keySide.store.seal();
    return Promise.resolve(() => world.keySide.restart({ unsealed: true }));
  },
};

const putBack: Loss = {
  name: "the key store is put back to how it was a day ago",
  signs:
    /^(proof of \w+: (the key store (is (older|another one) than|releases and destroys nothing: it was put back) .*|KEY_STORE_FROZEN)|copying the key store failed: KEY_STORE_FROZEN)$/,
  plant: async (world) => {
    const back = world.keySide.keep();
    await world.passQuietDay();
    return back();
  },
};

const putBackAndGrown: Loss = {
  name: "the key store is put back to how it was a day ago, and much happens in it before a vault hears of it",
  signs: putBack.signs,
  plant: async (world, { name }) => {
    const back = world.keySide.keep();
    await world.passQuietDay();
    const undo = await back();
    const version = versionName(world.currentVersion(name));
    for (let entry = 0; entry < 100; entry++) {
      await world.keySide.as("custodian", "key.set", { version, note: `note ${entry}` });
    }
    return undo;
  },
};

/** The key side's clock goes wrong; while it is, a custodian tries to destroy whatever he may. */
function clockOf(name: string, days: number, signs: RegExp): Loss {
  return {
    name,
    signs,
    plant: (world) => {
      world.clocks.keysAhead = days;
      return Promise.resolve(async () => {
        await world.cleanUp();
        world.clocks.keysAhead = 0;
      });
    },
  };
}

const clockAhead = clockOf(
  "the clock of the key side leaps a year ahead",
  365,
  /^(point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened)$/,
);

/**
 * By a clock that was put back no forecast has passed: what a keep rule lets go then goes before its time, and where much goes on one day that
 * is an alarm, and rightly so. The key side has nothing better to go by: what else it hears of the time comes from whoever reports, and the
 * latest that its own clock ever said would hide real losses for as long as it was once ahead. An alarm too many costs a look. Once the clock is
 * right none is raised anew.
 */
const clockBack = clockOf(
  "the clock of the key side leaps a year back",
  -365,
  /^(point of \w+ amber: NOT_TRIED(_LATELY)?|status of \w+: not-opened|alarm of \w+|proof of \w+: \d+ of \d+ points .* are missing from this one, .*)$/,
);

const takenOver: Loss = {
  name: "a backup side that was taken over says that it has no points",
  signs: /^(alarm of \w+|proof of \w+: (\d+) of \2 points that the last reports had are missing from this one, .*)$/,
  plant: (world, machine) => {
    machine.asking = (client) => ({
      call: (name, input, signal) =>
        client.call(name, name === "point.report" ? { ...input, points: [] } : input, signal),
    });
    return Promise.resolve(async () => {
      await world.cleanUp();
      machine.asking = (client) => client;
    });
  },
};

/** What goes wrong with keys and their side. */
export const keyLosses: readonly Loss[] = [
  disabled,
  sealed,
  valueLost,
  putBack,
  clockAhead,
  putBackAndGrown,
  clockBack,
  takenOver,
];
