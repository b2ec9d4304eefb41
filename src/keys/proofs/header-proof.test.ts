import assert from "node:assert/strict";
import { test } from "node:test";

import { base64, fromBase64 } from "#bytes/text.ts";
import { HeaderProver } from "#keys/proofs/header-proof.ts";
import type { HeaderFinding, ProofRequest } from "#keys/proofs/header-proof.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import { bindTo, presentedOf, someMachine, somePoint, someVault } from "#testing/keys/presented-volume.ts";
import { seededRandom } from "#testing/random.ts";
import { recoveryText, u32 } from "#testing/volumes/bitlocker-entry-maker.ts";
import { forge, makeBitlocker } from "#testing/volumes/bitlocker-maker.ts";
import { editedSample, sampleMaterial, sampleVolume } from "#testing/volumes/luks1-sample.ts";
import { AREA_BYTES, HEADER_BYTES, Luks2Maker, put } from "#testing/volumes/luks2-maker.ts";
import type { MadeJson } from "#testing/volumes/luks2-maker.ts";

const { signal } = new AbortController();
const random = seededRandom("altered headers");
const below = (count: number): number => random(4).reduce((value, byte) => value * 256 + byte, 0) % count;

/** A key deriver that nobody may ask. */
const kdf = { derive: () => assert.fail("derived") };

const luks2 = Luks2Maker.make("altered", [{ number: 0, passphrase: "first" }]);

/** A value for a place in the JSON that is possible there, and is not what was there. */
const changes: readonly (readonly [path: string, () => MadeJson])[] = [
  ["digests.0.salt", () => base64(random(32))],
  ["digests.0.digest", () => base64(random(32))],
  ["digests.0.iterations", () => 4 + below(1000)],
  ["digests.0.hash", () => "sha512"],
  ["segments.0.iv_tweak", () => String(8 * (1 + below(1000)))],
  ["segments.0.encryption", () => "aes-cbc-plain64"],
  ["keyslots.0.kdf.salt", () => base64(random(32))],
  ["keyslots.0.kdf.iterations", () => 4 + below(1000)],
  ["keyslots.0.af.hash", () => "sha512"],
  ["keyslots.0.area.encryption", () => "aes-cbc-essiv:sha256"],
  ["keyslots.0.area.offset", () => String(2 * HEADER_BYTES + AREA_BYTES)],
];

/** The volume with something of it changed, and its checksums right. */
function alteredLuks2(): Uint8Array {
  const maker = luks2.copy();
  const which = below(changes.length + 3);
  const change = changes[which];
  if (change === undefined) {
    const at = 2 * HEADER_BYTES + below(32 * 4000);
    maker.volume[at] = (maker.volume[at] ?? 0) ^ (1 << below(8));
  } else put(maker.json, change[0], change[1]());
  return maker.written();
}

function alteredLuks1(): Uint8Array {
  const { offsetBytes, lengthBytes } = sampleMaterial(3);
  const keyslot = 208 + 48 * 3;
  const flip = (at: number) => editedSample((bytes) => void (bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))));
  const places = [
    () => 112 + below(20), // digest
    () => 132 + below(32), // its salt
    () => 167, // its rounds
    () => keyslot + 7, // the keyslot's rounds
    () => keyslot + 8 + below(32), // its salt
    () => offsetBytes + below(lengthBytes),
  ];
  return flip(places[below(places.length)]?.() ?? 0);
}

/** Findings on headers, none of which may lead to a derivation. */
async function proveAll(
  image: Uint8Array,
  protectorId: string,
  value: Parameters<typeof bindTo>[3],
  headers: Iterable<Uint8Array>,
): Promise<HeaderFinding[]> {
  using keySide = await testKeySide(kdf);
  await bindTo(keySide, image, protectorId, value);
  const prover = new HeaderProver({ store: keySide.side.store, kdf, costLimit: { memoryKiB: 2 ** 20, seconds: 60 } });
  const { ranges, ...size } = await presentedOf(image);
  const findings: HeaderFinding[] = [];
  for (const header of headers) {
    const pieces = ranges.map(([offsetBytes, text]) => {
      const { length } = fromBase64(text) ?? assert.fail();
      return { offsetBytes, bytes: header.subarray(offsetBytes, offsetBytes + length) };
    });
    const names = { vault: someVault, machine: someMachine, point: somePoint, disk: "disk0", volume: "1" };
    const request: ProofRequest = { ...names, size, header: pieces, anew: false };
    const { finding, session } = await prover.prove(request, signal);
    assert.equal(session, null);
    findings.push(finding);
  }
  return findings;
}

function assertAllAre(findings: readonly HeaderFinding[], verdict: HeaderFinding["verdict"]): void {
  for (const finding of findings) {
    const { header: _identities, ...answer } = finding;
    const none = { version: null, derivedMs: null, carriedOver: false, structures: [0, 0], unproven: false };
    assert.deepEqual(answer, { ...none, verdict });
  }
}

test("1,000 altered headers with right checksums get the same answer, and nothing is derived", async () => {
  const image = luks2.copy().written();
  const value = { kind: "passphrase", bytes: "first" } as const;
  const many = await proveAll(image, "keyslot 0", value, Array.from({ length: 600 }, alteredLuks2));
  assertAllAre(many, "not bound");
  const cheap = { kind: "passphrase", bytes: "cheap" } as const;
  const luks1 = await proveAll(sampleVolume, "keyslot 3", cheap, Array.from({ length: 300 }, alteredLuks1));
  assertAllAre(luks1, "not bound");

  const guid = "11111111-2222-3333-4444-555555555555";
  const shorts = [1, 2, 3, 4, 5, 6, 7, 8];
  const made = makeBitlocker({ protectors: [{ kind: "recovery-password", guid, shorts }] });
  const from = 64 + 48 + 8 + 2 * "HOST C: 1/2/2026\0".length; // behind the description: the protector, and the volume key
  const protectorAt = from + 8 + 16 + 8 + 2 + 2;
  const forged = Array.from({ length: 100 }, (_, count) =>
    forge(made, [1, 2, 3], protectorAt + 8 + 4 + below(12), u32(0x01020304 + count)),
  );
  const bitlocker = await proveAll(
    made.image,
    guid,
    { kind: "recovery-password", bytes: recoveryText(shorts) },
    forged,
  );
  assertAllAre(bitlocker, "not bound");
});

test("headers whose checksums are wrong are damaged, whatever is bound, and nothing is derived", async () => {
  const image = luks2.copy().written();
  const damaged = Array.from({ length: 100 }, () => {
    const header = image.slice();
    const at = 4096 + below(500);
    for (const copy of [0, HEADER_BYTES]) header[copy + at] = (header[copy + at] ?? 0) ^ 0x80;
    return header;
  });
  const findings = await proveAll(image, "keyslot 0", { kind: "passphrase", bytes: "first" }, damaged);
  assertAllAre(findings, "header damaged");
  assert.ok(findings.every(({ header }) => header === null));
});
