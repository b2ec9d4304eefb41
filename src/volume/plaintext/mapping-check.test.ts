import assert from "node:assert/strict";
import { test } from "node:test";

import type { SectorCipherSpec } from "#volume/cipher/sector-cipher-spec.ts";
import { checkMapping } from "#volume/plaintext/mapping-check.ts";
import type { MappedContent, MappedStretch, Mapping } from "#volume/plaintext/mapping.ts";

const cipher: SectorCipherSpec = {
  cipher: "aes",
  mode: "xts",
  iv: { kind: "plain64" },
  keyBytes: 64,
  sectorBytes: 4096,
  ivUnitBytes: 512,
  diffuser: false,
};
const encrypted: MappedContent = { kind: "encrypted", sourceOffsetBytes: 0, ivOffsetBytes: 0n, cipher: 0 };

function mapping(stretches: readonly MappedStretch[], more: Partial<Mapping> = {}): Mapping {
  const sizeBytes = stretches.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  return { sizeBytes, ciphers: [cipher], stretches, ...more };
}

test("stretches in order that fill the volume and lie in the source are right", () => {
  const stretches: MappedStretch[] = [
    { offsetBytes: 0, lengthBytes: 8192, content: encrypted },
    { offsetBytes: 8192, lengthBytes: 100, content: { kind: "zeros" } },
    { offsetBytes: 8292, lengthBytes: 1, content: { kind: "plain", sourceOffsetBytes: 8191 } },
  ];
  checkMapping(mapping(stretches), 8192);
  checkMapping(mapping([]), 0);
});

test("any other mapping is refused, with what is wrong and where", () => {
  const whole = { offsetBytes: 0, lengthBytes: 4096 };
  const zeros: MappedContent = { kind: "zeros" };
  const cases: [Mapping, RegExp][] = [
    [mapping([{ ...whole, content: zeros }], { sizeBytes: 4095 }), /end at byte 4096, its size is 4095/],
    [mapping([{ ...whole, offsetBytes: 512, content: zeros }]), /stretch 0 at byte 512: the one before ends at 0/],
    [
      mapping([
        { ...whole, content: zeros },
        { ...whole, content: zeros },
      ]),
      /stretch 1 at byte 0: .* ends at 4096/,
    ],
    [mapping([{ offsetBytes: 0, lengthBytes: 0, content: zeros }]), /its length is 0/],
    [mapping([{ offsetBytes: 0, lengthBytes: 0.5, content: zeros }]), /its length is 0.5/],
    [mapping([{ ...whole, content: { kind: "plain", sourceOffsetBytes: 4097 } }]), /4096 bytes at 4097/],
    [mapping([{ ...whole, content: { kind: "plain", sourceOffsetBytes: -1 } }]), /4096 bytes at -1/],
    [mapping([{ ...whole, content: { kind: "plain", sourceOffsetBytes: 0.5 } }]), /4096 bytes at 0.5/],
    [mapping([{ ...whole, content: { ...encrypted, cipher: 1 } }]), /there is no cipher 1/],
    [mapping([{ offsetBytes: 0, lengthBytes: 4097, content: encrypted }]), /not whole sectors of 4096/],
    [mapping([{ ...whole, content: { ...encrypted, ivOffsetBytes: 511n } }]), /not counted in units of 512/],
    [mapping([{ ...whole, content: { ...encrypted, ivOffsetBytes: -512n } }]), /not counted in units of 512/],
    [mapping([{ ...whole, content: encrypted }], { ciphers: [{ ...cipher, ivUnitBytes: 3000 }] }), /units of 3000/],
  ];
  for (const [wrong, message] of cases) {
    assert.throws(() => checkMapping(wrong, 8192), { code: "ARGUMENT_INVALID", message });
  }
});
