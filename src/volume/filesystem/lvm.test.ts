import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { isLockstepError } from "#errors/errors.ts";
import { sparseSource, type Piece } from "#testing/disks/sparse-source.ts";
import { lvmArea, lvmLabel, lvmSegment, lvmText, pvId, pvIdText } from "#testing/volumes/lvm-maker.ts";
import { parseLvmText } from "#volume/filesystem/lvm-text.ts";
import { readVolumeGroup } from "#volume/filesystem/lvm-volumes.ts";
import { lvm } from "#volume/filesystem/lvm.ts";

const { signal } = new AbortController();
const MIB = 1024 * 1024;
const SIZE = 600 * MIB;
const EXTENT = 4 * MIB;

const find = (pieces: readonly Piece[], sizeBytes = SIZE) => lvm.find(sparseSource(sizeBytes, pieces), signal);
const groupOf = (volumes: Readonly<Record<string, readonly string[]>>, sizeBytes = SIZE) =>
  readVolumeGroup(parseLvmText(lvmText(volumes)), pvId, sizeBytes);

test("a physical volume and where its logical volumes lie are read", async () => {
  const text = lvmText({
    root: [lvmSegment(0, 10, "pv0", 5)],
    swap: [lvmSegment(0, 2, "pv0", 0), lvmSegment(2, 3, "pv0", 2), lvmSegment(5, 1, "pv0", 50)],
  });
  const found = await find([lvmLabel(SIZE), ...lvmArea(text)]);
  assert.deepEqual(found, {
    kind: "lvm",
    type: "LVM2_member",
    variant: null,
    label: "vg0",
    uuid: pvIdText,
    sizeBytes: SIZE,
    verified: "checksum",
    copy: { which: "first", offsetBytes: 512 },
    problems: [],
    lvm: {
      group: "vg0",
      logicalVolumes: [
        {
          name: "root",
          uuid: "LVLVLV-0000-0000-0000-0000-0000-000000",
          sizeBytes: 10 * EXTENT,
          visible: true,
          stretches: [{ offsetBytes: MIB + 5 * EXTENT, lengthBytes: 10 * EXTENT }],
          reason: null,
        },
        {
          name: "swap",
          uuid: "LVLVLV-0000-0000-0000-0000-0000-000001",
          sizeBytes: 6 * EXTENT,
          visible: true,
          stretches: [
            { offsetBytes: MIB, lengthBytes: 5 * EXTENT },
            { offsetBytes: MIB + 50 * EXTENT, lengthBytes: EXTENT },
          ],
          reason: null,
        },
      ],
    },
  });
});

test("a logical volume that is not plainly on this physical volume has a reason", () => {
  const two = `start_extent = 0 extent_count = 4 type = "striped" stripe_count = 2 stripe_size = 128 stripes = ["pv0", 0, "pv1", 0]`;
  for (const [segment, reason] of [
    [lvmSegment(0, 1, "pv1", 0), /another physical volume/],
    [two, /striped over several/],
    [`start_extent = 0 extent_count = 4 type = "thin" transaction_id = 0`, /a segment of type thin/],
    [lvmSegment(1, 1, "pv0", 0), /gaps/],
    [lvmSegment(0, 11, "pv0", 90), /beyond the extents/],
    [lvmSegment(0, 0, "pv0", 0), /impossible extents/],
    [`start_extent = 0 extent_count = 1 type = "striped" stripe_count = 1 stripes = ["pv0"]`, /impossible extents/],
  ] as const) {
    const [volume] = groupOf({ data: [segment] }).logicalVolumes;
    assert.equal(volume?.stretches, null, String(reason));
    assert.match(volume?.reason ?? "", reason);
  }
  const beyond = groupOf({ data: [lvmSegment(0, 10, "pv0", 0)] }, 20 * MIB).logicalVolumes[0];
  assert.match(beyond?.reason ?? "", /beyond the end of the physical volume/);
});

