import assert from "node:assert/strict";
import { test } from "node:test";

import { concat } from "#bytes/arrays.ts";
import { Secret } from "#bytes/secret.ts";
import { fromUtf8, hex, utf8 } from "#bytes/text.ts";
import { hkdf, hmacSha256, sha256 } from "#crypto/derive.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import type { ObjectKey, Store } from "#store/contract.ts";
import { memoryStore } from "#store/memory.ts";
import { seededRandom } from "#testing/random.ts";
import { badSectorStore } from "#testing/stores/bad-sector-store.ts";
import { fileKeyOf, keyringDeps, passphraseOf } from "#testing/vaults/keyring-deps.ts";
import { addWay, createVault, removeWay } from "#vault/keyring/keyring-change.ts";
import { KEYRING_LIMIT_BYTES, parseKeyring, sealContents, writeKeyring } from "#vault/keyring/keyring-format.ts";
import type { Keyring, KeyringContents } from "#vault/keyring/keyring-format.ts";
import { openKeyring, peekKeyring, reopenKeyring } from "#vault/keyring/keyring-open.ts";
import { checkKeyringAgainst, listWays } from "#vault/keyring/keyring.ts";
import type { OpenedKeyring } from "#vault/keyring/keyring.ts";
import { costCap } from "#vault/keyring/passphrase-kdf.ts";
import type { PassphraseCost } from "#vault/keyring/passphrase-kdf.ts";
import { wrapToWay } from "#vault/keyring/unlock-way-exchange.ts";
import type { UnlockWay } from "#vault/keyring/unlock-way.ts";
import { writeVaultFile } from "#vault/keyring/vault-file.ts";
import { idBytes } from "#vault/object/ids.ts";
import { rootCommitment } from "#vault/object/vault-keys.ts";

const { signal } = new AbortController();
const deps = keyringDeps("keyring");
const host = { label: "host", secret: fileKeyOf(1) };
const other = { label: "other", secret: fileKeyOf(2) };
const person = { label: "Anna", secret: passphraseOf("correct horse") };

/** A vault with three generations: made by `host`, then `person` and `other` added. */
async function threeGenerations(singleDisk = false): Promise<{ store: Store; opened: OpenedKeyring }> {
  const store = memoryStore({ singleDisk });
  const made = await createVault(store, { ways: [host] }, deps, signal);
  const second = await addWay(store, made, person, deps, signal);
  return { store, opened: await addWay(store, second, other, deps, signal) };
}

async function bytesOf(store: Store, key: ObjectKey): Promise<Uint8Array> {
  const bytes = await store.get(key, KEYRING_LIMIT_BYTES, signal);
  assert.ok(bytes, key);
  return bytes;
}

/** What whoever owns the store can do. */
async function replace(store: Store, key: ObjectKey, bytes: Uint8Array): Promise<void> {
  await store.delete(key, signal);
  await store.put(key, [bytes], {}, signal);
}

/** A generation as someone writes it who knows the public side of the one before, and `contents`. */
function forge(
  before: Keyring,
  previous: Uint8Array,
  ways: readonly UnlockWay[],
  contents: KeyringContents,
): Uint8Array {
  const random = seededRandom("forger");
  const place = { vaultId: before.vaultId, generation: before.generation + 1 };
  const key = new Secret(random(32));
  return writeKeyring(
    {
      ...place,
      previous: sha256(previous),
      createdAt: before.createdAt,
      ways: ways.map((way) => ({ ...way, ...wrapToWay({ ...place, wayId: way.id }, way.publicKey, key, random) })),
      sealed: sealContents(place, key, contents),
    },
    contents.root,
  );
}

/** A generation's bytes with another text and a right MAC, made as docs/format/keyring.md says. */
function resigned({ keys, vault }: OpenedKeyring, bytes: Uint8Array, change: (text: string) => string): Uint8Array {
  const covered = utf8(change(fromUtf8(bytes.subarray(0, -80))));
  const macKey = hkdf(keys.root.bytes, idBytes(vault.id), "lockstep v1 keyring mac");
  return concat(covered, utf8(`,\n  "mac": "${hex(hmacSha256(macKey, covered))}"\n}\n`));
}

