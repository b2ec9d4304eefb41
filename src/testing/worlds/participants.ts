import type { ErrorCode } from "#errors/errors.ts";
import { backup } from "#ops/backup/backup.ts";
import { check } from "#ops/check/check.ts";
import type { CheckResult } from "#ops/check/check.ts";
import { deletePoint, undeletePoint } from "#ops/points/delete-points.ts";
import { prune } from "#ops/prune/prune.ts";
import type { PruneResult } from "#ops/prune/prune.ts";
import { rekey } from "#ops/unlock/rekey.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import { keyringDeps } from "#testing/vaults/keyring-deps.ts";
import {
  backUp,
  BENCH_BLOCK_BYTES as BLOCK,
  benchBackupOptions,
  benchSource,
  readBack,
} from "#testing/vaults/vault-bench.ts";
import { wayOf } from "#testing/worlds/shared-world.ts";
import type { Client, SharedWorld, WorldCopy } from "#testing/worlds/shared-world.ts";
import { listWays } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { PointId } from "#vault/object/ids.ts";
import { openMachine } from "#vault/vault.ts";

/** What somebody was told when the work was done. */
export type Answer = {
  readonly committed?: { readonly point: PointId; readonly content: Uint8Array };
  readonly deleted?: PointId;
  readonly undeleted?: PointId;
  readonly restored?: { readonly point: PointId; readonly bytes: Uint8Array };
  readonly pruned?: PruneResult;
  readonly checked?: CheckResult;
  readonly ways?: { readonly added: readonly string[]; readonly removed: readonly string[] };
};

/** Somebody who works in a world at the same time as others. */
export type Participant = {
  readonly name: string;
  /** What may be said instead of an answer, because others were faster. */
  readonly refusals: readonly ErrorCode[];
  readonly run: (client: Client, copy: WorldCopy) => Promise<Answer>;
  /** What the point holds that it may leave in the log without having said so. */
  readonly contentOf?: (copy: WorldCopy) => Uint8Array;
  /** Whether damage in a point that it reads ends it. */
  readonly stopsAtDamage?: boolean;
  /** Whether it may leave a purge in the log without having said so. */
  readonly purges?: boolean;
};

/** Names a point of a world: whose deletion is due, which the rule lets go, or the newest. */
export type PointName = "gone" | "old" | "newest";

const { signal } = new AbortController();
const quiet = { progress: () => undefined };
const names = ["gone", "old", "newest"] as const satisfies readonly PointName[];

export function pointOf({ points }: SharedWorld, name: PointName): PointId {
  const point = points[names.indexOf(name)];
  if (point === undefined) throw new Error(`a world has no point ${name}`);
  return point;
}

/** A backup of the disk, which has new content in the blocks given. It logs a checkpoint after each stretch. */
function backupOf(name: string, ...blocks: readonly number[]): Participant {
  return {
    name,
    refusals: ["SESSION_FENCED"],
    run: async ({ vault, log }, copy) => {
      const disk = copy.disk(...blocks);
      const checkpointEvery = { minutes: 0, bytes: 0 };
      const { point } = await backUp(vault, log, copy.world.definition, disk, { checkpointEvery });
      return { committed: { point: point.point, content: disk.bytes } };
    },
    contentOf: (copy) => copy.disk(...blocks).bytes,
  };
}

/** A backup by a list of changes, which takes nothing over from the one that crashed. */
export const aBackupByList: Participant = {
  name: "backup by a list",
  refusals: ["SESSION_FENCED", "RANGES_WRONG_BASE"],
  run: async ({ vault, log }, copy) => {
    const disk = copy.disk(3);
    const { definition } = copy.world;
    const ranges = [2, 3, 35].map((block) => ({ offsetBytes: block * BLOCK, lengthBytes: BLOCK }));
    const source = benchSource(definition, disk, { changes: { kind: "ranges", ranges } });
    const options = { ...benchBackupOptions, changesSince: pointOf(copy.world, "newest") };
    const { point } = await backup(vault, log, [source], options, signal);
    return { committed: { point: point.point, content: disk.bytes } };
  },
  contentOf: (copy) => copy.disk(3).bytes,
};

export const aBackup = backupOf("backup", 3, 32);
export const anotherBackup = backupOf("second backup", 4, 5);

