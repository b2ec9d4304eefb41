import assert from "node:assert/strict";
import { test } from "node:test";

import { HEADER_BYTES, writeLuks2Header } from "#testing/volumes/luks2-maker.ts";
import type { WrittenHeader } from "#testing/volumes/luks2-maker.ts";
import { LUKS2_HEADER_SIZES, luksVersion, parseLuks2Binary, verifyLuks2Checksum } from "#volume/luks2/binary.ts";
import type { Luks2Copy } from "#volume/luks2/binary.ts";

function header(more: Partial<WrittenHeader> = {}): Uint8Array {
  const written: WrittenHeader = { copy: "primary", json: {}, ...more };
  const size = written.headerBytes ?? HEADER_BYTES;
  const volume = new Uint8Array(2 * size);
  writeLuks2Header(volume, written);
  return written.copy === "primary" ? volume.subarray(0, size) : volume.subarray(size);
}

test("the fixed part of each copy is read, whatever its size", () => {
  for (const copy of ["primary", "secondary"] satisfies Luks2Copy[]) {
    for (const headerBytes of LUKS2_HEADER_SIZES.slice(0, 3)) {
      const bytes = header({ copy, headerBytes, sequence: 2n ** 64n - 1n, label: "my disk", uuid: "u-1" });
      const binary = parseLuks2Binary(bytes, copy, copy === "primary" ? 0 : headerBytes);
      assert.deepEqual(
        { ...binary, checksum: binary.checksum.length },
        {
          headerBytes,
          sequence: 2n ** 64n - 1n,
          label: "my disk",
          subsystem: null,
          uuid: "u-1",
          checksumHash: "sha256",
          checksum: 64,
        },
      );
      assert.doesNotThrow(() => verifyLuks2Checksum(bytes, binary, copy));
    }
  }
  assert.deepEqual(
    LUKS2_HEADER_SIZES.map((size) => size / 1024),
    [16, 32, 64, 128, 256, 512, 1024, 2048, 4096],
  );
});

test("a version is told by the magic of the copy that is asked for", () => {
  assert.equal(luksVersion(header(), "primary"), 2);
  assert.equal(luksVersion(header(), "secondary"), null);
  assert.equal(luksVersion(header({ copy: "secondary" }), "secondary"), 2);
  assert.equal(luksVersion(header({ version: 1 }), "primary"), 1);
  assert.equal(luksVersion(new Uint8Array(7), "primary"), null);
});

test("an impossible size or place is refused, with the field named", () => {
  const refused: readonly (readonly [Partial<WrittenHeader>, RegExp])[] = [
    [{ version: 3 }, /version at byte 6: 3 is not 2/],
    [{ offsetBytes: 512 }, /header offset at byte 256: it says 512 and lies at 0/],
    [{ headerBytes: 0x2000 }, /header size at byte 8: 8192 bytes are not allowed/],
    [{ headerBytes: 0x40_1000 }, /header size at byte 8: 4198400/],
  ];
  for (const [more, message] of refused) {
    assert.throws(() => parseLuks2Binary(header(more), "primary", 0), { code: "HEADER_CORRUPT", message });
  }
  const secondary = header({ copy: "secondary", offsetBytes: 0x8000 });
  assert.throws(() => parseLuks2Binary(secondary, "secondary", 0x8000), {
    message: /16384 bytes, but it lies at 32768/,
  });
  assert.throws(() => parseLuks2Binary(header(), "secondary", 0), { message: /magic at byte 0/ });
});

test("a size of 64 bits is not rounded to one that is allowed", () => {
  const bytes = header();
  new DataView(bytes.buffer, bytes.byteOffset).setBigUint64(8, (1n << 60n) + 0x4000n);
  assert.throws(() => parseLuks2Binary(bytes, "primary", 0), { message: /1152921504606863360 bytes are not allowed/ });
});

test("a fixed part cut anywhere is refused, with the field named", () => {
  for (let length = 0; length < 512; length++) {
    assert.throws(() => parseLuks2Binary(header().subarray(0, length), "primary", 0), {
      code: "FIELD_CORRUPT",
      message: /^LUKS2 header \(primary\): .+ at byte \d+: needs/,
    });
  }
});

test("any byte changed is noticed by the checksum, and each hash that is known serves", () => {
  for (const hash of ["sha1", "SHA256", "sha512"]) {
    const bytes = header({ hash });
    for (const at of [24, 104, 300, 448, 512, 4095, 4096, HEADER_BYTES - 1]) {
      const bad = bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      const binary = parseLuks2Binary(bad, "primary", 0);
      assert.throws(
        () => verifyLuks2Checksum(bad, binary, "primary"),
        { message: /checksum at byte 448: it does not fit/ },
        `${hash} ${at}`,
      );
    }
    assert.doesNotThrow(() => verifyLuks2Checksum(bytes, parseLuks2Binary(bytes, "primary", 0), "primary"));
  }
  const unknown = header();
  unknown.set(new TextEncoder().encode("no\u001b-hash"), 72);
  assert.throws(() => verifyLuks2Checksum(unknown, parseLuks2Binary(unknown, "primary", 0), "primary"), {
    code: "HEADER_CORRUPT",
    message: /the hash no\\x1b-hash is not known/,
  });
});

test("texts are made visible, end at their first zero, and never have their last byte", () => {
  const bytes = header();
  bytes.set(new TextEncoder().encode("a\u001b[31m\0junk"), 24);
  bytes.fill(0x41, 168, 208);
  const binary = parseLuks2Binary(bytes, "primary", 0);
  assert.equal(binary.label, "a\\x1b[31m");
  assert.equal(binary.uuid, "A".repeat(39));
});
