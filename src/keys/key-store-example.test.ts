import assert from "node:assert/strict";
import { createDecipheriv, createPrivateKey, createPublicKey, diffieHellman, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { KeyStore } from "#keys/key-store.ts";
import { addTestVersion, keyStoreDeps } from "#testing/keys/key-store.ts";
import { seededRandom } from "#testing/random.ts";

const { signal } = new AbortController();
const page = readFileSync(join(import.meta.dirname, "../../docs/format/key-store.md"), "utf8");
const example = page.slice(page.indexOf("## Example"));

/** The values of the example's table, as text. */
const shown = new Map(
  [...example.matchAll(/^\| (.+?) +\| `([^`]+)` *\|$/gm)].map(([, name = "", value = ""]) => [name, value]),
);

function textOf(name: string): string {
  return shown.get(name) ?? assert.fail(`the example has no ${name}`);
}

function bytesOf(name: string): Buffer {
  return Buffer.from(textOf(name), "hex");
}

test("the format document shows what the program writes", async () => {
  const key = new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
  const seal = { label: "file", secret: { kind: "key-file", secret: key } } as const;
  const deps = keyStoreDeps(seededRandom("docs/format/key-store.md"));
  using store = await KeyStore.create(":memory:", [seal], deps, signal);
  const version = addTestVersion(store, "web01", "correct horse");

  const cell = (sql: string): unknown => Object.values(store.db.prepare(sql).get() ?? {})[0];
  for (const [name, sql] of [
    ["`store.id`", "SELECT id FROM store"],
    ["`store.signing_public`", "SELECT signing_public FROM store"],
    ["`seals.id`", "SELECT id FROM seals"],
    ["`seals.public_key`", "SELECT public_key FROM seals"],
    ["`seals.sealed_root`", "SELECT sealed_root FROM seals"],
    ["`wrapping_keys.wrapped`, number 1", "SELECT wrapped FROM wrapping_keys"],
    ["`own_secrets.value` of the signing key", "SELECT value FROM own_secrets"],
    ["`keys.id`", "SELECT id FROM keys"],
    ["`versions.id`", "SELECT id FROM versions"],
    ["`versions.value`", "SELECT value FROM versions"],
  ] as const) {
    const value = cell(sql);
    assert.equal(textOf(name), value instanceof Uint8Array ? value.toHex() : value, name);
  }
  assert.equal(version.number, 1);
});

test("a reader that was written from the document alone reads the value of the example", () => {
  const store = textOf("`store.id`");
  const secret = Uint8Array.from({ length: 32 }, (_, at) => at);

  // "Seals"
  const privateHalf = hkdf(secret, Buffer.from(store), "lockstep v1 key store seal");
  const sealedRoot = bytesOf("`seals.sealed_root`");
  const ephemeral = sealedRoot.subarray(0, 32);
  const publicHalf = bytesOf("`seals.public_key`");
  const shared = diffieHellman({
    privateKey: createPrivateKey({ key: privateHalf, format: "raw-private", asymmetricKeyType: "x25519" }),
    publicKey: createPublicKey({ key: ephemeral, format: "raw-public", asymmetricKeyType: "x25519" }),
  });
  const purpose = `lockstep v1 key store ${store} root 1 seal ${textOf("`seals.id`")}`;
  const sealing = hkdf(shared, Buffer.concat([ephemeral, publicHalf]), purpose);
  const root = open(sealing, Buffer.alloc(12), sealedRoot.subarray(32), "");

  // "Wrapping"
  const unwrap = (by: Buffer, number: number, name: string, wrapped: Buffer): Buffer =>
    open(by, wrapped.subarray(0, 12), wrapped.subarray(12), `lockstep v1 wrapped by ${number}: ${name}`);
  const wrapping = unwrap(root, 1, "wrapping key 1", bytesOf("`wrapping_keys.wrapped`, number 1"));
  const name = `version ${textOf("`versions.id`")}, passphrase, number 1 of key ${textOf("`keys.id`")}`;
  assert.equal(unwrap(wrapping, 1, name, bytesOf("`versions.value`")).toString(), "correct horse");

  // "Signatures"
  const signing = unwrap(wrapping, 1, "own secret signing key", bytesOf("`own_secrets.value` of the signing key"));
  const key = createPrivateKey({ key: signing, format: "raw-private", asymmetricKeyType: "ed25519" });
  const publicKey = createPublicKey(key).export({ format: "raw-public" });
  assert.equal(publicKey.toString("hex"), textOf("`store.signing_public`"));
});

function hkdf(key: Uint8Array, salt: Uint8Array, info: string): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, info, 32));
}

function open(key: Buffer, nonce: Buffer, sealed: Buffer, associated: string): Buffer {
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
  decipher.setAAD(Buffer.from(associated));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
}
