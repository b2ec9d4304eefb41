import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { deflateRawSync } from "node:zlib";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { seededRandom } from "#testing/random.ts";
import {
  btrfsSuperblock,
  exfatPieces,
  extSuperblock,
  fatPieces,
  ntfsPieces,
  swapPage,
  xfsSuperblock,
} from "#testing/volumes/filesystem-maker.ts";
import { lvmArea, lvmLabel, lvmSegment, lvmText } from "#testing/volumes/lvm-maker.ts";
import { findContent, readContent, type PlainContent } from "#volume/content.ts";
import type { Recognised } from "#volume/filesystem/recognised.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;

const kinds: Readonly<Record<string, readonly Piece[]>> = {
  ext: [{ offsetBytes: 1024, bytes: extSuperblock() }],
  xfs: [{ offsetBytes: 0, bytes: xfsSuperblock() }],
  btrfs: [{ offsetBytes: 65536, bytes: btrfsSuperblock(65536) }],
  ntfs: ntfsPieces(131071),
  fat12: fatPieces(12, 300),
  fat16: fatPieces(16, 5000),
  fat32: fatPieces(32, 70000),
  exfat: exfatPieces(),
  swap: [{ offsetBytes: 0, bytes: swapPage(4096) }],
  lvm: [lvmLabel(64 * MIB), ...lvmArea(lvmText({ root: [lvmSegment(0, 10, "pv0", 0)] }))],
};

const contentOf = (pieces: readonly Piece[], sizeBytes = 64 * MIB): Promise<PlainContent> =>
  readContent(sparseSource(sizeBytes, pieces), signal);

async function recognised(pieces: readonly Piece[], sizeBytes = 64 * MIB): Promise<Recognised> {
  const content = await contentOf(pieces, sizeBytes);
  assert.ok(content.kind !== "empty" && content.kind !== "unknown", JSON.stringify(content));
  return content;
}

test("the best verified of several formats counts, and the others are told", async () => {
  const mark = { offsetBytes: 4096, bytes: Uint8Array.from([0xfc, 0x4e, 0x2b, 0xa9, 1, 0, 0, 0]) };
  const found = await recognised([
    ...(kinds["swap"] ?? []),
    { offsetBytes: 65536, bytes: btrfsSuperblock(65536) },
    mark,
  ]);
  assert.equal(found.type, "btrfs");
  assert.deepEqual(
    found.problems.filter(({ code }) => code === "OTHER_SIGNATURE").map(({ message }) => message),
    ["there is also swap at byte 0 (structure)", "there is also linux_raid_member at byte 4096 (magic only)"],
  );
});

test("zeros are empty as far as they were sampled", async () => {
  const empty = await contentOf([], 1024 ** 4);
  assert.equal(empty.kind, "empty");
  assert.match(
    empty.kind === "empty" ? empty.words : "",
    /all of 64 sampled pieces of 4 KiB are zeros; what lies between/,
  );
  for (const sizeBytes of [0, 1, 511, 4096]) assert.equal((await contentOf([], sizeBytes)).kind, "empty");
});

test("random bytes look like ciphertext, text and compressed data do not, and two pieces tell nothing", async () => {
  const random = seededRandom("content");
  const guessOf = async (bytes: Uint8Array, sizeBytes = bytes.length): Promise<string> => {
    const content = await contentOf([{ offsetBytes: 0, bytes }], sizeBytes);
    return content.kind === "unknown" ? content.guess : content.kind;
  };
  const ciphertext = random(MIB);
  assert.equal(await guessOf(ciphertext), "ciphertext");
  assert.equal(await guessOf(ciphertext, 3 * MIB), "ciphertext", "with trimmed parts");
  assert.equal(await guessOf(ciphertext.slice(0, 8192)), "too little data");
  const words = ["volume", "sector", "key", "of", "the", "is", "not", "wrapped", "disk", "opens"];
  let text = "";
  for (const byte of random(400_000)) text += `${words[byte % 10]}${byte % 7 === 0 ? ".\n" : " "}`;
  assert.equal(await guessOf(new TextEncoder().encode(text)), "plain data");
  assert.equal(await guessOf(new Uint8Array(deflateRawSync(text, { level: 1 })).subarray(0, 262144)), "plain data");
  assert.equal(await guessOf(Uint8Array.from({ length: MIB }, (_, at) => at)), "plain data", "too even to be random");
});

