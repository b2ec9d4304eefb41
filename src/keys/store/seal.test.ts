import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { hkdf } from "#crypto/derive.ts";
import { openSealed } from "#crypto/x25519.ts";
import type { KeyStoreId } from "#keys/store/model.ts";
import { makeSeal, openRoot, sealRoot } from "#keys/store/seal.ts";
import type { Seal, SealSecret } from "#keys/store/seal.ts";
import { fileSecret, keyStoreDeps } from "#testing/keys/key-store.ts";

const { signal } = new AbortController();
const deps = keyStoreDeps();
const storeId = "00112233445566778899aabbccddeeff" as KeyStoreId;

function passphrase(text: string): SealSecret {
  return { kind: "passphrase", secret: new Secret(utf8(text)) };
}

async function sealed(secret: SealSecret) {
  const seal = await makeSeal(storeId, { label: "one", secret }, deps, signal);
  const root = { number: 3, key: new Secret(new Uint8Array(32).fill(9)) };
  return { seal, root: sealRoot(storeId, seal, root, deps.random), rootNumber: root.number };
}

async function open(
  store: KeyStoreId,
  seal: Seal,
  found: { root: Uint8Array; rootNumber: number },
  secret: SealSecret,
) {
  return openRoot(store, seal, found, secret, deps.kdf, signal);
}

test("a key file's seal gives the root key to the same file only", async () => {
  const { seal, ...found } = await sealed(fileSecret());
  assert.equal(hex((await open(storeId, seal, found, fileSecret()))?.bytes ?? new Uint8Array(0)), "09".repeat(32));
  assert.equal(await open(storeId, seal, found, fileSecret(8)), null);
});

test("a passphrase is the same text, however it was typed", async () => {
  const { seal, ...found } = await sealed(passphrase("gr\u00fcn"));
  assert.equal(
    hex((await open(storeId, seal, found, passphrase("gru\u0308n")))?.bytes ?? new Uint8Array(0)),
    "09".repeat(32),
  );
  assert.equal(await open(storeId, seal, found, passphrase("grun")), null);
});

test("a secret of another kind is not tried", async () => {
  const { seal, ...found } = await sealed(fileSecret());
  const { secret } = fileSecret();
  assert.equal(await open(storeId, seal, found, { kind: "host-credential", secret }), null);
});

test("what was sealed opens for no other store, seal or root key", async () => {
  const { seal, ...found } = await sealed(fileSecret());
  const other = "ff".repeat(16) as KeyStoreId;
  assert.equal(await open(other, seal, found, fileSecret()), null);
  assert.equal(await open(storeId, { ...seal, id: "00".repeat(16) }, found, fileSecret()), null);
  assert.equal(await open(storeId, seal, { ...found, rootNumber: 4 }, fileSecret()), null);
});

test("no byte of it can be changed", async () => {
  const { seal, ...found } = await sealed(fileSecret());
  for (let at = 0; at < found.root.length; at++) {
    const root = found.root.with(at, (found.root[at] ?? 0) ^ 1);
    assert.equal(await open(storeId, seal, { ...found, root }, fileSecret()), null, String(at));
  }
  const publicKey = seal.publicKey.with(0, (seal.publicKey[0] ?? 0) ^ 1);
  assert.equal(await open(storeId, { ...seal, publicKey }, found, fileSecret()), null);
});

test("a seal that asks for too much work is refused before any", async () => {
  const { seal, ...found } = await sealed(passphrase("x"));
  const { parameters } = seal;
  assert.equal(parameters.by, "argon2id");
  for (const more of [{ memoryKiB: 2 ** 21 }, { passes: 17 }, { lanes: 17 }]) {
    const costly = { ...seal, parameters: { ...parameters, ...more } };
    await assert.rejects(open(storeId, costly, found, passphrase("x")), { code: "UNLOCK_TOO_COSTLY" });
  }
});

test("an empty passphrase, and one that is no text, make no seal", async () => {
  for (const secret of [passphrase(""), { kind: "passphrase", secret: new Secret(Uint8Array.of(0xff)) } as const]) {
    await assert.rejects(makeSeal(storeId, { label: "one", secret }, deps, signal), { code: "ARGUMENT_INVALID" });
  }
});

test("a key file's seal is as docs/format/key-store.md says", async () => {
  const { seal, root } = await sealed(fileSecret());
  const privateKey = new Secret(hkdf(new Uint8Array(32).fill(7), utf8(storeId), "lockstep v1 key store seal"));
  const purpose = `lockstep v1 key store ${storeId} root 3 seal ${seal.id}`;
  assert.equal(hex(openSealed(privateKey, root, purpose)?.bytes ?? new Uint8Array(0)), "09".repeat(32));
});
