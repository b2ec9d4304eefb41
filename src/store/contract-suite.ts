import { alignedBuffer, concat, equalBytes } from "#bytes/arrays.ts";
import { utf8 } from "#bytes/text.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { ErrorCode } from "#errors/errors.ts";
import type { ObjectKey, Pieces, Store } from "#store/contract.ts";

export type CheckContext = {
  readonly store: Store;
  /** A second client of the same store. */
  readonly other: Store;
  /** A folder of this check's own, with the slash at its end. */
  readonly folder: string;
  readonly random: (lengthBytes: number) => Uint8Array;
  /** Size of a large object, above 1 MiB. */
  readonly largeBytes: number;
  readonly signal: AbortSignal;
};

export type StoreCheck = {
  /** The promise that it checks. */
  readonly name: string;
  readonly needsDelete: boolean;
  /** @throws {LockstepError} STORE_BROKEN: the promise is not kept; and what the store throws */
  readonly run: (context: CheckContext) => Promise<void>;
};

const mib = 1024 * 1024;
/** So much that a store writes it in all the ways that it has. */
export const LARGE_BYTES = 33 * mib + 5;
const wrongNames = ["", "/x", "x//y", "x/", ".", "..", "../x", ".x", "x/.y", "X", "x y", "ä", "x\\y", "x".repeat(256)];

