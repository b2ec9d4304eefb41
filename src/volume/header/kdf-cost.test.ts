import assert from "node:assert/strict";
import { test } from "node:test";

import { costOf, defaultCostLimit, refuseCost } from "#volume/header/kdf-cost.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

const salt = new Uint8Array(32);

function argon2(memoryMiB: number, passes: number): KdfRequest {
  return { kind: "argon2id", memoryKiB: memoryMiB * 1024, passes, lanes: 4, salt, keyBytes: 64 };
}

function pbkdf2(iterations: number, keyBytes = 32, hash = "sha256"): KdfRequest {
  return { kind: "pbkdf2", hash, iterations, salt, keyBytes };
}

test("what programs ask for by themselves is allowed", () => {
  // cryptsetup caps a default container at 1 GiB; its PBKDF2 counts are those of a machine with fast SHA for 2 s; BitLocker's are fixed
  const usual = [
    argon2(1024, 4),
    argon2(1024, 12),
    pbkdf2(10_000_000, 64),
    pbkdf2(4_000_000, 64, "sha512"),
    pbkdf2(1_500_000, 64, "whirlpool"),
    pbkdf2(3_000_000, 64, "ripemd160"),
    { kind: "bitlocker", rounds: 2 ** 20, salt } as const,
  ];
  for (const request of usual) refuseCost(costOf(request), defaultCostLimit, "header");
});

test("what only a hostile header asks for is refused, with memory and time asked for and allowed", () => {
  assert.throws(() => refuseCost(costOf(argon2(4096, 4)), defaultCostLimit, "LUKS2 header: keyslot 3"), {
    code: "KDF_TOO_COSTLY",
    message:
      /^LUKS2 header: keyslot 3: argon2id with 4 passes takes 4096 MiB of memory and about \d+ s; allowed are 1024 MiB and 60 s$/,
  });
  assert.throws(() => refuseCost(costOf(pbkdf2(2 ** 31)), defaultCostLimit, "LUKS1 header: keyslot 0"), {
    code: "KDF_TOO_COSTLY",
    message: /^LUKS1 header: keyslot 0: pbkdf2 with 2147483648 rounds takes about \d+ s; allowed are 60 s$/,
  });
  for (const request of [argon2(1025, 1), argon2(1, 2 ** 32 - 1), pbkdf2(2 ** 32 - 1)]) {
    assert.throws(() => refuseCost(costOf(request), defaultCostLimit, "header"), { code: "KDF_TOO_COSTLY" });
  }
});

test("a limit allows what reaches it and nothing above", () => {
  const cost = costOf(argon2(256, 3));
  refuseCost(cost, { memoryKiB: cost.memoryKiB, seconds: cost.seconds }, "header");
  for (const limit of [
    { memoryKiB: cost.memoryKiB - 1, seconds: cost.seconds },
    { memoryKiB: cost.memoryKiB, seconds: cost.seconds * 0.99 },
  ]) {
    assert.throws(() => refuseCost(cost, limit, "header"), { code: "KDF_TOO_COSTLY" });
  }
});

test("PBKDF2 costs its rounds once for each length of the hash that the key has", () => {
  const seconds = (keyBytes: number): number => costOf(pbkdf2(1000, keyBytes)).seconds;
  assert.equal(seconds(33), 2 * seconds(32));
  assert.equal(seconds(64), 2 * seconds(32));
  assert.equal(seconds(16), seconds(32));
});

test("a cost that is no number is refused", () => {
  assert.throws(() => refuseCost(costOf(pbkdf2(Number.NaN)), defaultCostLimit, "header"), { code: "KDF_TOO_COSTLY" });
});
