import type { ByteRange, DiskSource } from "#disk/contract.ts";
import { LockstepError } from "#errors/errors.ts";
import { backupDisk } from "#ops/backup/backup-disk.ts";
import type { BackedUpDisk, BackupDiskOptions, ChangeSource } from "#ops/backup/backup-disk.ts";
import { Lanes } from "#ops/lanes/lanes.ts";
import type { LaneOptions, SegmentSink } from "#ops/lanes/lanes.ts";
import { newestLive } from "#ops/points/newest-live.ts";
import { headerBytes, HEADERS_LIMIT_BYTES, readVolumes } from "#ops/volumes/stored-volumes.ts";
import type { CheckpointDisk, Consistency, PointDisk } from "#vault/entry/entry.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import type { Fold, PointState } from "#vault/fold/fold.ts";
import { DamagedBlocks } from "#vault/healing/damaged-blocks.ts";
import { healDisk } from "#vault/healing/heal.ts";
import type { Log } from "#vault/log/log.ts";
import { SegmentNames } from "#vault/log/session-names.ts";
import { appendInSession, openSession } from "#vault/log/session.ts";
import type { Session } from "#vault/log/session.ts";
import { newId } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import { storeBody } from "#vault/point-body.ts";
import type { BodyVolumes } from "#vault/point-body.ts";
import { rootFromText, rootToText } from "#vault/segments/pointer.ts";
import { DiskWriter } from "#vault/tree/disk-writer.ts";
import { NodeReader } from "#vault/tree/node-reader.ts";
import type { TreeShape } from "#vault/tree/tree-walk.ts";
import { segmentReader } from "#vault/vault.ts";
import type { Vault } from "#vault/vault.ts";

/** A disk of the machine, opened. */
export type BackupSource = {
  readonly definition: DiskDefinition;
  readonly source: DiskSource;
  /** How the disk is right now, as opening it showed: free, frozen, or in use. */
  readonly consistency: Consistency;
  /** Why it is torn, in words; null when it is not. */
  readonly torn: string | null;
  readonly changes: ChangeSource;
};

export type BackupOptions = {
  readonly lanes: LaneOptions;
  /** The point that lists of changes start from; null without such lists. */
  readonly changesSince: PointId | null;
  /** Takes a disk that is written to meanwhile, and calls the point torn. */
  readonly tornOk: boolean;
  readonly skipUnreadable: boolean;
  readonly checkpointEvery: { readonly minutes: number; readonly bytes: number };
  readonly progress: (bytes: number) => void;
};

export type BackupResult = {
  readonly point: PointState;
  /** Bytes of the tree and the blocks that were written to the store, second copies not counted. */
  readonly storedBytes: number;
  readonly resumed: boolean;
  readonly healedSlots: number;
  readonly unreadable: ReadonlyMap<string, readonly ByteRange[]>;
  /** Why disks are torn, in words, by their names. */
  readonly torn: ReadonlyMap<string, string>;
  readonly warnings: readonly string[];
  /** What the disks' volumes are, by the disks' names. */
  readonly volumes: ReadonlyMap<string, BodyVolumes>;
};

/** How far a disk has come. */
type DoneDisk = {
  readonly disk: PointDisk;
  readonly outcome: BackedUpDisk;
  readonly torn: string | null;
  readonly volumes: BodyVolumes;
};

/**
 * Takes a recovery point of a machine: all of its disks, as one.
 *
 * The order is the safety: blocks, tree nodes, the point's body, and last the log entry that names them. Until that entry
 * nothing refers to what was written; a later run of this adopts the latest checkpoint of one that died.
 *
 * @throws {LockstepError} DISK_IN_USE: a disk was written to before all were read; RANGES_WRONG_BASE; SESSION_FENCED: another
 *   backup of this machine began meanwhile; and what reading the disks and the store throws
 */
export async function backup(
  vault: Vault,
  log: Log,
  sources: readonly BackupSource[],
  options: BackupOptions,
  signal: AbortSignal,
): Promise<BackupResult> {
  await log.read(signal);
  const session = await openSession(log, "backup", { random: vault.random, choose: chooser(options) }, signal);
  if (session === null) throw new LockstepError("SESSION_FENCED", "The backup was not begun.");
  await using lanes = new Lanes(options.lanes);
  const names = new SegmentNames(session.id);
  const capturedAt = vault.now();
  const done: DoneDisk[] = [];
  const warnings: string[] = [];
  let storedBytes = 0;
  let healedSlots = 0;
  for (const item of sources) {
    const headersLeft = HEADERS_LIMIT_BYTES - done.reduce((sum, { volumes }) => sum + headerBytes(volumes), 0);
    const context = { vault, log, session, lanes, names, headersLeft, done: done.map(({ disk }) => disk) };
    const { result, stored, healing } = await backupOne(context, item, options, signal);
    done.push(result);
    storedBytes += stored + healing.storedBytes;
    healedSlots += healing.healedSlots;
    warnings.push(...healing.warnings);
  }
  const whole = sources.length === 1 ? done : await lookAgain(sources, done, options, signal);
  const point = await commit({ vault, log, session }, sources, whole, { capturedAt, storedBytes }, signal);
  const unreadable = new Map(done.map(({ disk, outcome }) => [disk.name, outcome.unreadable]));
  const volumes = new Map(done.map(({ disk, volumes: found }) => [disk.name, found]));
  const torn = new Map(whole.flatMap(({ disk, torn: why }) => (why === null ? [] : [[disk.name, why] as const])));
  const resumed = session.adopted.length > 0;
  return { point, storedBytes, resumed, healedSlots, unreadable, torn, warnings, volumes };
}

