import { Worker } from "node:worker_threads";

import { asError, LockstepError } from "#errors/errors.ts";
import { BatchQueue } from "#ops/lanes/batch-queue.ts";
import { BufferPool } from "#ops/lanes/buffer-pool.ts";
import type { FromLane, LaneDisk, Stretch, ToLane } from "#ops/lanes/lane-protocol.ts";
import { startLane } from "#ops/lanes/lane.ts";
import type { Pieces } from "#store/contract.ts";
import type { SealedBlocks, SegmentGrant } from "#vault/segments/block-sealer.ts";
import { PAGE_BYTES } from "#vault/segments/segment.ts";
import type { BadSlots, SlotBatch } from "#vault/segments/slot-batch.ts";

/** How many lanes run, where, and how large the segments are that they fill. */
export type LaneOptions = {
  readonly lanes: number;
  /** False: in the main thread, one after the other; right for small disks and for tests that need an exact order. */
  readonly threads: boolean;
  readonly segmentBytes: number;
};

/** Names data segments and stores them. */
export type SegmentSink = {
  newSegment(): Omit<SegmentGrant, "buffer">;
  /** Resolves when the object is durable. */
  store(grant: SegmentGrant, pieces: Pieces): Promise<void>;
};

type Waiter = { readonly resolve: (answer: FromLane) => void; readonly reject: (error: Error) => void };

type Lane = {
  readonly post: (message: ToLane) => void;
  readonly waiters: Waiter[];
  readonly stop: () => Promise<void>;
};

/** Segments on their way to the store while lanes fill others: enough to keep a disk busy. */
const SPARE_BUFFERS = 6;

/** Lanes that work side by side: gives them stretches and memory for segments, and stores what they fill. */
export class Lanes implements AsyncDisposable {
  readonly #lanes: Lane[] = [];
  readonly #buffers: BufferPool;
  readonly #batches: BatchQueue;
  readonly #puts = new Set<Promise<void>>();
  #sink: SegmentSink | null = null;
  #failure: Error | null = null;

  constructor(options: LaneOptions) {
    for (let i = 0; i < options.lanes; i++) this.#lanes.push(this.#start(options.threads));
    this.#buffers = new BufferPool(options.lanes + SPARE_BUFFERS, PAGE_BYTES + options.segmentBytes);
    this.#batches = new BatchQueue((batches) => this.#openTogether(batches), this.depth * 2); // their answers come in bursts
  }

  /** Prepares for a disk; what was sealed before must have been flushed. `sink` is null where nothing is sealed. */
  begin(disk: LaneDisk, sink: SegmentSink | null): void {
    this.#sink = sink;
    for (const lane of this.#lanes) lane.post({ type: "disk", disk });
  }

  /** How many stretches to have on their way at once, so that no lane waits. */
  get depth(): number {
    return this.#lanes.length * 2;
  }

  /**
   * Seals a stretch; several may be on their way.
   *
   * @returns null when the medium refused to give some of it: read it with care and put it in as bytes
   */
  async seal(stretch: Stretch): Promise<SealedBlocks | null> {
    const answer = await this.#ask(this.#idlest(), { type: "seal", stretch });
    return answer.type === "sealed" ? answer.sealed : null;
  }

  /** The numbers of the blocks that are not what the base says; null as from `seal`. Several may be on their way. */
  async compare(stretch: Stretch): Promise<readonly number[] | null> {
    const answer = await this.#ask(this.#idlest(), { type: "compare", stretch });
    return answer.type === "compared" ? answer.different : null;
  }

  /** Opens slots, as `openSlots` does. Several batches may be on their way. */
  open(batch: SlotBatch): Promise<BadSlots> {
    return this.#batches.add(batch);
  }

  /** When it resolves, everything sealed so far is durable. */
  async flush(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => this.#ask(lane, { type: "flush" })));
    await Promise.all(this.#puts);
    if (this.#failure !== null) throw this.#failure;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.stop()));
    await Promise.allSettled(this.#puts);
  }

  async #openTogether(batches: readonly SlotBatch[]): Promise<readonly BadSlots[]> {
    const answer = await this.#ask(this.#idlest(), { type: "open", batches });
    if (answer.type !== "opened") throw new Error(`a lane that was to open slots answered "${answer.type}"`);
    return answer.bad;
  }

  #idlest(): Lane {
    return this.#lanes.reduce((best, other) => (other.waiters.length < best.waiters.length ? other : best));
  }

  #ask(lane: Lane, message: ToLane): Promise<FromLane> {
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise<FromLane>((resolve, reject) => {
      lane.waiters.push({ resolve, reject });
      lane.post(message);
    });
  }

  #start(threads: boolean): Lane {
    const waiters: Waiter[] = [];
    if (!threads) {
      const receive = startLane((message) => this.#receive(lane, message));
      const lane: Lane = { waiters, post: receive, stop: () => Promise.resolve() };
      return lane;
    }
    const worker = new Worker(new URL("./lane-worker.ts", import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 },
    });
    // A thread that is stopped while it loads koffi takes the whole process with it.
    const loaded = new Promise<void>((resolve) => {
      worker.once("message", () => resolve());
      worker.once("exit", () => resolve());
    });
    const lane: Lane = {
      waiters,
      post: (message) => worker.postMessage(message),
      stop: async () => {
        await loaded;
        await worker.terminate();
      },
    };
    worker.on("message", (message: FromLane) => this.#receive(lane, message));
    worker.on("error", (error) => this.#fail(error));
    return lane;
  }

  #receive(lane: Lane, message: FromLane): void {
    if (message.type === "ready") return;
    if (message.type === "failed") this.#fail(message.error);
    else if (message.type === "want") this.#grant(lane).catch((error: unknown) => this.#fail(error));
    else if (message.type === "filled") this.#startPut(message);
    else lane.waiters.shift()?.resolve(message);
  }

  #startPut(filled: Extract<FromLane, { type: "filled" }>): void {
    const put: Promise<void> = this.#store(filled)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => this.#puts.delete(put));
    this.#puts.add(put);
  }

  async #store({ grant, usedBytes, tail }: Extract<FromLane, { type: "filled" }>): Promise<void> {
    await this.#requireSink().store(grant, [grant.buffer.subarray(0, usedBytes), tail]);
    this.#buffers.give(grant.buffer);
  }

  /** Gives a lane a segment, now or when memory for one is free. */
  async #grant(lane: Lane): Promise<void> {
    const buffer = await this.#buffers.take();
    lane.post({ type: "grant", grant: { ...this.#requireSink().newSegment(), buffer } });
  }

  #requireSink(): SegmentSink {
    if (this.#sink === null) throw new LockstepError("ARGUMENT_INVALID", "lanes were used before begin()");
    return this.#sink;
  }

  #fail(error: unknown): void {
    this.#failure ??= asError(error);
    for (const lane of this.#lanes) for (const waiter of lane.waiters.splice(0)) waiter.reject(this.#failure);
  }
}