test("any byte changed in the only generation is refused with an error of ours", async () => {
  const store = memoryStore();
  await createVault(store, { ways: [person, host] }, deps, signal);
  const whole = await bytesOf(store, "keyring/00000001");
  for (let at = 0; at < whole.length; at += 3) {
    await replace(store, "keyring/00000001", whole.with(at, (whole[at] ?? 0) ^ (1 << (at % 8))));
    await assert.rejects(openKeyring(store, host.secret, deps, signal), isLockstepError, `byte ${at}`);
  }
});

test("any byte changed in the newest generation: the one before is opened for reading, or the secret is refused", async () => {
  const { store, opened } = await threeGenerations();
  const whole = await bytesOf(store, "keyring/00000003");
  for (let at = 0; at < whole.length; at += 13) {
    await replace(store, "keyring/00000003", whole.with(at, (whole[at] ?? 0) ^ 1));
    const older = await openKeyring(store, host.secret, deps, signal);
    assert.match(older.readOnlyReason ?? "", /keyring\/00000003 was damaged.+generation 2 was opened, for reading/);
    assert.deepEqual(older.keys.root.bytes, opened.keys.root.bytes);
    await assert.rejects(openKeyring(store, other.secret, deps, signal), isLockstepError);
  }
  const older = await openKeyring(store, person.secret, deps, signal);
  await assert.rejects(addWay(store, older, { label: "new", secret: fileKeyOf(7) }, deps, signal), {
    code: "KEYRING_FORGED",
  });
});

test("cut anywhere, or far too long, the newest generation is not taken for one", async () => {
  const { store } = await threeGenerations();
  const whole = await bytesOf(store, "keyring/00000003");
  const wrong = [0, 1, 70, 80, whole.length - 1].map((length) => whole.subarray(0, length));
  for (const bytes of [...wrong, concat(whole, utf8("\n")), new Uint8Array(KEYRING_LIMIT_BYTES + 1)]) {
    await replace(store, "keyring/00000003", bytes);
    const older = await openKeyring(store, host.secret, deps, signal);
    assert.match(older.readOnlyReason ?? "", /keyring\/00000003 was damaged/);
  }
});

test("the second copy heals a primary that is missing or damaged, whatever byte it is", async () => {
  const { store, opened } = await threeGenerations(true);
  for (const key of ["keyring/00000003", "vault.json"]) {
    const whole = await bytesOf(store, key);
    for (let at = 0; at < whole.length; at += 13) {
      await replace(store, key, whole.with(at, (whole[at] ?? 0) ^ 1));
      const healed = await openKeyring(store, other.secret, deps, signal);
      assert.deepEqual([healed.keys.keyring, healed.readOnlyReason], [opened.keys.keyring, null]);
      assert.match(healed.warnings.join(), new RegExp(key));
    }
    await store.delete(key, signal);
    const healed = await openKeyring(store, other.secret, deps, signal);
    assert.deepEqual(healed.keys.keyring, opened.keys.keyring);
    assert.match(healed.warnings.join(), new RegExp(`${key} is missing`));
    assert.deepEqual(healed.unstored, [{ key, bytes: whole }]);
    await store.put(key, [whole], {}, signal);
  }
  for (const bytes of [utf8("rot"), new Uint8Array(KEYRING_LIMIT_BYTES + 1)]) {
    await replace(store, "copies/keyring/00000002", bytes);
    const warned = await openKeyring(store, host.secret, deps, signal);
    assert.deepEqual(warned.warnings, ["the second copy of keyring/00000002 is damaged"]);
    assert.deepEqual(
      warned.damagedCopies.map(({ key }) => key),
      ["copies/keyring/00000002"],
    );
  }
});

test("what lies on a bad sector is read from the other place; where neither can be read, nobody calls it damaged", async () => {
  const { store, opened } = await threeGenerations(true);
  for (const key of ["keyring/00000001", "keyring/00000003", "vault.json"]) {
    for (const bad of [key, `copies/${key}`]) {
      const found = await openKeyring(badSectorStore(store, bad), host.secret, deps, signal);
      assert.deepEqual([found.keys.keyring, found.readOnlyReason], [opened.keys.keyring, null]);
      assert.deepEqual([found.warnings.length, found.unstored], [1, []]);
    }
    const dead = badSectorStore(badSectorStore(store, key), `copies/${key}`);
    await assert.rejects(openKeyring(dead, host.secret, deps, signal), { code: "STORE_UNAVAILABLE" });
  }
});