/** The store contract as checks that any store must pass: in tests, and against a user's own store. */
export const storeChecks: readonly StoreCheck[] = [
  check("an object reads back as it was put, in pieces or not", async (context) => {
    const { store, random, signal } = context;
    const body = [random(1), new Uint8Array(), random(5000), random(70_000)];
    await create(context, "whole", body);
    const whole = concat(...body);
    expectBytes(await store.get(`${context.folder}whole`, whole.length, signal), whole, "get");
    const stat = await store.stat(`${context.folder}whole`, signal);
    expect(stat?.sizeBytes === whole.length, `stat says ${stat?.sizeBytes} bytes instead of ${whole.length}`);
    for (const [offset, length] of [
      [0, 10],
      [1, 4096],
      [4096, 8192],
      [70_000, 5001],
    ] as const) {
      await expectRange(context, "whole", whole, offset, new Uint8Array(length));
    }
  }),

  check("a read stops at the object's end", async (context) => {
    const body = context.random(10_000);
    await create(context, "end", [body]);
    await expectRange(context, "end", body, 9000, new Uint8Array(4096));
    await expectRange(context, "end", body, 8192, alignedBuffer(8192));
    await expectRange(context, "end", body, 10_000, new Uint8Array(10));
    await expectRange(context, "end", body, 1 << 20, alignedBuffer(4096));
    await expectRange(context, "end", body, 5, new Uint8Array());
  }),

  check("an empty object is an object", async (context) => {
    const { store, folder, signal } = context;
    await create(context, "empty", []);
    expectBytes(await store.get(`${folder}empty`, 0, signal), new Uint8Array(), "get");
    await expectRange(context, "empty", new Uint8Array(), 0, new Uint8Array(10));
    expect((await store.stat(`${folder}empty`, signal))?.sizeBytes === 0, "stat does not say 0 bytes");
    expect((await store.put(`${folder}empty`, [], {}, signal)) === "exists", "a second put is not told that it exists");
  }),

  check("what is not there is null, also below an object", async (context) => {
    const { store, folder, signal } = context;
    await create(context, "object", [utf8("x")]);
    for (const key of [`${folder}none`, `${folder}none/below`, `${folder}object/below`, folder.slice(0, -1)]) {
      expect((await store.get(key, 10, signal)) === null, `get of ${key} is not null`);
      expect((await store.read(key, 0, new Uint8Array(10), signal)) === null, `read of ${key} is not null`);
      expect((await store.stat(key, signal)) === null, `stat of ${key} is not null`);
    }
  }),

  check("a large object of aligned and other pieces reads back", async (context) => {
    const { store, folder, random, largeBytes, signal } = context;
    const bulk = alignedBuffer(Math.floor((largeBytes - 1) / mib) * mib);
    for (let at = 0; at < bulk.length; at += mib) bulk.set(random(mib), at);
    const tail = random(largeBytes - bulk.length);
    await create(context, "large", [bulk, tail]);
    await create(context, "shifted", [tail, bulk]);

    const chunk = alignedBuffer(8 * mib);
    for (const [name, body] of [
      ["large", [bulk, tail]],
      ["shifted", [tail, bulk]],
    ] as const) {
      const whole = concat(...body);
      for (let at = 0; at < whole.length; at += chunk.length) await expectRange(context, name, whole, at, chunk);
      await expectRange(context, name, whole, 12_345, new Uint8Array(mib));
    }
    const stat = await store.stat(`${folder}large`, signal);
    expect(stat?.sizeBytes === largeBytes, `stat says ${stat?.sizeBytes} bytes`);
  }),

  check("the second put of a key changes nothing", async (context) => {
    const { store, folder, signal } = context;
    await create(context, "once", [utf8("first")]);
    const answer = await store.put(`${folder}once`, [utf8("second, longer")], {}, signal);
    expect(answer === "exists", `the second put was answered "${answer}"`);
    expectBytes(await store.get(`${folder}once`, 100, signal), utf8("first"), "get");
  }),

  check("of two puts at once exactly one wins", (context) => race(context, 2)),
  check("of ten puts at once exactly one wins", (context) => race(context, 10)),

  check("a second client sees what the first one put", async (context) => {
    const { store, other, folder, signal } = context;
    const key = `${folder}seen`;
    expect((await other.get(key, 10, signal)) === null, "the second client sees an object before it is put");
    await create(context, "seen", [utf8("seen")]);
    expectBytes(await other.get(key, 10, signal), utf8("seen"), "get by the second client");
    const into = new Uint8Array(4);
    expect((await other.read(key, 0, into, signal)) === 4, "the second client cannot read it");
    expect((await other.stat(key, signal)) !== null, "the second client's stat does not see it");
    expect((await keys(other, folder, "", signal)).join() === key, "the second client's list does not have it");
    const answer = await other.put(key, [utf8("other")], {}, signal);
    expect(answer === "exists", `the second client's put was answered "${answer}"`);
    expectBytes(await store.get(key, 10, signal), utf8("seen"), "get after both");
  }),

  check("a list is ordered by key, and starts and goes on where it is told", async (context) => {
    const { store, folder, signal } = context;
    const names = ["a", "a-b", "a.b", "a0", "a_b", "b/0", "b/a/c", "b/b", "b-", "b0/x", "c"];
    for (const name of names) await create(context, name, [utf8(name)]);
    const sorted = names.map((name) => folder + name).sort();
    const cases: readonly (readonly [prefix: string, after: string])[] = [
      ["", ""],
      ["a", ""],
      ["a.", ""],
      ["b", ""],
      ["b/", ""],
      ["b/a", ""],
      ["b/a/c", ""],
      ["b/a/cc", ""],
      ["d", ""],
      ["x/y/", ""],
      ["", "a"],
      ["", "b/a"],
      ["", "b/a/c"],
      ["", "b/a/d"],
      ["", "b0"],
      ["b", "b/b"],
      ["b", "a"],
      ["", "c"],
    ];
    for (const [prefix, after] of cases) {
      const start = after === "" ? "" : folder + after;
      const expected = sorted.filter((key) => key.startsWith(folder + prefix) && key > start);
      const listed = await keys(store, folder + prefix, start, signal);
      expect(
        listed.join() === expected.join(),
        `the list of "${prefix}" after "${after}" is ${listed.join()} instead of ${expected.join()}`,
      );
    }
    for await (const { key, sizeBytes } of store.list(folder, {}, signal)) {
      expect(sizeBytes === key.length - folder.length, `the list gives ${key} a size of ${sizeBytes} bytes`);
    }
  }),

  check("keys of the wrong form are refused by every call", async ({ store, folder, signal }) => {
    for (const name of wrongNames) {
      const key = folder + name;
      await expectCode("ARGUMENT_INVALID", store.put(key, [], {}, signal), `put of "${key}"`);
      await expectCode("ARGUMENT_INVALID", store.get(key, 1, signal), `get of "${key}"`);
      await expectCode("ARGUMENT_INVALID", store.read(key, 0, new Uint8Array(1), signal), `read of "${key}"`);
      await expectCode("ARGUMENT_INVALID", store.stat(key, signal), `stat of "${key}"`);
    }
    for (const prefix of ["../", "/", `${folder}../`, `${folder}X/`]) {
      expect((await keys(store, prefix, "", signal)).length === 0, `the list of "${prefix}" is not empty`);
    }
  }),

  check("a get refuses what is longer than it was told to take", async (context) => {
    await create(context, "long", [context.random(1001)]);
    const get = context.store.get(`${context.folder}long`, 1000, context.signal);
    await expectCode("OBJECT_TOO_LARGE", get, "get of 1001 bytes with a limit of 1000");
  }),

  check("a call whose signal is aborted does nothing", async (context) => {
    const { store, folder, signal } = context;
    await create(context, "there", [utf8("x")]);
    const aborted = AbortSignal.abort();
    await expectCode("CANCELLED", store.put(`${folder}new`, [], {}, aborted), "put");
    await expectCode("CANCELLED", store.get(`${folder}there`, 10, aborted), "get");
    await expectCode("CANCELLED", store.read(`${folder}there`, 0, new Uint8Array(1), aborted), "read");
    await expectCode("CANCELLED", store.stat(`${folder}there`, aborted), "stat");
    await expectCode("CANCELLED", keys(store, folder, "", aborted), "list");
    expect((await keys(store, folder, "", signal)).join() === `${folder}there`, "a cancelled call had an effect");
  }),

  check(
    "a deleted object is gone for every client, and deleting it again does nothing",
    async (context) => {
      const { store, other, folder, signal } = context;
      const key = `${folder}doomed`;
      await create(context, "doomed", [context.random(5000)]);
      await create(context, "doomed-not", [utf8("stays")]);
      await expectRange({ ...context, store: other }, "doomed", null, 0, new Uint8Array(1)); // the other client has it open
      await store.delete(key, signal);
      for (const client of [store, other]) {
        expect((await client.get(key, 10_000, signal)) === null, "get still finds it");
        expect((await client.read(key, 0, new Uint8Array(10), signal)) === null, "read still finds it");
        expect((await client.stat(key, signal)) === null, "stat still finds it");
        expect((await keys(client, folder, "", signal)).join() === `${key}-not`, "the list still has it");
        await client.delete(key, signal);
      }
      await store.delete(`${folder}never/was`, signal);
    },
    { needsDelete: true },
  ),

  check(
    "a delete refuses keys of the wrong form, and does nothing once its signal is aborted",
    async (context) => {
      const { store, folder, signal } = context;
      for (const name of wrongNames) {
        const key = folder + name;
        await expectCode("ARGUMENT_INVALID", store.delete(key, signal), `delete of "${key}"`);
      }
      await create(context, "kept", [utf8("x")]);
      await expectCode("CANCELLED", store.delete(`${folder}kept`, AbortSignal.abort()), "delete");
      expectBytes(await store.get(`${folder}kept`, 10, signal), utf8("x"), "get after a cancelled delete");
    },
    { needsDelete: true },
  ),

  check(
    "a key is free again after a delete",
    async (context) => {
      const { store, other, folder, signal } = context;
      const key = `${folder}again`;
      for (let round = 0; round < 3; round++) {
        const body = utf8(`body ${round}`);
        await create(context, "again", [body]);
        expectBytes(await store.get(key, 100, signal), body, "get");
        await expectRange({ ...context, store: other }, "again", body, 0, new Uint8Array(6));
        await (round % 2 === 0 ? store : other).delete(key, signal);
      }
    },
    { needsDelete: true },
  ),
];

