import assert from "node:assert/strict";
import { createDecipheriv, createHash, createHmac, createPrivateKey, createPublicKey } from "node:crypto";
import { argon2Sync, diffieHellman, hkdfSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import { memoryStore } from "#store/memory.ts";
import { keyringDeps, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { parseKeyFile, writeKeyFile } from "#vault/keyring/key-file.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import { keyFilePair } from "#vault/keyring/unlock-way.ts";

const { signal } = new AbortController();
const page = readFileSync(join(import.meta.dirname, "../../../docs/format/keyring.md"), "utf8");
const example = page.slice(page.indexOf("## Example"));

/** The text of the code block after `heading`, with the line end of its last line. */
function block(heading: string): string {
  const from = example.indexOf("\n", example.indexOf("```", example.indexOf(heading))) + 1;
  return example.slice(from, example.indexOf("```", from));
}

/** The row of the table of values that starts with `name`. */
function value(name: string): string {
  const row = example.split("\n").find((line) => line.startsWith(`| ${name} `));
  return /`([0-9a-f]{64})`/.exec(row ?? "")?.[1] ?? assert.fail(`no value ${name}`);
}

test("the format document shows what the program writes", async () => {
  const base = keyringDeps("docs/format/keyring.md");
  const drawn: string[] = [];
  const random = (length: number): Uint8Array => {
    const bytes = base.random(length);
    drawn.push(bytes.toHex());
    return bytes;
  };
  const key = new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
  const ways = [
    { label: "host", secret: { kind: "keyfile", key } as const },
    { label: "Anna", secret: passphraseOf("correct horse") },
  ];
  const store = memoryStore();
  const opened = await createVault(store, { ways }, { ...base, random }, signal);

  assert.equal(block("The key file:"), writeKeyFile(key, ["Opens the example vault."]));
  for (const name of ["vault.json", "keyring/00000001"]) {
    const bytes = await store.get(name, 65536, signal);
    assert.equal(block(`\n\`${name}\`:`), fromUtf8(bytes ?? new Uint8Array(0)));
  }
  assert.equal(value("root key"), opened.keys.root.bytes.toHex());
  assert.equal(value("data key of epoch 1"), opened.keys.epochs.get(1)?.bytes.toHex());
  assert.equal(value("SHA-256 of `keyring/00000001`"), opened.keys.keyring.hash);
  assert.equal(value("private key of the key file's way"), keyFilePair(opened.vault.id, key).privateKey.bytes.toHex());
  for (const name of [
    "generation's key",
    "private key of the passphrase's way",
    "ephemeral private key, key file's way",
    "ephemeral private key, passphrase's way",
  ]) {
    assert.ok(drawn.includes(value(name)), name);
  }
});

test("the example opens by nothing but the format document and a library of primitives", () => {
  const text = block("\n`keyring/00000001`:");
  type Way = Record<
    "id" | "publicKey" | "rootMac" | "salt" | "wrappedPrivateKey" | "ephemeralKey" | "wrappedKey",
    string
  >;
  const vault = JSON.parse(block("\n`vault.json`:")) as { id: string; rootCommitment: string };
  const keyring = JSON.parse(text) as { ways: [Way, Way]; sealed: string; mac: string };
  const [host, anna] = keyring.ways;
  const vaultId = Uint8Array.fromHex(vault.id);
  const bytes = (base64: string): Uint8Array => Uint8Array.fromBase64(base64);
  const hkdf = (key: Uint8Array, info: Uint8Array): Uint8Array =>
    new Uint8Array(hkdfSync("sha256", key, vaultId, info, 32));
  const hmac = (key: Uint8Array, data: Uint8Array): Buffer => createHmac("sha256", key).update(data).digest();
  const open = (key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array => {
    const decipher = createDecipheriv("aes-256-gcm", key, new Uint8Array(12));
    decipher.setAAD(associated).setAuthTag(sealed.subarray(-16));
    return concat(decipher.update(sealed.subarray(0, -16)), decipher.final());
  };

  const password = { message: utf8("correct horse"), nonce: bytes(anna.salt) };
  const derived = argon2Sync("argon2id", { ...password, memory: 64, passes: 1, parallelism: 1, tagLength: 32 });
  const wrapping = hkdf(derived, utf8(`lockstep v1 passphrase ${anna.id}`));
  const fileKey = parseKeyFile("the example", utf8(block("The key file:"))).bytes;
  const privateKeys = [
    [host, hkdf(fileKey, utf8("lockstep v1 key file"))],
    [anna, open(wrapping, bytes(anna.wrappedPrivateKey), bytes(anna.publicKey))],
  ] as const;
  for (const [way, privateKey] of privateKeys) {
    const rootMacKey = hkdf(privateKey, utf8("lockstep v1 unlock way root"));
    const committed = concat(vaultId, Uint8Array.fromHex(vault.rootCommitment));
    assert.equal(hmac(rootMacKey, committed).toString("base64"), way.rootMac);

    const asymmetricKeyType = "x25519";
    const shared = diffieHellman({
      privateKey: createPrivateKey({ key: privateKey, format: "raw-private", asymmetricKeyType }),
      publicKey: createPublicKey({ key: bytes(way.ephemeralKey), format: "raw-public", asymmetricKeyType }),
    });
    const purpose = utf8("lockstep v1 keyring x25519-hkdf-sha256-aes256gcm");
    const one = Uint8Array.of(1, 0, 0, 0);
    const info = concat(purpose, one, utf8(way.id), bytes(way.ephemeralKey), bytes(way.publicKey));
    const generationKey = open(hkdf(shared, info), bytes(way.wrappedKey), new Uint8Array(0));
    assert.equal(generationKey.toHex(), value("generation's key"));

    const place = concat(utf8("lockstep v1 keyring contents"), vaultId, one);
    const contents = open(generationKey, bytes(keyring.sealed), place);
    assert.equal(contents.toHex(), `${value("root key")}01000000${value("data key of epoch 1")}`);
    const root = contents.subarray(0, 32);
    const commitment = createHash("sha256").update("lockstep v1 root commitment").update(vaultId).update(root);
    assert.equal(commitment.digest("hex"), vault.rootCommitment);
    const covered = utf8(text).subarray(0, -80);
    assert.equal(hmac(hkdf(root, utf8("lockstep v1 keyring mac")), covered).toString("hex"), keyring.mac);
  }
});
