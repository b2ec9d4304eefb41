import assert from "node:assert/strict";
import { test } from "node:test";

import { luks2Sample, passphrase, signal, terms } from "#testing/volumes/luks2-sample.ts";
import type { SectorCipher } from "#volume/cipher/sector-cipher-spec.ts";
import { openSectorCipher } from "#volume/cipher/sector-cipher.ts";
import { inspect } from "#volume/inspect.ts";
import { decryptSectors } from "#volume/plaintext/decrypt-sectors.ts";
import type { SectorPlace } from "#volume/plaintext/decrypt-sectors.ts";
import { memorySource } from "#volume/source/source.ts";

const plaintext = new Uint8Array(8192).map((_, at) => at % 251);

/** What decrypting the sectors of a volume takes, found as docs/format/volumes.md says. */
async function opened(disk: Uint8Array): Promise<{ cipher: SectorCipher; content: SectorPlace["content"] }> {
  const { headers } = await inspect(memorySource(disk), signal);
  const found = headers.get("disk");
  assert.ok(found !== undefined);
  using unlocked = await found.header.unlock(passphrase("first"), terms(), signal);
  const { ciphers, stretches } = found.header.mapping(found.source.sizeBytes);
  const content = stretches[0]?.content;
  assert.ok(content?.kind === "encrypted");
  const [spec, key] = [ciphers[content.cipher], unlocked.volumeKeys[content.cipher]];
  assert.ok(spec !== undefined && key !== undefined);
  return { cipher: openSectorCipher(spec, key.bytes), content };
}

function sample(): Uint8Array {
  const maker = luks2Sample.copy();
  maker.putData(plaintext);
  return maker.written();
}

test("sectors that somebody read are decrypted by their place, all at once or one by one", async () => {
  const disk = sample();
  const { cipher, content } = await opened(disk);
  using _cipher = cipher;
  const { sourceOffsetBytes: from } = content;
  const all = disk.slice(from, from + plaintext.length);
  decryptSectors(all, { content, offsetBytes: 0 }, cipher);
  assert.deepEqual(all, plaintext);
  for (let offsetBytes = 0; offsetBytes < plaintext.length; offsetBytes += 512) {
    const one = disk.slice(from + offsetBytes, from + offsetBytes + 512);
    decryptSectors(one, { content, offsetBytes }, cipher);
    assert.deepEqual(one, plaintext.subarray(offsetBytes, offsetBytes + 512), `at ${offsetBytes}`);
  }
});

test("a sector of zeros, which was never written, reads as zeros where that is asked for", async () => {
  const { cipher, content } = await opened(sample());
  using _cipher = cipher;
  for (const [blankSectors, isZero] of [
    ["zeros", true],
    ["decrypted", false],
  ] as const) {
    const sectors = new Uint8Array(512);
    decryptSectors(sectors, { content, offsetBytes: 512 }, cipher, blankSectors);
    assert.equal(
      sectors.every((byte) => byte === 0),
      isZero,
    );
  }
});

test("what is not whole sectors is refused, and stays as it is", async () => {
  const { cipher, content } = await opened(sample());
  const sectors = new Uint8Array(1024).fill(7);
  const refused = { code: "ARGUMENT_INVALID" };
  assert.throws(() => decryptSectors(sectors, { content, offsetBytes: 256 }, cipher), refused);
  assert.throws(() => decryptSectors(sectors.subarray(1), { content, offsetBytes: 0 }, cipher), refused);
  cipher[Symbol.dispose]();
  assert.throws(() => decryptSectors(sectors, { content, offsetBytes: 0 }, cipher), refused);
  assert.ok(sectors.every((byte) => byte === 7));
});