test("a generation in another one's place does not hide the right one in the second copy", async () => {
  const { store, opened } = await threeGenerations(true);
  const first = await bytesOf(store, "keyring/00000001");
  await replace(store, "keyring/00000001", await bytesOf(store, "keyring/00000003"));
  await replace(store, "keyring/00000003", first);
  const found = await openKeyring(store, host.secret, deps, signal);
  assert.deepEqual([found.keys.keyring, found.readOnlyReason], [opened.keys.keyring, null]);
  assert.match(found.warnings.join(), /keyring\/00000003 is damaged; its second copy was read/);
});

test("damage and gaps below the newest generation are reported, and hinder nothing", async () => {
  const { store, opened } = await threeGenerations();
  await replace(store, "keyring/00000002", utf8("{}"));
  await store.delete("keyring/00000001", signal);
  const found = await openKeyring(store, host.secret, deps, signal);
  assert.deepEqual([found.keys.keyring, found.readOnlyReason], [opened.keys.keyring, null]);
  assert.match(
    found.warnings.join(),
    /keyring\/00000002 was damaged.+1 of the keyring's generations before 3 are missing/,
  );
});

test("a generation forged by a writer without the root key is not believed, not even about who was removed", async () => {
  const { store, opened } = await threeGenerations();
  const contents = { root: new Secret(new Uint8Array(32)), epochs: [new Secret(new Uint8Array(32))] };
  for (const ways of [opened.keyring.ways, opened.keyring.ways.slice(1)]) {
    const forged = forge(opened.keyring, await bytesOf(store, "keyring/00000003"), ways, contents);
    await replace(store, "keyring/00000004", forged);
    for (const { secret } of [host, person, other]) {
      const found = await openKeyring(store, secret, deps, signal);
      assert.deepEqual(found.keys.keyring, opened.keys.keyring);
      assert.match(
        found.readOnlyReason ?? "",
        /keyring\/00000004 was damaged, or written by someone who does not have/,
      );
    }
  }
});

test("a whole vault of another root key in the place of ours is noticed by everyone who has a way into ours", async () => {
  const { store, opened } = await threeGenerations();
  const contents = { root: new Secret(new Uint8Array(32)), epochs: [new Secret(new Uint8Array(32))] };
  const { vault, keyring } = opened;
  for (const number of [1, 2, 3]) await store.delete(`keyring/0000000${number}`, signal);
  const forged = forge({ ...keyring, generation: 3 }, new Uint8Array(0), keyring.ways, contents);
  await replace(store, "keyring/00000004", forged);
  await replace(
    store,
    "vault.json",
    writeVaultFile({ ...vault, rootCommitment: rootCommitment(vault.id, contents.root) }),
  );
  for (const { secret } of [host, person, other]) {
    await assert.rejects(openKeyring(store, secret, deps, signal), {
      code: "KEYRING_FORGED",
      message: /keyring\/00000004/,
    });
  }
});

test("someone who was removed and can write to the store forges no generation, though he knows the root key", async () => {
  const { store, opened: asRemoved } = await threeGenerations();
  const gone = listWays(asRemoved).find(({ label }) => label === "other");
  assert.ok(gone);
  const opened = await removeWay(store, asRemoved, gone.id, deps, signal);
  const stale = { root: asRemoved.keys.root, epochs: [...asRemoved.contents.epochs, new Secret(new Uint8Array(32))] };
  const fourth = await bytesOf(store, "keyring/00000004");
  const fifth = forge(opened.keyring, fourth, opened.keyring.ways, stale);
  const sixth = forge({ ...opened.keyring, generation: 5 }, fifth, opened.keyring.ways, stale);
  await store.put("keyring/00000005", [fifth], {}, signal);
  await store.put("keyring/00000006", [sixth], {}, signal);
  const found = await openKeyring(store, host.secret, deps, signal);
  assert.deepEqual(found.keys.keyring, opened.keys.keyring);
  assert.match(found.readOnlyReason ?? "", /keyring\/00000005 does not hold the data keys of generation 4/);
});

