import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { fingerprinter } from "#crypto/fingerprint.ts";
import { objectCipherKey, parseHeader } from "#vault/object/header.ts";
import { firstGeneration, parseId, segmentId, sessionId } from "#vault/object/ids.ts";
import type { DiskId, MachineId, VaultId } from "#vault/object/ids.ts";
import { objectKeys } from "#vault/object/object-keys.ts";
import { sealObject } from "#vault/object/sealed.ts";
import { fingerprintKey } from "#vault/object/vault-keys.ts";
import type { VaultKeys } from "#vault/object/vault-keys.ts";
import { POINTER_BYTES, writePointer } from "#vault/segments/pointer.ts";
import { SegmentBuilder } from "#vault/segments/segment-builder.ts";
import { newSegmentCipher, PAGE_BYTES } from "#vault/segments/segment.ts";
import { writeNode } from "#vault/tree/node.ts";

const page = join(import.meta.dirname, "../../docs/format/vault.md");

/** Bytes that count up from `first`. */
const counting = (first: number, length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => first + i);

function example(): string {
  const keys: VaultKeys = {
    vaultId: parseId<VaultId>(hex(counting(0x10, 16)), "vault"),
    root: new Secret(counting(0x20, 32)),
    epochs: new Map([[1, new Secret(counting(0x40, 32))]]),
    currentEpoch: 1,
    keyring: { generation: 1, hash: "" },
  };
  const machine = parseId<MachineId>(hex(counting(0x60, 16)), "machine");
  const disk = parseId<DiskId>(hex(counting(0x70, 16)), "disk");
  const session = sessionId(2, counting(0x80, 8));
  const segment = segmentId(session, 0);

  const rosterKey = objectKeys.roster(machine);
  const roster = sealObject(keys, "rost", rosterKey, utf8(JSON.stringify({ machine })), (length) =>
    counting(0x90, length),
  );
  const rosterHeader = parseHeader(rosterKey, roster, "rost", 0);

  const cipher = newSegmentCipher(keys, { machine, disk, kind: "data", segment, generation: firstGeneration });
  const builder = new SegmentBuilder(cipher, new Uint8Array(PAGE_BYTES + 16));
  const block = utf8("sixteen bytes ok");
  builder.add(block, false);
  const object = concat(...builder.finish());

  const fingerprint = fingerprinter(fingerprintKey(keys, disk)).of(block);
  const pointers = new Uint8Array(32 * POINTER_BYTES);
  writePointer(pointers, 3 * POINTER_BYTES, { segment, slot: 0, flags: 0, fingerprint });
  const node = writeNode(1, pointers) ?? new Uint8Array();

  const rows: [string, string][] = [
    ["vault id", keys.vaultId],
    ["root key", hex(keys.root.bytes)],
    ["data key of epoch 1", hex(counting(0x40, 32))],
    ["machine id", machine],
    ["disk id", disk],
    ["`" + rosterKey + "`, object id", hex(counting(0x90, 16))],
    ["its object key", hex(objectCipherKey(keys, rosterKey, rosterHeader))],
    ["the object", hex(roster)],
    ["session", session],
    ["segment", segment],
    ["key of its first generation", "`" + cipher.key + "`"],
    ["its header", hex(cipher.header)],
    ["its object key", hex(cipher.cipherKey)],
    ["slot 0, plaintext", hex(block)],
    ["the object from byte 4096 (decimal) on", hex(object.subarray(PAGE_BYTES))],
    ["fingerprint key of the disk", hex(fingerprintKey(keys, disk))],
    ["node of level 1 with block 3 in slot 0", hex(node)],
  ];
  return rows.map(([name, value]) => `- ${name}:\n  ${value}`).join("\n");
}

test("the example values in the format's description are what this program computes", () => {
  const text = readFileSync(page, "utf8");
  const shown = /<!-- example -->\n\n?([^]*?)\n?\n<!-- \/example -->/.exec(text)?.[1];
  assert.equal(shown?.trim(), example());
});