/** The newest live point is the base; lists of changes must start from it, and then nothing is adopted. */
function chooser({ changesSince }: BackupOptions): (fold: Fold) => { base: PointId | null; adopt: boolean } {
  return (fold) => {
    const base = newestLive(fold)?.point ?? null;
    if (changesSince !== null && changesSince !== base) {
      throw new LockstepError(
        "RANGES_WRONG_BASE",
        `The list of changes starts from point ${changesSince}, the newest is ${base ?? "none"}.`,
        {
          hint: "Make a list that starts from the newest point, or back up without one: a scan finds all changes.",
        },
      );
    }
    return { base, adopt: changesSince === null };
  };
}

type Context = {
  readonly vault: Vault;
  readonly log: Log;
  readonly session: Session;
  readonly lanes: Lanes;
  readonly names: SegmentNames;
  /** Bytes of headers that the point's body still has room for. */
  readonly headersLeft: number;
  readonly done: readonly PointDisk[];
};

/** Takes one disk into the point: its blocks, its tree, the headers of its volumes, and what of the vault it heals. */
async function backupOne(
  context: Context,
  { definition, source, changes, torn }: BackupSource,
  options: BackupOptions,
  signal: AbortSignal,
): Promise<{ result: DoneDisk; stored: number; healing: Awaited<ReturnType<typeof healDisk>> }> {
  const { vault, log, session, lanes } = context;
  const { id, blockBytes, name } = definition;
  const { sizeBytes } = source;
  const baseDisk = session.base?.disks.find(({ disk }) => disk === id);
  const start = session.adopted.find(({ disk }) => disk === id) ?? baseDisk;
  if (changes.kind === "ranges" && start === undefined) {
    throw new LockstepError(
      "RANGES_WRONG_BASE",
      `Disk ${name}: the list of changes starts from a point that does not have this disk.`,
    );
  }
  const base = shapeOf(start, blockBytes);
  const nodes = new NodeReader(segmentReader(vault, log, null), vault.keyring.keys, id);
  const writer = await openWriter(context, { definition, source, changes }, { base, nodes }, signal);

  const capturedFrom = vault.now();
  const looking = readVolumes(source, context.headersLeft, signal); // while the blocks are read: it takes little of the disk, and no lane
  looking.catch(() => undefined); // it is awaited below; until then a failure is not unhandled
  const healable = new DamagedBlocks(id, log.fold.damaged);
  const outcome = await backupDisk(
    { source, writer, nodes, lanes, blockBytes },
    {
      base,
      changes,
      healable,
      skipUnreadable: options.skipUnreadable,
      progress: options.progress,
      ...checkpoints(context, { disk: id, sizeBytes, writer }, options.checkpointEvery, signal),
    },
    signal,
  );
  const root = await flushed(lanes, writer);
  const written = await source.writtenSince(signal);
  if (written !== null && !options.tornOk) throw inUse(source.path, written);
  const readBlock = async (block: number): Promise<Uint8Array> => {
    const content = new Uint8Array(Math.min(blockBytes, sizeBytes - block * blockBytes));
    await source.read(block * blockBytes, content, signal);
    return content;
  };
  const healing = await healDisk(context, id, healable, readBlock, signal);
  const kept = changes.kind === "scan" ? 0 : (baseDisk?.dataBytes ?? 0) - outcome.baseDataBytes;
  const volumes = await looking;
  const disk: PointDisk = {
    disk: id,
    name,
    sizeBytes,
    root,
    capturedFrom: capturedFrom.toString(),
    capturedTo: vault.now().toString(),
    dataBytes: kept + outcome.dataBytes,
  };
  return { result: { disk, outcome, torn: torn ?? written, volumes }, stored: writer.storedBytes, healing };
}

/** Opens the writer of a disk, and has the lanes fill its segments. */
async function openWriter(
  { vault, log, lanes, names }: Context,
  { definition, source, changes }: Pick<BackupSource, "definition" | "source" | "changes">,
  { base, nodes }: { readonly base: TreeShape; readonly nodes: NodeReader },
  signal: AbortSignal,
): Promise<DiskWriter> {
  const { id: disk, blockBytes } = definition;
  const { keys } = vault.keyring;
  const blocks = Math.ceil(source.sizeBytes / blockBytes);
  const deps = { ...vault, keys, machine: log.machine, names, nodes };
  const writer = await DiskWriter.open(deps, { disk, base, blocks, replacesDamage: changes.kind === "scan" }, signal);
  const sink: SegmentSink = {
    newSegment: () => writer.newSegment(),
    store: (grant, pieces) => writer.storeData(grant, pieces, signal),
  };
  lanes.begin({ blockBytes, fingerprintKey: fingerprintKey(keys, disk) }, sink);
  return writer;
}