test("a generation that names another one before it is not followed", async () => {
  const { store, opened } = await threeGenerations();
  const forked = forge(opened.keyring, utf8("another"), opened.keyring.ways, opened.contents);
  await store.put("keyring/00000004", [forked], {}, signal);
  const found = await openKeyring(store, host.secret, deps, signal);
  assert.match(found.readOnlyReason ?? "", /keyring\/00000004 does not follow generation 3 that is here/);
});

test("a keyring that was rolled back is noticed against what a log names", async () => {
  const { store, opened } = await threeGenerations();
  const before = await openKeyring(store, host.secret, deps, signal);
  assert.equal(checkKeyringAgainst(opened.keys.keyring, before), null);
  await store.delete("keyring/00000003", signal);
  const rolledBack = await openKeyring(store, host.secret, deps, signal);
  assert.equal(rolledBack.readOnlyReason, null);
  assert.match(checkKeyringAgainst(opened.keys.keyring, rolledBack) ?? "", /generation 3, the newest .+ is 2/);

  const forked = await addWay(store, rolledBack, { label: "new", secret: fileKeyOf(8) }, deps, signal);
  assert.match(checkKeyringAgainst(opened.keys.keyring, forked) ?? "", /generation 3 .+ is another one/);
  assert.equal(checkKeyringAgainst(forked.keys.keyring, await reopenKeyring(store, forked, signal)), null);
});

test("a wrong secret, and a kind of secret that the vault has no way for, are told apart", async () => {
  const { store } = await threeGenerations();
  await assert.rejects(openKeyring(store, passphraseOf("wrong"), deps, signal), {
    code: "PASSPHRASE_REJECTED",
    message: /the passphrase does not open generation 3/,
  });
  await assert.rejects(openKeyring(store, fileKeyOf(9), deps, signal), {
    code: "KEY_FILE_REJECTED",
    message: /the key file does not open generation 3/,
  });
  const single = memoryStore();
  await createVault(single, { ways: [host] }, deps, signal);
  await assert.rejects(openKeyring(single, person.secret, deps, signal), {
    code: "UNLOCK_NONE",
    message: /no passphrase/,
  });
});

test("a vault without a keyring, or with none that can be read, says so", async () => {
  const store = memoryStore();
  await createVault(store, { ways: [host] }, deps, signal);
  await replace(store, "keyring/00000001", utf8("rot"));
  await assert.rejects(openKeyring(store, host.secret, deps, signal), {
    code: "VAULT_CORRUPT",
    message: /can be read/,
  });
  await store.delete("keyring/00000001", signal);
  await assert.rejects(openKeyring(store, host.secret, deps, signal), { code: "VAULT_CORRUPT", message: /is missing/ });
});

test("a cost above the cap is refused before anything is derived, however the ways share it", async () => {
  const { store, opened } = await threeGenerations();
  const derived: PassphraseCost[] = [];
  const kdf: typeof deps.kdf = {
    ...deps.kdf,
    derive(passphrase, salt, cost, abort) {
      derived.push(cost);
      return deps.kdf.derive(passphrase, salt, { memoryKiB: 64, passes: 1, lanes: 1 }, abort);
    },
  };
  const anna = opened.keyring.ways.find((way) => way.kind === "passphrase");
  assert.ok(anna);
  for (const number of [1, 2, 3]) await store.delete(`keyring/0000000${number}`, signal);
  const write = (ways: readonly UnlockWay[]): Promise<void> =>
    replace(store, "keyring/00000004", forge(opened.keyring, new Uint8Array(0), ways, opened.contents));

  for (const asked of [{ memoryKiB: costCap.memoryKiB + 1 }, { passes: 17 }, { lanes: 17, memoryKiB: 1024 }]) {
    await write([{ ...anna, cost: { ...anna.cost, ...asked } }]);
    await assert.rejects(openKeyring(store, person.secret, { kdf }, signal), {
      code: "UNLOCK_TOO_COSTLY",
      message: /"Anna": it asks for/,
    });
  }
  assert.deepEqual(derived, []);

  const dear = [0, 1, 2].map((at) => {
    const id = hex(new Uint8Array(16).fill(at)) as UnlockWay["id"];
    const publicKey = anna.publicKey.with(0, at);
    return { ...anna, id, label: `dear ${at}`, publicKey, cost: costCap };
  });
  await write(dear);
  await assert.rejects(openKeyring(store, person.secret, { kdf }, signal), {
    code: "UNLOCK_TOO_COSTLY",
    message: /all ways together/,
  });
  assert.deepEqual(derived, [costCap]);
});

