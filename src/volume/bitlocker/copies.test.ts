import assert from "node:assert/strict";
import { test } from "node:test";

import { LockstepError } from "#errors/errors.ts";
import {
  bitlockerHeader,
  codesOf,
  passwordProtector,
  recoveryProtector,
  copyAt,
} from "#testing/volumes/bitlocker-header.ts";
import { makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { memorySource } from "#volume/source/source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

test("any one good copy is enough, and the damaged ones are named", async () => {
  const made = makeBitlocker({ protectors: [passwordProtector] });
  const whole = (await bitlockerHeader(memorySource(made.image))).facts;
  for (const damaged of [[1], [2], [3], [1, 2], [1, 3], [2, 3]]) {
    const image = Uint8Array.from(made.image);
    for (const number of damaged) image.fill(0xee, copyAt(made, number) + 200, copyAt(made, number) + 201);
    const { warnings, headerRanges, ...facts } = (await bitlockerHeader(memorySource(image))).facts;
    const { warnings: _, headerRanges: all, ...expected } = whole;
    assert.deepEqual(facts, expected);
    assert.deepEqual(
      warnings.map(({ code, message }) => [code, /copy (\d) at byte \d+: its checksum is/.exec(message)?.[1]]),
      damaged.map((number) => ["COPY_DAMAGED", String(number)]),
    );
    assert.equal(headerRanges.length, all.length - damaged.length);
  }
});

test("with no good copy it is refused, and each is said why", async () => {
  const made = makeBitlocker({});
  const image = Uint8Array.from(made.image);
  image.fill(0, copyAt(made, 1), copyAt(made, 1) + 1);
  image.fill(1, copyAt(made, 2) + 150, copyAt(made, 2) + 170);
  image.fill(0xff, copyAt(made, 3) + 8, copyAt(made, 3) + 10);
  await assert.rejects(bitlockerHeader(memorySource(image)), {
    code: "HEADER_CORRUPT",
    message:
      /no copy of the metadata is good: .*copy 1 .*does not begin with.*; .*copy 2 .*its checksum is.*; .*copy 3 .*its size at byte 8: 1048560 bytes/,
  });
});

test("a copy that the medium refuses is damaged; any other failure is passed on", async () => {
  const made = makeBitlocker({});
  const failing = (code: "DISK_UNREADABLE" | "CANCELLED"): VolumeSource => {
    const source = memorySource(made.image);
    return {
      ...source,
      read: (at, length, abort) =>
        at === copyAt(made, 1) ? Promise.reject(new LockstepError(code, "no")) : source.read(at, length, abort),
    };
  };
  assert.deepEqual(codesOf((await bitlockerHeader(failing("DISK_UNREADABLE"))).facts), ["COPY_DAMAGED"]);
  await assert.rejects(bitlockerHeader(failing("CANCELLED")), { code: "CANCELLED" });
});

test("where the boot sector has a copy's place wrong, the others tell it", async () => {
  for (const layout of ["7", "togo"] as const) {
    const made = makeBitlocker({ layout });
    const at = (layout === "togo" ? 424 : 160) + 16;
    for (const broken of [[1], [2], [1, 3]]) {
      const image = Uint8Array.from(made.image);
      for (const number of broken) image.fill(0xff, at + 8 * (number - 1), at + 8 * number);
      const { facts } = await bitlockerHeader(memorySource(image));
      assert.deepEqual(
        codesOf(facts),
        broken.map(() => "COPY_DAMAGED"),
      );
      assert.match(facts.warnings[0]?.message ?? "", /it says that metadata copy \d lies at byte 18446744073709551615/);
      assert.equal(facts.headerRanges.length, 5, "all copies are read");
    }
  }
});

test("of good copies that differ the newest counts", async () => {
  const older = makeBitlocker({ protectors: [passwordProtector], nextNonce: 7 });
  const newer = makeBitlocker({ protectors: [passwordProtector, recoveryProtector], nextNonce: 8 });
  for (const number of [1, 2, 3]) {
    const image = Uint8Array.from(older.image);
    const at = copyAt(newer, number);
    image.set(newer.image.subarray(at, at + newer.blockBytes + 88), at);
    const { facts } = await bitlockerHeader(memorySource(image));
    assert.equal(facts.protectors.length, 2);
    assert.deepEqual(codesOf(facts), ["COPIES_DIFFER"]);
    assert.match(facts.warnings[0]?.message ?? "", new RegExp(`copy ${number} is the newest`));
  }
});

test("a copy that was moved elsewhere does not count", async () => {
  const made = makeBitlocker({});
  const image = Uint8Array.from(made.image);
  const moved = image.slice(copyAt(made, 1), copyAt(made, 1) + 0x1000);
  image.set(moved, 0x44000);
  image.fill(0, copyAt(made, 1), copyAt(made, 1) + 0x1000);
  new DataView(image.buffer).setBigUint64(176, 0x44000n, true);
  const { facts } = await bitlockerHeader(memorySource(image));
  assert.deepEqual(codesOf(facts), ["COPY_DAMAGED"]);
});