test("a boot sector's copy that random bytes left over is not taken for the file system that was there", async () => {
  const random = { offsetBytes: 0, bytes: seededRandom("over")(MIB) };
  const content = await contentOf([random, ...ntfsPieces(2047).slice(3)], MIB);
  assert.equal(content.kind === "unknown" && content.guess, "ciphertext");
});

test("little is read, whatever is on the volume", async () => {
  for (const [name, pieces] of [...Object.entries(kinds), ["nothing", []] as const]) {
    const source = sparseSource(1024 ** 4, pieces);
    await readContent(source, signal);
    assert.ok(source.bytesRead() <= 4 * MIB, `${name}: ${source.bytesRead()}`);
  }
});

test("whatever is cut off, it is recognised, unknown or empty, without an error", async () => {
  for (const pieces of Object.values(kinds)) {
    for (const sizeBytes of [0, 1, 100, 511, 512, 513, 1024, 1500, 2048, 4096, 5000, 65536, 66000, 70000, MIB + 1]) {
      await contentOf(pieces, sizeBytes);
    }
  }
});

test("whatever bytes are changed, there is no error but ours, and 4 MiB are read at most", async () => {
  const names = Object.keys(kinds);
  const change = fc.record({ piece: fc.nat(3), at: fc.nat(600), to: fc.nat(255) });
  const property = async (name: string, changes: readonly { piece: number; at: number; to: number }[]) => {
    const pieces = (kinds[name] ?? []).map(({ offsetBytes, bytes }) => ({ offsetBytes, bytes: bytes.slice() }));
    for (const { piece, at, to } of changes) {
      const bytes = pieces[piece % pieces.length]?.bytes ?? new Uint8Array(1);
      bytes[at % bytes.length] = to;
    }
    const source = sparseSource(64 * MIB, pieces);
    await readContent(source, signal).catch((error: unknown) =>
      assert.ok(error instanceof LockstepError, String(error)),
    );
    assert.ok(source.bytesRead() <= 4 * MIB);
  };
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), fc.array(change, { minLength: 1, maxLength: 4 }), property),
    {
      numRuns: 300,
    },
  );
});

test("what a copy alone shows is told to be from a copy", async () => {
  const found = await recognised([{ offsetBytes: 64 * MIB, bytes: btrfsSuperblock(64 * MIB) }], 128 * MIB);
  assert.deepEqual(found.copy, { which: "backup", offsetBytes: 64 * MIB });
  assert.deepEqual(
    found.problems.map(({ code }) => code),
    ["COPY_DAMAGED"],
  );
});

test("Btrfs is verified by each of its checksums", async () => {
  const sha256 = (bytes: Uint8Array): Uint8Array => new Uint8Array(createHash("sha256").update(bytes).digest());
  const found = await recognised([{ offsetBytes: 65536, bytes: btrfsSuperblock(65536, 2, sha256) }], 128 * MIB);
  assert.equal(found.verified, "checksum");
  for (const type of [0, 1, 2, 3, 9]) {
    const wrong = btrfsSuperblock(65536, type, () => new Uint8Array(32).fill(9));
    const { verified, problems } = await recognised([{ offsetBytes: 65536, bytes: wrong }], 128 * MIB);
    assert.deepEqual([verified, problems.map(({ code }) => code)[0]], ["magic only", "CHECKSUM_WRONG"], `type ${type}`);
  }
});

test("looking at the first places alone recognises the same, and finds no remains where there is nothing", async () => {
  for (const [name, pieces] of Object.entries(kinds)) {
    const source = sparseSource(64 * MIB, pieces);
    assert.deepEqual(await findContent(source, signal), await readContent(source, signal), name);
  }
  const remains = [{ offsetBytes: 16 * MIB, bytes: xfsSuperblock() }];
  assert.equal((await contentOf(remains)).kind, "file system");
  assert.equal(await findContent(sparseSource(64 * MIB, remains), signal), null);
});