test("a passphrase is derived once for each way, however many generations hold it", async () => {
  const { store } = await threeGenerations();
  let derivations = 0;
  const kdf: typeof deps.kdf = {
    ...deps.kdf,
    derive(...given) {
      derivations++;
      return deps.kdf.derive(...given);
    },
  };
  const opened = await openKeyring(store, person.secret, { kdf }, signal);
  await assert.rejects(openKeyring(store, passphraseOf("wrong"), { kdf }, signal), { code: "PASSPHRASE_REJECTED" });
  await reopenKeyring(store, opened, signal);
  assert.equal(derivations, 2);
});

test("a genuine generation of a newer format is told from a forged one", async () => {
  const { store, opened } = await threeGenerations();
  const third = await bytesOf(store, "keyring/00000003");
  for (const change of [
    (text: string) => text.replace('"version": 1', '"version": 2'),
    (text: string) => text.replace("x25519-hkdf", "mlkem768-x25519-hkdf"),
    (text: string) => text.replace('"keyfile"', '"keyvault"'),
    (text: string) => text.replace('"argon2id"', '"balloon"'),
  ]) {
    await replace(store, "keyring/00000003", resigned(opened, third, change));
    for (const secret of [host.secret, fileKeyOf(9)]) {
      await assert.rejects(openKeyring(store, secret, deps, signal), { code: "VAULT_NEWER", message: /does not know/ });
    }
    await replace(store, "keyring/00000003", utf8(change(fromUtf8(third))));
    const found = await openKeyring(store, host.secret, deps, signal);
    assert.match(found.readOnlyReason ?? "", /keyring\/00000003 was damaged/);
  }
});

test("JSON that is hostile in any field is refused with the field named", async () => {
  const { store } = await threeGenerations();
  const text = fromUtf8(await bytesOf(store, "keyring/00000003"));
  for (const [from, to, message] of [
    ['"generation": 3', '"generation": 4', /generation 4/],
    ['"generation": 3', '"generation": 3e99', /generation/],
    ['"memoryKiB": 64', '"memoryKiB": -1', /ways/],
    ['"lanes": 1', '"lanes": 9', /ways/],
    ['"label": "host"', '"label": "Anna"', /two unlock ways/],
    ['"label": "host"', '"label": "\\u001b[2J"', /ways/],
    ['"ways": [', '"ways": [{"__proto__": {}},', /ways/],
    ['"version": 1,', '"version": 1, "extra": 1,', /extra/],
    ['"previous": "', '"previous": null, "was": "', /was/],
    [/"sealed": "....../, '"sealed": "!!!!!!', /sealed/],
    [/^/, "[".repeat(100_000), /not JSON/],
  ] as const) {
    const changed = utf8(text.replace(from, to));
    assert.throws(
      () => parseKeyring("keyring/00000003", 3, changed),
      (error) => error instanceof LockstepError && error.code === "OBJECT_CORRUPT" && message.test(error.message),
      String(from),
    );
  }
});

test("anyone sees which ways there are, without a secret", async () => {
  const { store, opened } = await threeGenerations();
  const peek = await peekKeyring(store, signal);
  assert.deepEqual(peek, { vault: opened.vault, generation: 3, ways: listWays(opened) });
  for (const number of [1, 2, 3]) await store.delete(`keyring/0000000${number}`, signal);
  await assert.rejects(peekKeyring(store, signal), { code: "VAULT_CORRUPT" });
});

test("opening can be cancelled", async () => {
  const { store } = await threeGenerations();
  await assert.rejects(openKeyring(store, person.secret, deps, AbortSignal.abort()), { code: "CANCELLED" });
});
