import { writeFileSync } from "node:fs";
import process from "node:process";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { backup } from "#ops/backup/backup.ts";
import type { BackupOptions, BackupSource } from "#ops/backup/backup.ts";
import { deletePoint } from "#ops/points/delete-points.ts";
import { prune } from "#ops/prune/prune.ts";
import { createDirectoryRoot } from "#store/directory-root.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { memoryDisk } from "#testing/disks/memory-disk.ts";
import type { MemoryDisk } from "#testing/disks/memory-disk.ts";
import { seededRandom } from "#testing/random.ts";
import { keyringDeps, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { benchBackupOptions, benchSource } from "#testing/vaults/vault-bench.ts";
import type { EntryDraft } from "#vault/entry/entry.ts";
import type { DiskDefinition } from "#vault/entry/machine-definition.ts";
import { newFileKey, writeKeyFile } from "#vault/keyring/key-file.ts";
import { addWay, createVault, removeWay } from "#vault/keyring/keyring-change.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { logKeyring } from "#vault/keyring/log-keyring.ts";
import type { Log } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { putSummary } from "#vault/log/summary.ts";
import { firstGeneration, newId, segmentId } from "#vault/object/ids.ts";
import type { DiskId, PointId } from "#vault/object/ids.ts";
import type { Vault } from "#vault/vault.ts";

const BLOCK = 4096;

/** The passphrase of the vault's other unlock way. */
export const PASSPHRASE = "correct horse";

/** SHA-256 of every disk of every point, by the point's id and the disk's name: as `reader.py digests` shows them. */
export type Digests = Readonly<Record<string, Readonly<Record<string, string>>>>;

/**
 * Makes a small vault that has one of everything that format version 1 knows: two machines, a disk that grew and one that
 * shrank, points that are deleted, purged, torn and incomplete, healed and collected segments, packed blocks, sessions
 * that died, an adopted checkpoint, a doubted clock, summaries, two data keys, a removed unlock way, second copies, verdicts and
 * receipts of a key side, checks.
 *
 * @param folder   absent or empty; becomes the vault
 * @param keyFile  absent; becomes the key file that opens it
 * @param seed     the same one gives the same disks, ids and keys
 * @returns        what must come out of it again: every point that is not purged
 */
export async function makeVault(folder: string, keyFile: string, seed: string): Promise<Digests> {
  const { signal } = new AbortController();
  await createDirectoryRoot(folder, {}, signal);
  await using store = await openDirectoryStore(folder, {}, signal);
  const maker = await Maker.begin(store, keyFile, seed);
  await maker.web01();
  await maker.db01();
  return maker.digests;
}

class Maker {
  readonly digests: Record<string, Record<string, string>> = {};
  readonly signal = new AbortController().signal;
  readonly random;
  #now = Temporal.Instant.from("2026-11-23T14:05:00Z");
  #opened: OpenedKeyring;
  vault: Vault;

  private constructor(store: Vault["store"], opened: OpenedKeyring, seed: string) {
    this.random = seededRandom(seed);
    this.#opened = opened;
    this.vault = {
      store,
      keyring: logKeyring(store, opened),
      now: () => this.#now,
      random: this.random,
      retry: { attempts: 2, delayMs: () => 0, sleep: () => Promise.resolve() },
      host: "backup01",
      program: "0.1.0",
    };
  }

  static async begin(store: Vault["store"], keyFile: string, seed: string): Promise<Maker> {
    const deps = keyringDeps(`${seed} keyring`);
    const key = newFileKey(deps.random);
    writeFileSync(keyFile, writeKeyFile(key, ["Opens a vault that the tests keep."]), { mode: 0o600, flag: "wx" });
    const ways = [
      { label: "host", secret: { kind: "keyfile", key } as const },
      { label: "Anna", secret: passphraseOf(PASSPHRASE) },
    ];
    const { signal } = new AbortController();
    return new Maker(store, await createVault(store, { ways }, deps, signal), seed);
  }

  async web01(): Promise<void> {
    const sda = this.#disk("sda", 14 * BLOCK + 1000);
    const sdb = this.#disk("sdb", 5 * BLOCK);
    const log = await this.#machine("web01", [sda, sdb]);
    const root = Buffer.concat([text(4), this.random(8 * BLOCK), new Uint8Array(2 * BLOCK), this.random(1000)]);
    const data = Buffer.concat([text(2), this.random(BLOCK), new Uint8Array(2 * BLOCK)]);
    const first = await this.#backUp(log, [
      [sda, memoryDisk(root)],
      [sdb, memoryDisk(data)],
    ]);

    // Most of the first segment changes, and a disk refuses two sectors.
    this.#pass({ hours: 1 });
    root.set(text(3).reverse(), 0);
    root.set(text(7).reverse(), 4 * BLOCK);
    const refused = { offsetBytes: BLOCK + 512, lengthBytes: 1024 };
    data.fill(0, refused.offsetBytes, refused.offsetBytes + refused.lengthBytes);
    const failing = memoryDisk(data, { unreadable: [refused] });
    await this.#backUp(
      log,
      [
        [sda, memoryDisk(root)],
        [sdb, failing],
      ],
      { skipUnreadable: true },
    );

    // A second data key; one disk grows to a tree of three levels, the other shrinks while somebody writes to it.
    await this.#dropWay(log);
    this.#pass({ hours: 1 });
    const grown = Buffer.alloc(1100 * BLOCK + 17);
    grown.set(root);
    grown.set(this.random(17), 1100 * BLOCK);
    const written = memoryDisk(data.subarray(0, 2 * BLOCK + 77));
    written.written = "its write counter moved";
    const third = await this.#backUp(
      log,
      [
        [sda, memoryDisk(grown)],
        [sdb, written],
      ],
      { tornOk: true },
    );

    // The first point goes for good; what is left of its segment gets a new generation. Nine days without an entry are
    // no reason to doubt the clock.
    await deletePoint(log, first, "made by mistake", this.signal);
    for (const hours of [9 * 24, 6 * 24]) {
      this.#pass({ hours });
      await this.#note(log);
    }
    await prune(this.vault, log, { dryRun: false, closeStalled: false, progress: () => undefined }, this.signal);
    if (log.fold.points.has(first) || log.fold.generations.size === 0) raise("nothing was purged or collected");
    delete this.digests[first];

    await this.#prove(log, third);

    // Deleted, and not purged yet: it still reads.
    await deletePoint(log, third, "is torn", this.signal);
    await this.#summarize(log);
    await this.#backUp(log, [[sda, memoryDisk(grown)]]);
  }

  async db01(): Promise<void> {
    const vda = this.#disk("vda", 6 * BLOCK);
    const log = await this.#machine("db01", [vda]);
    const content = Buffer.concat([text(4), this.random(2 * BLOCK)]);

    // A backup dies after its first checkpoint; the next one adopts it.
    await this.#die(log, vda, content);
    this.#pass({ hours: 2 });
    const point = await this.#backUp(log, [[vda, memoryDisk(content)]]);

    // A block is found damaged; the next backup still has it, and heals it.
    const damaged = segmentId(log.fold.points.get(point)?.session ?? raise("db01 has no point"), 0);
    const item = { kind: "data", segment: damaged, generation: firstGeneration, slots: [[0, 1]] } as const;
    await log.append(() => ({ type: "damaged", disk: vda.id, items: [item] }), this.signal);
    await this.#summarize(log);
    this.#pass({ hours: 1 });
    await this.#backUp(log, [[vda, memoryDisk(content)]]);
    if (log.fold.damaged.size > 0) raise("nothing was healed");

    // A clock that is eleven days ahead is doubted, until a person confirms it.
    this.#pass({ hours: 11 * 24 });
    content.set(text(1).reverse(), 4 * BLOCK);
    await this.#backUp(log, [[vda, memoryDisk(content)]]);
    await this.#summarize(log);
    await log.append(() => ({ type: "clock", confirmedAt: this.#now.toString() }), this.signal);

    // The last backup died too, and no other one followed.
    content.set(text(2).reverse(), 0);
    await this.#die(log, vda, content);
    await log.read(this.signal);
    await this.#summarize(log);
  }

  /** What a key side says of a point, twice, and a check of all that finds the other one damaged. */
  async #prove(log: Log, point: PointId): Promise<void> {
    const [disk] = log.fold.points.get(point)?.disks ?? raise("there is no point");
    if (disk === undefined) raise("the point has no disk");
    const hash = (): string => hex(this.random(32));
    const at = this.#now.toString();
    const signature = Buffer.from(this.random(64)).toString("base64");
    const [identity, headerDigest, protectors] = [hash(), hash(), [hash(), hash()]];
    const encrypted = [{ name: "2", format: "luks2", identity, headerDigest, protectors }] as const;
    const stated = { point, disk: disk.disk, volume: "2", unproven: false, signed: '{"format":1}', signature };
    const opens = { ...stated, verdict: "opens", version: "web01/v1", at, derivedAt: at };
    const rejected = { ...stated, verdict: "rejected", version: null, at, derivedAt: null };
    const receipt = { store: hex(this.random(16)), epoch: 1, at, auditSeq: 7, auditHash: hash(), copy: 2, signature };
    const signingKey = Buffer.from(this.random(32)).toString("base64");
    const keyStore = { store: receipt.store, signingKey, proofDays: 7 };
    const hurt = [...log.fold.points.keys()].filter((each) => each !== point);
    const disks = [{ disk: disk.disk, encrypted, unknown: ["3"] }];
    const drafts: readonly EntryDraft[] = [
      { type: "volumes", compatible: true, items: [{ point, disks }] },
      { type: "keystore", compatible: true, ...keyStore },
      { type: "verdict", compatible: true, items: [opens] },
      { type: "keystore", compatible: true, ...keyStore, store: hex(this.random(16)) },
      { type: "receipt", compatible: true, receipt },
      { type: "verdict", compatible: true, items: [rejected] },
      { type: "checked", compatible: true, points: null, upTo: log.fold.seq, part: [1, 2], startedAt: at, hurt },
      { type: "checked", compatible: true, points: [point], upTo: log.fold.seq, part: [1, 1], startedAt: at, hurt: [] },
    ];
    for (const draft of drafts) await log.append(() => draft, this.signal);
  }

  /** Writes the fold as a summary. */
  #summarize(log: Log): Promise<void> {
    const { store, keyring } = this.vault;
    return putSummary({ store, keys: keyring.keys, machine: log.machine }, log.fold, this.random, this.signal);
  }

  #pass(time: Temporal.DurationLike): void {
    this.#now = this.#now.add(time);
  }

  #disk(name: string, sizeBytes: number): DiskDefinition {
    return {
      id: newId<DiskId>(this.random),
      name,
      path: `/images/${name}.raw`,
      host: this.vault.host,
      blockBytes: BLOCK,
      identity: { kind: "file", stableId: null, sizeBytes, layoutHash: null },
      addedAt: this.#now.toString(),
    };
  }

  #machine(name: string, disks: readonly DiskDefinition[]): Promise<Log> {
    const more = { keep: "", everyHours: 24, timeZone: "Europe/Vienna", protected: true };
    return createMachine(this.vault, { name, disks, ...more }, this.signal);
  }

  /** An entry that only says what time it is. */
  async #note(log: Log): Promise<void> {
    const { machine } = log.fold;
    await log.append(() => ({ type: "machine", machine }), this.signal);
  }

  /** Takes a point, and writes down what must come out of it. */
  async #backUp(
    log: Log,
    disks: readonly (readonly [DiskDefinition, MemoryDisk])[],
    more: Partial<BackupOptions> = {},
  ): Promise<PointId> {
    const sources: BackupSource[] = disks.map(([definition, disk]) => benchSource(definition, disk));
    const { point } = await backup(this.vault, log, sources, { ...benchBackupOptions, ...more }, this.signal);
    this.digests[point.point] = Object.fromEntries(disks.map(([{ name }, { bytes }]) => [name, hex(sha256(bytes))]));
    return point.point;
  }

  /** A backup that writes one checkpoint and then cannot read on. */
  async #die(log: Log, definition: DiskDefinition, content: Uint8Array): Promise<void> {
    const half = content.length / 2;
    const dying = memoryDisk(content, { unreadable: [{ offsetBytes: content.length - BLOCK, lengthBytes: BLOCK }] });
    const inHalves = {
      ...dying,
      async *dataRanges() {
        yield { offsetBytes: 0, lengthBytes: half - 1 };
        yield { offsetBytes: half, lengthBytes: half };
      },
    };
    const options = { ...benchBackupOptions, checkpointEvery: { minutes: 60, bytes: 1 } };
    await backup(this.vault, log, [benchSource(definition, inHalves)], options, this.signal).then(
      () => raise("the backup should have died"),
      () => undefined,
    );
  }

  /** Adds an unlock way and takes it away again, which begins a second data key; the log hears of both. */
  async #dropWay(log: Log): Promise<void> {
    const deps = keyringDeps(hex(this.random(16)));
    const { store } = this.vault;
    const way = { label: "left the firm", secret: { kind: "keyfile", key: new Secret(this.random(32)) } as const };
    const added = await addWay(store, this.#opened, way, deps, this.signal);
    const id = added.keyring.ways.at(-1)?.id ?? raise("the way was not added");
    this.#opened = await removeWay(store, added, id, deps, this.signal);
    this.vault = { ...this.vault, keyring: logKeyring(store, this.#opened) };
    const { generation, hash } = this.#opened.keys.keyring;
    await log.append(() => ({ type: "keyring", generation, hash }), this.signal);
  }
}

/** Blocks that pack well. */
function text(blocks: number): Uint8Array {
  const lines = Array.from({ length: blocks * 256 }, (_, i) => `line ${String(i).padStart(9, "0")}\n`.padStart(16));
  return utf8(lines.join("")).subarray(0, blocks * BLOCK);
}

function raise(message: string): never {
  throw new Error(message);
}

/** `node e2e/format/make-vault.ts PATH`: makes the vault PATH, its key file PATH.key, and PATH.json, what is in it. */
if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (path === undefined) raise("usage: make-vault.ts PATH");
  const digests = await makeVault(path, `${path}.key`, "vault-v1");
  writeFileSync(`${path}.json`, `${JSON.stringify(digests, null, 2)}\n`, { flag: "wx" });
}
