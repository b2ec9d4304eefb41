import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { LockstepError } from "#errors/errors.ts";
import { failureAnswer, MessageReader, readAnswer, readRequest, writeAnswer, writeRequest } from "#kdf/kdf-message.ts";
import type { KdfRequest } from "#volume/header/kdf.ts";

const salt = Uint8Array.of(0, 1, 254, 255);

/** A message read in pieces of so many bytes. */
function read(message: Uint8Array, pieceBytes: number, mostBytes = 10_000): Uint8Array {
  const reader = new MessageReader(mostBytes);
  for (let at = 0; at < message.length; at += pieceBytes) {
    const body = reader.add(message.slice(at, at + pieceBytes));
    if (body !== null) return body;
  }
  return assert.fail("no message");
}

test("a request arrives as it was sent, however it is cut", () => {
  const kinds: KdfRequest[] = [
    { kind: "pbkdf2", hash: "sha256", iterations: 2 ** 32 - 1, salt, keyBytes: 64 },
    { kind: "argon2i", memoryKiB: 2 ** 32 - 1, passes: 4, lanes: 4, salt: new Uint8Array(), keyBytes: 32 },
    { kind: "bitlocker", rounds: 2 ** 20, salt },
  ];
  const property = fc.property(
    fc.constantFrom(...kinds),
    fc.uint8Array(),
    fc.integer({ min: 1, max: 60 }),
    (...given) => {
      const [request, secret, pieceBytes] = given;
      const message = writeRequest(request, new Secret(secret.slice()));
      const got = readRequest(read(message, pieceBytes));
      assert.deepEqual(got.request, request);
      assert.deepEqual(got.secret.bytes, secret);
    },
  );
  fc.assert(property);
});

test("a key and a failure arrive as they were sent", () => {
  const key = new Secret(Uint8Array.of(1, 2, 3));
  const arrived = readAnswer(read(writeAnswer({ kind: "key", key }), 2));
  assert.ok(arrived.kind === "key");
  assert.deepEqual(arrived.key.bytes, Uint8Array.of(1, 2, 3));

  const unsupported = failureAnswer(new LockstepError("VOLUME_UNSUPPORTED", "no such thing"));
  assert.deepEqual(readAnswer(read(writeAnswer(unsupported), 3)), unsupported);
  assert.deepEqual(failureAnswer(new Error("broken")), { kind: "failure", code: "KDF_FAILED", message: "broken" });
});

test("what a message came in is wiped", () => {
  const message = concat(Uint8Array.of(3, 0, 0, 0), Uint8Array.of(7, 8, 9));
  const reader = new MessageReader(3);
  const [first, last] = [message.subarray(0, 5), message.subarray(5)];
  reader.add(first);
  assert.deepEqual(reader.add(last), Uint8Array.of(7, 8, 9));
  assert.deepEqual(message, new Uint8Array(7));
});

test("a message that says it is longer than allowed is refused before it is collected", () => {
  const reader = new MessageReader(100);
  assert.throws(() => reader.add(Uint8Array.of(255, 255, 255, 255)), { code: "KDF_FAILED" });
});
