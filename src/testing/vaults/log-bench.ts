import assert from "node:assert/strict";

import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import type { Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { testKeys } from "#testing/vaults/vault-keys.ts";
import type { EntryDraft, LoggedVerdict, Receipt } from "#vault/entry/entry.ts";
import type { MachineDefinition } from "#vault/entry/machine-definition.ts";
import type { LogKeyring } from "#vault/keyring/log-keyring.ts";
import type { LogSource } from "#vault/log/log-reader.ts";
import type { LogWriter } from "#vault/log/log-writer.ts";
import { openLog } from "#vault/log/log.ts";
import type { Appended, Log, LogDeps } from "#vault/log/log.ts";
import { createMachine } from "#vault/log/roster.ts";
import { openSession } from "#vault/log/session.ts";
import type { Session, Start } from "#vault/log/session.ts";
import { firstGeneration, generationId, newId, segmentId } from "#vault/object/ids.ts";
import type { DiskId, GenerationId, MachineId, PointId, SegmentId, SessionId } from "#vault/object/ids.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";

/** Never aborted. */
export const { signal } = new AbortController();

/** One machine with one disk in a vault in memory, and hosts that share it. Its clock stands still until it is moved. */
export class LogBench {
  readonly store: Store;
  readonly random;
  readonly keys: VaultKeys;
  readonly disk: DiskId;
  now = Temporal.Instant.from("2026-11-23T14:05:00Z");
  machine: MachineId | null = null;

  constructor(seed: string, { singleDisk = false }: { readonly singleDisk?: boolean } = {}) {
    this.store = memoryStore({ singleDisk });
    this.random = seededRandom(seed);
    this.keys = testKeys(this.random);
    this.disk = newId<DiskId>(this.random);
  }

  writer(host = "host-a", change: Partial<LogWriter> = {}): LogWriter {
    const retry = { attempts: 3, delayMs: () => 0, sleep: () => Promise.resolve() };
    const { store, random } = this;
    return {
      store,
      keyring: keyringOf(this.keys),
      now: () => this.now,
      random,
      retry,
      host,
      program: "0.1.0",
      ...change,
    };
  }

  definition(change: Partial<MachineDefinition> = {}): MachineDefinition {
    const identity = { kind: "file", stableId: null, sizeBytes: 1 << 30, layoutHash: null };
    const place = { name: "disk", path: "/srv/web01.raw", host: "host-a", blockBytes: 65_536 };
    const disks = [{ id: this.disk, ...place, identity, addedAt: this.now.toString() }];
    return { name: "web01", disks, keep: "daily=7", everyHours: 24, timeZone: "UTC", protected: true, ...change };
  }

  /** Creates the machine. */
  async create(): Promise<Log> {
    const log = await createMachine(this.writer(), this.definition(), signal);
    this.machine = log.machine;
    return log;
  }

  /** Opens the machine's log as another process would. */
  open(host = "host-b", change: Partial<LogDeps> = {}): Promise<Log> {
    const { machine } = this;
    assert.ok(machine !== null);
    return openLog({ ...this.writer(host), machine, expect: null, ...change }, signal);
  }

  source(): LogSource {
    assert.ok(this.machine !== null);
    return { store: this.store, keys: this.keys, machine: this.machine };
  }

  /** Opens a session, with nothing to start from unless told. */
  async session(log: Log, lane: "backup" | "maintenance", start: Partial<Start> = {}): Promise<Session> {
    const choose = (): Start => ({ base: null, adopt: false, ...start });
    const session = await openSession(log, lane, { choose, random: this.random }, signal);
    assert.ok(session !== null);
    return session;
  }

  /** Logs a point in a session of its own. */
  async point(log: Log): Promise<PointId> {
    const session = await this.session(log, "backup");
    const draft = this.pointDraft(session.id);
    await must(log, draft);
    return draft.point;
  }

  pointDraft(session: SessionId, root: string | null = this.root()): Extract<EntryDraft, { type: "point" }> {
    const at = this.now.toString();
    const counts = { readBytes: 1 << 30, newBytes: 65_536, storedBytes: 70_000, unreadableBytes: 0 };
    const times = { capturedFrom: at, capturedTo: at };
    const disk = { disk: this.disk, name: "disk", sizeBytes: 1 << 30, root, ...times, dataBytes: 65_536 };
    const point = newId<PointId>(this.random);
    const body = { sha256: hex(sha256(this.random(8))) };
    const fields = { capturedAt: at, consistency: "offline", base: null, disks: [disk], body } as const;
    return { type: "point", session, point, ...fields, ...counts };
  }

  checkpointDraft(session: SessionId, root: string | null = this.root()): EntryDraft {
    return { type: "checkpoint", session, disks: [{ disk: this.disk, sizeBytes: 1 << 30, root }] };
  }

  replacedDraft(
    session: SessionId,
    segment: SegmentId,
    from: GenerationId,
    heals: readonly number[] = [],
  ): { readonly draft: EntryDraft; readonly to: GenerationId } {
    const to = generationId(session, this.random(16));
    const items = [{ kind: "data" as const, segment, from, to, heals }];
    return { draft: { type: "replaced", session, disk: this.disk, items }, to };
  }

  damagedDraft(segment: SegmentId, slot: number, generation = firstGeneration): EntryDraft {
    const items = [{ kind: "data" as const, segment, generation, slots: [[slot, 1] as const] }];
    return { type: "damaged", disk: this.disk, items };
  }

  sweptDraft(session: SessionId, segment: SegmentId): EntryDraft {
    return { type: "swept", compatible: true, session, disk: this.disk, items: [["data", segment]] };
  }

  /** Says that a point's disk has one encrypted volume. @param headerDigest  64 hex digits */
  volumesDraft(point: PointId, headerDigest: string): Extract<EntryDraft, { type: "volumes" }> {
    const identity = "1".repeat(64);
    const volume = { name: "1", format: "luks2", identity, headerDigest, protectors: ["2".repeat(64)] } as const;
    const disks = [{ disk: this.disk, encrypted: [volume], unknown: ["2"] }];
    return { type: "volumes", compatible: true, items: [{ point, disks }] };
  }

  verdictDraft(point: PointId, change: Partial<LoggedVerdict> = {}): Extract<EntryDraft, { type: "verdict" }> {
    const at = this.now.toString();
    const stated = { verdict: "reads", version: "web01/v1", at, derivedAt: at, unproven: false };
    const signed = { signed: "{}", signature: Buffer.alloc(64).toString("base64") };
    const item = { point, disk: this.disk, volume: "1", ...stated, ...signed, ...change };
    return { type: "verdict", compatible: true, items: [item] };
  }

  /** @param store  32 hex digits */
  receiptDraft(store: string, change: Partial<Receipt> = {}): Extract<EntryDraft, { type: "receipt" }> {
    const state = { epoch: 1, at: this.now.toString(), auditSeq: 1, auditHash: "3".repeat(64), copy: 1 };
    const receipt = { store, ...state, signature: Buffer.alloc(64).toString("base64"), ...change };
    return { type: "receipt", compatible: true, receipt };
  }

  /** A block tree's root that points nowhere. */
  root(): string {
    return Buffer.from(this.random(36)).toString("base64");
  }
}

/** A keyring that stays as it is. */
export function keyringOf(keys: VaultKeys): LogKeyring {
  const keyring: LogKeyring = { keys, faultOf: () => null, reopen: () => Promise.resolve(keyring) };
  return keyring;
}

/** The first segment of a session. */
export function firstSegment(session: SessionId): SegmentId {
  return segmentId(session, 1);
}

/** Appends a draft whatever the fold says, as a writer that breaks the rules does. */
export async function force<Draft extends EntryDraft>(log: Log, draft: Draft): Promise<Appended> {
  const appended = await log.append(() => draft, signal);
  assert.ok(appended !== null);
  return appended;
}

/** Appends a draft that must count. @returns the number of its entry */
export async function must(log: Log, draft: EntryDraft): Promise<number> {
  const { entry, ignored } = await force(log, draft);
  assert.deepEqual(ignored, []);
  return entry.seq;
}
