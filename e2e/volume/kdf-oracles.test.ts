import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";

const PASSPHRASE = "Grüße, and a \\ backslash";
const SALT = "2f6f6d6e697472697820736f6d652073616c7400ff01";
const ROUNDS = 1234;
const hashes = ["sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512", "ripemd160", "sm3"];
const lengths = [16, 32, 64, 100];

/** Prints a line with hash, length and key for each hash that this Python has. */
const SCRIPT = `
import hashlib, sys
password, salt, rounds, names, lengths = sys.argv[1:]
for name in names.split():
    try: hashlib.new(name)
    except ValueError: continue
    for length in lengths.split():
        key = hashlib.pbkdf2_hmac(name, password.encode(), bytes.fromhex(salt), int(rounds), int(length))
        print(name, length, key.hex())
`;

test("PBKDF2 of every hash gives what Python's does", async (t) => {
  const args = ["-c", SCRIPT, PASSPHRASE, SALT, String(ROUNDS), hashes.join(" "), lengths.join(" ")];
  const { stdout, error } = spawnSync("python3", args, { encoding: "utf8", env: { ...process.env, PYTHONUTF8: "1" } });
  if (error !== undefined) {
    console.error(`NOT TESTED: ${t.name}: needs python3`);
    t.skip("needs python3");
    return;
  }
  const theirs = new Map(
    stdout
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.lastIndexOf(" ")), line]),
  );
  for (const hash of hashes) {
    if (!theirs.has(`${hash} 16`)) console.error(`NOT TESTED: ${t.name}: ${hash}: Python does not have it`);
    else {
      for (const keyBytes of lengths) {
        const request = { kind: "pbkdf2", hash, iterations: ROUNDS, salt: Uint8Array.fromHex(SALT), keyBytes } as const;
        using key = await deriveKey(request, new Secret(utf8(PASSPHRASE)));
        assert.equal(`${hash} ${keyBytes} ${hex(key.bytes)}`, theirs.get(`${hash} ${keyBytes}`));
      }
    }
  }
  assert.ok(theirs.size >= 16, `Python gave only ${theirs.size} keys`);
});
