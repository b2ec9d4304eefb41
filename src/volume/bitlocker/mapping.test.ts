import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { LockstepError } from "#errors/errors.ts";
import { cipherOf, specOf } from "#volume/bitlocker/cipher.ts";
import { bitlockerMapping } from "#volume/bitlocker/mapping.ts";
import type { BitlockerLayout } from "#volume/bitlocker/mapping.ts";
import { checkMapping } from "#volume/plaintext/mapping-check.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";
import type { Place } from "#volume/source/source.ts";

const KIB = 1024;
const place = (offsetBytes: number, lengthBytes: number): Place => ({ offsetBytes, lengthBytes });
const moved = place(300 * KIB, 8 * KIB);
const areas = [place(100 * KIB, 64 * KIB), place(400 * KIB, 64 * KIB), place(600 * KIB, 64 * KIB)];

function layoutOf(more: Partial<BitlockerLayout> = {}, sectorBytes = 512): BitlockerLayout {
  const cipher = cipherOf(0x8004) ?? assert.fail();
  return {
    spec: specOf(cipher, sectorBytes),
    zeroAreas: [...areas, moved],
    movedBoot: moved,
    encryptedBytes: null,
    plainBytes: 0,
    literals: [],
    ...more,
  };
}

/** `0+8 E300` is 8 KiB of plaintext at 0, encrypted at 300 KiB with that place's sector numbers. */
function shown({ stretches }: Mapping): readonly string[] {
  return stretches.map(({ offsetBytes, lengthBytes, content }) => {
    const where = `${offsetBytes / KIB}+${lengthBytes / KIB}`;
    if (content.kind === "zeros" || content.kind === "literal") return `${where} ${content.kind}`;
    const from = content.sourceOffsetBytes / KIB;
    if (content.kind === "plain") return `${where} P${from}`;
    assert.equal(content.ivOffsetBytes, BigInt(content.sourceOffsetBytes));
    return `${where} E${from}`;
  });
}

test("the first bytes come from where they were moved to, and all that is BitLocker's reads as zeros", () => {
  assert.deepEqual(shown(bitlockerMapping(layoutOf(), 700 * KIB)), [
    "0+8 E300",
    "8+92 E8",
    "100+64 zeros",
    "164+136 E164",
    "300+8 zeros",
    "308+92 E308",
    "400+64 zeros",
    "464+136 E464",
    "600+64 zeros",
    "664+36 E664",
  ]);
});

test("areas that touch are one stretch, and what lies behind the volume's end is cut off", () => {
  const zeroAreas = [place(100 * KIB, 64 * KIB), place(164 * KIB, 64 * KIB), place(420 * KIB, 64 * KIB), moved];
  assert.deepEqual(shown(bitlockerMapping(layoutOf({ zeroAreas }), 430 * KIB + 511)), [
    "0+8 E300",
    "8+92 E8",
    "100+128 zeros",
    "228+72 E228",
    "300+8 zeros",
    "308+112 E308",
    "420+10 zeros",
  ]);
});

test("what is not encrypted yet is plain, also of the moved boot sectors", () => {
  const mapped = (encryptedBytes: number): readonly string[] => {
    return shown(bitlockerMapping(layoutOf({ encryptedBytes: encryptedBytes * KIB }), 420 * KIB));
  };
  const areasThen = ["300+8 zeros", "308+92 P308", "400+20 zeros"];
  assert.deepEqual(mapped(200), ["0+8 P300", "8+92 E8", "100+64 zeros", "164+36 E164", "200+100 P200", ...areasThen]);
  assert.deepEqual(mapped(302), ["0+2 E300", "2+6 P302", "8+92 E8", "100+64 zeros", "164+136 E164", ...areasThen]);
  assert.deepEqual(mapped(0), ["0+8 P300", "8+92 P8", "100+64 zeros", "164+136 P164", ...areasThen]);
  assert.deepEqual(mapped(4000), shown(bitlockerMapping(layoutOf(), 420 * KIB)), "and more than all is all");
});

test("Windows Vista's first sectors are plain, and its boot sectors as they were", () => {
  const literals = [
    { offsetBytes: 0, bytes: new Uint8Array(512) },
    { offsetBytes: 400 * KIB - 512, bytes: new Uint8Array(512) },
  ];
  const layout = layoutOf({ zeroAreas: areas.slice(0, 1), movedBoot: null, plainBytes: 8 * KIB, literals });
  assert.deepEqual(shown(bitlockerMapping(layout, 400 * KIB)), [
    "0+0.5 literal",
    "0.5+7.5 P0.5",
    "8+92 E8",
    "100+64 zeros",
    "164+235.5 E164",
    "399.5+0.5 literal",
  ]);
});

for (const [name, layout, sizeBytes, message] of [
  [
    "an area within a sector",
    layoutOf({ zeroAreas: [place(100 * KIB + 1, 512)] }),
    700 * KIB,
    /are not whole sectors of 512/,
  ],
  [
    "an area within a large sector",
    layoutOf({ zeroAreas: [place(512, 4096)] }, 4096),
    700 * KIB,
    /are not whole sectors of 4096/,
  ],
  [
    "an encrypted part that ends in a sector",
    layoutOf({ encryptedBytes: 1 }),
    700 * KIB,
    /ends at byte 1, within a sector/,
  ],
  [
    "metadata among the boot sectors",
    layoutOf({ zeroAreas: [place(4096, 64 * KIB)] }),
    700 * KIB,
    /at byte 4096 is among the first 8192/,
  ],
  [
    "boot sectors moved onto themselves",
    layoutOf({ movedBoot: place(4096, 8192) }),
    700 * KIB,
    /at byte 4096 is among the first 8192/,
  ],
  [
    "a volume that ends before its boot sectors",
    layoutOf(),
    300 * KIB,
    /kept in 8192 bytes at 307200, and the volume has 307200/,
  ],
  ["an empty volume", layoutOf(), 0, /and the volume has 0 bytes/],
  [
    "an empty old volume",
    layoutOf({ movedBoot: null, zeroAreas: [], plainBytes: 8192 }),
    4096,
    /its first 8192 are missing/,
  ],
] as const) {
  test(`${name} is refused`, () => {
    assert.throws(() => bitlockerMapping(layout, sizeBytes), { code: "HEADER_CORRUPT", message });
  });
}

test("whatever a header says, the mapping is a possible one, or it is refused", () => {
  const at = fc.oneof(
    fc.nat(1000).map((n) => n * 512),
    fc.nat(2 ** 40),
    fc.constant(2 ** 52),
  );
  const length = fc.oneof(
    fc.nat(300).map((n) => n * 512),
    fc.nat(2 ** 30),
  );
  const somewhere = fc.tuple(at, length).map(([offset, bytes]) => place(offset, bytes));
  const layouts = fc.record({
    zeroAreas: fc.array(somewhere, { maxLength: 4 }),
    movedBoot: somewhere,
    encryptedBytes: fc.option(at),
  });
  fc.assert(
    fc.property(layouts, fc.nat(600 * KIB), (more, sizeBytes) => {
      const layout = layoutOf({ ...more, zeroAreas: [...more.zeroAreas, more.movedBoot] });
      try {
        checkMapping(bitlockerMapping(layout, sizeBytes), sizeBytes);
      } catch (error) {
        assert.ok(error instanceof LockstepError && error.code === "HEADER_CORRUPT", String(error));
      }
    }),
  );
});