/** Stores what the lanes and the tree still hold. @returns the tree's root as entries of the log name it */
async function flushed(lanes: Lanes, writer: DiskWriter): Promise<string | null> {
  await lanes.flush();
  return rootToText(await writer.flushTree());
}

/** Checkpoints of a disk: after so many bytes or minutes. The first minutes count from now. */
function checkpoints(
  context: Context,
  { disk, sizeBytes, writer }: Pick<CheckpointDisk, "disk" | "sizeBytes"> & { readonly writer: DiskWriter },
  { minutes, bytes }: BackupOptions["checkpointEvery"],
  signal: AbortSignal,
): Pick<BackupDiskOptions, "checkpointDue" | "checkpoint"> {
  const { vault, lanes } = context;
  let lastAt = vault.now();
  return {
    checkpointDue: (passedBytes) => passedBytes >= bytes || vault.now().since(lastAt).total("minutes") >= minutes,
    checkpoint: async () => {
      const root = await flushed(lanes, writer);
      await logCheckpoint(context, { disk, sizeBytes, root }, signal);
      lastAt = vault.now();
    },
  };
}

/** Asks of each disk once more, when the last one is read: a write to one before that is of another instant than the point. */
async function lookAgain(
  sources: readonly BackupSource[],
  done: readonly DoneDisk[],
  { tornOk }: BackupOptions,
  signal: AbortSignal,
): Promise<readonly DoneDisk[]> {
  const looked: DoneDisk[] = [];
  for (const [index, disk] of done.entries()) {
    const source = sources[index]?.source;
    const written = (await source?.writtenSince(signal)) ?? null;
    if (source !== undefined && written !== null && !tornOk) throw inUse(source.path, written);
    looked.push({ ...disk, torn: disk.torn ?? written });
  }
  return looked;
}

function shapeOf(from: { sizeBytes: number; root: string | null } | undefined, blockBytes: number): TreeShape {
  if (from === undefined) return { root: null, blocks: 1 };
  return { root: rootFromText(from.root), blocks: Math.ceil(from.sizeBytes / blockBytes) };
}

/** Logs how far the session has come: the disks that are done, and the current one. */
async function logCheckpoint(
  { log, session, done }: Pick<Context, "log" | "session" | "done">,
  current: CheckpointDisk,
  signal: AbortSignal,
): Promise<void> {
  const disks = [...done.map(({ disk, sizeBytes, root }) => ({ disk, sizeBytes, root })), current];
  await appendInSession(log, session, () => ({ type: "checkpoint", session: session.id, disks }), signal);
}

async function commit(
  { vault, log, session }: Pick<Context, "vault" | "log" | "session">,
  sources: readonly BackupSource[],
  done: readonly DoneDisk[],
  { capturedAt, storedBytes }: { capturedAt: Temporal.Instant; storedBytes: number },
  signal: AbortSignal,
): Promise<PointState> {
  const point = newId<PointId>(vault.random);
  const sum = (count: (outcome: BackedUpDisk) => number): number =>
    done.reduce((total, { outcome }) => total + count(outcome), 0);
  const disks = done.map(({ disk, outcome, torn, volumes }, index) => ({
    disk: disk.disk,
    changes: sources[index]?.changes.kind ?? "scan",
    unreadable: outcome.unreadable.map(({ offsetBytes, lengthBytes }): [number, number] => [offsetBytes, lengthBytes]),
    torn,
    volumes,
  }));
  const body = { point, machine: log.fold.machine, disks };
  const sha256 = await storeBody(vault, log.machine, session.id, body, signal);
  const torn = done.some((disk) => disk.torn !== null);
  const appended = await appendInSession(
    log,
    session,
    () => ({
      type: "point",
      session: session.id,
      point,
      capturedAt: capturedAt.toString(),
      consistency: torn ? "torn" : weakest(sources),
      base: session.base?.point ?? null,
      disks: done.map(({ disk }) => disk),
      body: { sha256 },
      readBytes: sum(({ readBytes }) => readBytes),
      newBytes: sum(({ newBytes }) => newBytes),
      storedBytes,
      unreadableBytes: sum(({ unreadable }) => unreadable.reduce((bytes, range) => bytes + range.lengthBytes, 0)),
    }),
    signal,
  );
  const state = appended?.fold.points.get(point);
  if (state === undefined) throw new LockstepError("SESSION_FENCED", `Point ${point} did not get into the log.`);
  return state;
}

const strength = ["torn", "crash", "application", "offline"] as const satisfies readonly Consistency[];

function weakest(sources: readonly BackupSource[]): Consistency {
  return strength.find((kind) => sources.some(({ consistency }) => consistency === kind)) ?? "offline";
}

function inUse(path: string, written: string): LockstepError {
  return new LockstepError("DISK_IN_USE", `${path} was written to during the backup: ${written}. No point was made.`, {
    hint: "Shut the machine down, or use --snapshot where the file system can; --torn-ok takes it as it is, and marks the point as torn.",
  });
}