function pruneOf(name: string, closeStalled: boolean): Participant {
  return {
    name,
    refusals: ["SESSION_FENCED"],
    purges: true,
    run: async ({ vault, log }) => ({
      pruned: await prune(vault, log, { dryRun: false, closeStalled, ...quiet }, signal),
    }),
  };
}

export const aPrune = pruneOf("prune", false);

/** A prune by a person who knows that no backup is running. */
export const aClosingPrune = pruneOf("closing prune", true);

export const aCheck: Participant = {
  name: "check",
  refusals: [],
  run: async ({ vault, log }) => {
    const options = { point: null, readData: { part: 1, of: 1 }, record: true, repair: true, ...quiet };
    return { checked: await check(vault, log, options, signal) };
  },
};

export const aRekey: Participant = {
  name: "rekey",
  refusals: ["SESSION_FENCED"],
  run: async ({ vault, log }) => {
    await rekey(vault, log, quiet, signal);
    return {};
  },
};

export function deleteOf(name: PointName): Participant {
  return {
    name: `delete of ${name}`,
    refusals: ["POINT_GONE"],
    run: async ({ log }, { world }) => {
      const { point } = await deletePoint(log, pointOf(world, name), "asked for", signal);
      return { deleted: point.point };
    },
  };
}

export function undeleteOf(name: PointName): Participant {
  return {
    name: `undelete of ${name}`,
    refusals: ["POINT_GONE"],
    run: async ({ log }, { world }) => {
      const { point } = await undeletePoint(log, pointOf(world, name), signal);
      return { undeleted: point.point };
    },
  };
}

/** Takes the deletion of a point back, and deletes it anew. */
export function redeleteOf(name: PointName): Participant {
  return {
    name: `undelete and delete of ${name}`,
    refusals: ["POINT_GONE"],
    run: async (client, copy) => {
      await undeleteOf(name).run(client, copy);
      return await deleteOf(name).run(client, copy);
    },
  };
}

export function restoreOf(name: PointName): Participant {
  return {
    name: `restore of ${name}`,
    refusals: ["POINT_GONE"],
    stopsAtDamage: true,
    run: async ({ vault, log }, { world }) => {
      const point = pointOf(world, name);
      const state = log.fold.points.get(point);
      if (state === undefined) throw new Error(`the world has no point ${name}`);
      const { bytes } = await readBack(vault, log, state, world.definition);
      return { restored: { point, bytes } };
    },
  };
}

/** Adds the unlock way "third". */
export const aNewWay: Participant = {
  name: "unlock add",
  refusals: [],
  run: async ({ vault, log, opened }, copy) => {
    await addUnlockWay(keyringOf(opened, vault.store, copy), [log], wayOf("third"), signal);
    return { ways: { added: ["third"], removed: [] } };
  },
};

/** Removes the unlock way "other", which starts a new data key. */
export const aRemovedWay: Participant = {
  name: "unlock remove",
  refusals: ["NAME_UNKNOWN"],
  run: async (client, copy) => {
    await removeOther(client, copy);
    return { ways: { added: [], removed: ["other"] } };
  },
};

/** Removes the unlock way "other", and seals everything with the new data key. */
export const aRemovedWayAndRekey: Participant = {
  name: "unlock remove and rekey",
  refusals: ["NAME_UNKNOWN", "SESSION_FENCED"],
  run: async (client, copy) => {
    const opened = await removeOther(client, copy);
    const vault = { ...client.vault, keyring: logKeyring(client.vault.store, opened) };
    await rekey(vault, await openMachine(vault, copy.world.machine, null, signal), quiet, signal);
    return { ways: { added: [], removed: ["other"] } };
  },
};

async function removeOther({ vault, log, opened }: Client, copy: WorldCopy): Promise<OpenedKeyring> {
  const keyring = keyringOf(opened, vault.store, copy);
  const way = listWays(keyring.opened).find(({ label }) => label === "other");
  if (way === undefined) return keyring.opened; // somebody else removed it
  return (await removeUnlockWay(keyring, [log], way, signal)).keyring;
}

function keyringOf(opened: OpenedKeyring | null, store: Client["vault"]["store"], { now }: WorldCopy) {
  if (opened === null) throw new Error("the world has a keyring that is made by hand");
  return { store, opened, deps: { ...keyringDeps(now.toString()), now: () => now } };
}
