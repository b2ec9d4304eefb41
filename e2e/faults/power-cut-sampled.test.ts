import assert from "node:assert/strict";
import { test } from "node:test";

import { rekey } from "#ops/unlock/rekey.ts";
import { addUnlockWay, removeUnlockWay } from "#ops/unlock/unlock-ways.ts";
import { flip, keysOf } from "#testing/vaults/damage.ts";
import { fileKeyOf, keyringDeps } from "#testing/vaults/keyring-deps.ts";
import { BENCH_BLOCK_BYTES as BLOCK } from "#testing/vaults/vault-bench.ts";
import { wholeVaultSecret } from "#testing/vaults/whole-vault.ts";
import { createVault } from "#vault/keyring/keyring-change.ts";
import { openKeyring } from "#vault/keyring/keyring-open.ts";
import { cutEverywhere, emptyDisk, openStore, outcome, vaultOnDisk } from "./power-cut-rig.ts";

const { signal } = new AbortController();

test("a power cut while an unlock way is added and removed, and everything is re-keyed, loses nothing", async () => {
  await cutEverywhere(
    await vaultOnDisk(),
    async (whole) => {
      const { opened, log, vault } = await whole.open();
      const deps = whole.keyringDeps();
      const way = { label: "second", secret: fileKeyOf(2) };
      const added = await addUnlockWay({ store: vault.store, opened, deps }, [log], way, signal);
      await removeUnlockWay({ store: vault.store, opened: added.keyring, deps }, [log], added.way, signal);
      const later = await whole.open();
      await rekey(later.vault, later.log, { progress: () => undefined }, signal);
    },
    { step: 7, outcomes: 3 },
  );
});

test("a power cut while damage is logged and healed leaves it healed, or to be healed", async () => {
  const prepared = await vaultOnDisk();
  const { whole: before } = prepared;
  await before.backUp(await before.open());
  const keys = await keysOf(before.store, (key) => key.includes("/data/"));
  await flip(before.store, keys.at(-1) ?? "", BLOCK);
  await cutEverywhere(
    prepared,
    async (whole, allow) => {
      allow({ unanswered: whole.content });
      const client = await whole.open();
      const { damagedBytes, unread } = await whole.check(client, { record: true });
      assert.ok(damagedBytes === BLOCK || unread.length > 0);
      assert.equal((await whole.backUp(client)).healedSlots, 1);
      allow({});
    },
    {
      step: 7,
      outcomes: 3,
      mend: async (after) => {
        const client = await after.open();
        await after.check(client, { record: true });
        await after.backUp(client);
      },
    },
  );
});

test("a vault whose making was answered survives a power cut; one that was not is none, or whole", async () => {
  const ways = [{ label: "host", secret: wholeVaultSecret }];
  const deps = keyringDeps("cut init");
  const whole = (await emptyDisk()).process();
  await createVault(await openStore(whole), { ways }, keyringDeps("init"), signal);
  for (let dieAt = 0; dieAt <= whole.operations; dieAt++) {
    const disk = await emptyDisk();
    const answered = await openStore(disk.process(dieAt))
      .then((store) => createVault(store, { ways }, keyringDeps("init"), signal))
      .then(
        () => true,
        () => false,
      );
    for (let index = 0; index < 4; index++) {
      const store = await openStore(disk.cut(outcome(index, dieAt)).process());
      const opening = openKeyring(store, wholeVaultSecret, deps, signal);
      if (answered) assert.equal((await opening).keyring.generation, 1);
      else await opening.catch((error: unknown) => assert.match(String(error), /there is no vault\.json/));
    }
  }
});