test("no extent is given to two volumes", () => {
  const { logicalVolumes } = groupOf({
    a: [lvmSegment(0, 10, "pv0", 0)],
    b: [lvmSegment(0, 10, "pv0", 10)],
    c: [lvmSegment(0, 10, "pv0", 15)],
    hidden: [lvmSegment(0, 10, "pv0", 25)],
  });
  assert.deepEqual(
    logicalVolumes.map(({ name, visible, stretches }) => [name, visible, stretches?.length]),
    [
      ["a", true, 1],
      ["b", true, undefined],
      ["c", true, undefined],
      ["hidden", false, 1],
    ],
  );
  assert.match(logicalVolumes[1]?.reason ?? "", /another volume claims too/);
});

test("the newest good metadata area counts, also when its text runs over the end of the ring", async () => {
  const old = lvmArea(lvmText({ root: [lvmSegment(0, 1, "pv0", 0)] }, 1));
  const secondAt = SIZE - MIB;
  const recent = lvmArea(lvmText({ root: [lvmSegment(0, 2, "pv0", 0)] }, 2), secondAt, MIB, MIB - 512);
  const label = lvmLabel(SIZE, secondAt);
  const both = await find([label, ...old, ...recent]);
  assert.equal(both?.lvm?.logicalVolumes[0]?.sizeBytes, 2 * EXTENT);
  for (const [index, code] of [
    [0, "COPY_DAMAGED"],
    [1, "COPY_DAMAGED"],
  ] as const) {
    const damaged = recent.map((piece, each) =>
      each === index ? { ...piece, bytes: piece.bytes.with(44, 7) } : piece,
    );
    const found = await find([label, ...old, ...damaged]);
    assert.deepEqual([found?.lvm?.logicalVolumes[0]?.sizeBytes, found?.problems[0]?.code], [EXTENT, code]);
  }
});

test("a label with a wrong checksum is believed in nothing but its mark, and one without metadata has no group", async () => {
  const label = lvmLabel(SIZE);
  const wrong = await find([{ ...label, bytes: label.bytes.with(40, 0) }]);
  assert.deepEqual(
    [wrong?.verified, wrong?.lvm?.group, wrong?.problems[0]?.code],
    ["magic only", null, "CHECKSUM_WRONG"],
  );
  const moved = await find([{ ...label, offsetBytes: 1024 }]);
  assert.equal(moved?.verified, "magic only", "it says which sector it is in");
  assert.equal(await find([]), null);
});

test("text in every form that LVM writes is parsed", () => {
  const section = parseLvmText('a = "x \\"y\\" \\\\ z"\n b{c=[1,-2,"d",[]] # e = 5\n}\nf=1.5 g=9007199254740993\0\0');
  assert.deepEqual(
    section,
    new Map<string, unknown>([
      ["a", 'x "y" \\ z'],
      ["b", new Map([["c", [1, -2, "d", []]]])],
      ["f", null],
      ["g", null],
    ]),
  );
});

test("text that is malformed, deep or endless is refused", () => {
  for (const text of [
    "a",
    "a =",
    "a = ]",
    "a {",
    "}",
    'a = "unended',
    "a = [1",
    "a = 1 a = 2",
    "a ! 1",
    "= 1",
    `${"a {".repeat(20)}${"}".repeat(20)}`,
    `a = ${"[".repeat(20)}`,
    `a = [${"1,".repeat(200_001)}]`,
    `a = "${"\\x".repeat(300_000)}`,
  ]) {
    assert.throws(() => parseLvmText(text), { code: "HEADER_CORRUPT", message: /^LVM metadata: at character \d+: / });
  }
});

test("whatever the text, the parser gives sections or an error of ours", () => {
  const token = fc.constantFrom("a", "{", "}", "=", "[", "]", ",", '"b"', "1", "#c\n", " ", '"', "\\", "segment1");
  const property = fc.property(fc.array(token, { maxLength: 30 }), (parts) => {
    try {
      assert.ok(parseLvmText(parts.join("")) instanceof Map);
    } catch (error) {
      assert.ok(isLockstepError(error, "HEADER_CORRUPT"), String(error));
    }
  });
  fc.assert(property, { numRuns: 500 });
});

test("metadata with thousands of segments that claim the same extents is judged at once", () => {
  const segments = Array.from({ length: 4000 }, (_, at) => lvmSegment(at, 1, "pv0", at % 100));
  const { logicalVolumes } = groupOf({ a: segments, b: segments });
  assert.deepEqual(
    logicalVolumes.map(({ stretches }) => stretches),
    [null, null],
  );
});