function check(
  name: string,
  run: StoreCheck["run"],
  { needsDelete = false }: { readonly needsDelete?: boolean } = {},
): StoreCheck {
  return { name, needsDelete, run };
}

async function race({ store, other, folder, random, signal }: CheckContext, count: number): Promise<void> {
  const key = `${folder}raced`;
  const bodies = Array.from({ length: count }, () => [random(20_000)]);
  const answers = await Promise.all(
    bodies.map((body, index) => (index % 2 === 0 ? store : other).put(key, body, {}, signal)),
  );
  const winners = bodies.filter((_, index) => answers[index] === "created");
  expect(winners.length === 1, `${winners.length} of ${count} puts were answered "created"`);
  for (const client of [store, other]) {
    expectBytes(await client.get(key, 20_000, signal), concat(...(winners[0] ?? [])), "get of what the winner put");
  }
}

async function create({ store, folder, signal }: CheckContext, name: string, body: Pieces): Promise<void> {
  const answer = await store.put(folder + name, body, {}, signal);
  expect(answer === "created", `the first put of ${name} was answered "${answer}"`);
}

/** Reads a range and compares it with that of `whole`, or with nothing where `whole` is null. */
async function expectRange(
  { store, folder, signal }: CheckContext,
  name: string,
  whole: Uint8Array | null,
  offsetBytes: number,
  into: Uint8Array,
): Promise<void> {
  const what = `read of ${into.length} bytes at ${offsetBytes} of ${name}`;
  const got = await store.read(folder + name, offsetBytes, into, signal);
  expect(got !== null, `${what} finds no object`);
  if (whole === null) return;
  expectBytes(into.subarray(0, got ?? 0), whole.subarray(offsetBytes, offsetBytes + into.length), what);
}

async function keys(store: Store, prefix: string, after: ObjectKey, signal: AbortSignal): Promise<ObjectKey[]> {
  return Array.fromAsync(store.list(prefix, { after }, signal), ({ key }) => key);
}

async function expectCode(code: ErrorCode, call: Promise<unknown>, what: string): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (isLockstepError(error, code)) return;
    throw error;
  }
  throw broken(`${what} did not fail with ${code}`);
}

function expectBytes(found: Uint8Array | null, expected: Uint8Array, what: string): void {
  expect(found !== null, `${what} finds no object`);
  if (found === null) return;
  expect(found.length === expected.length, `${what} gives ${found.length} bytes instead of ${expected.length}`);
  expect(equalBytes(found, expected), `${what} gives other bytes`);
}

function expect(kept: boolean, otherwise: string): void {
  if (!kept) throw broken(otherwise);
}

function broken(found: string): LockstepError {
  return new LockstepError("STORE_BROKEN", `The store breaks a promise: ${found}.`, {
    hint: "Do not keep a vault in it.",
  });
}
