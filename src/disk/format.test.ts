import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { recogniseFormat } from "#disk/format.ts";

function sector(at: number, magic: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(512);
  bytes.set(magic, at);
  return bytes;
}

const empty = new Uint8Array(512);

test("each format is recognised by its magic bytes", () => {
  assert.equal(recogniseFormat(sector(0, Uint8Array.of(0x51, 0x46, 0x49, 0xfb)), empty), "qcow2");
  assert.equal(recogniseFormat(sector(0, utf8("vhdxfile")), empty), "VHDX");
  assert.equal(recogniseFormat(sector(0, utf8("conectix")), empty), "VHD");
  assert.equal(recogniseFormat(sector(0, utf8("KDMV")), empty), "VMDK");
  assert.equal(recogniseFormat(sector(0, utf8("COWD")), empty), "VMDK");
  assert.equal(recogniseFormat(sector(0, utf8("# Disk DescriptorFile\nversion=1\n")), empty), "VMDK");
  assert.equal(recogniseFormat(sector(64, Uint8Array.of(0x7f, 0x10, 0xda, 0xbe)), empty), "VDI");
  assert.equal(recogniseFormat(sector(0, utf8("QED\0")), empty), "QED");
});

test("a fixed VHD is recognised by its footer of 512 or 511 bytes", () => {
  assert.equal(recogniseFormat(empty, sector(0, utf8("conectix"))), "VHD");
  assert.equal(recogniseFormat(empty, sector(1, utf8("conectix"))), "VHD");
  assert.equal(recogniseFormat(empty, sector(2, utf8("conectix"))), null);
});

test("a raw disk is of no format, however short", () => {
  assert.equal(recogniseFormat(empty, empty), null);
  for (let length = 0; length < 512; length += 7) {
    const short = utf8("conectix").subarray(0, Math.min(length, 7));
    assert.equal(recogniseFormat(short, short), null);
  }
});
