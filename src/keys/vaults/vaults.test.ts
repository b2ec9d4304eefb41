import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Caller, IdentityId } from "#keys/store/model.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";
import { silentVaults } from "#keys/vaults/silent-vaults.ts";
import { enrolVault, loadVault, loadVaults, requireReporter } from "#keys/vaults/vaults.ts";
import { NeedsWorld, idOf, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";

const root = worldVolume("root", "slot 0");

/** What enrols the vault `vault` as it is. */
const same = { vault: idOf("vault"), name: "vault", rootCommitment: sha256(utf8("vault")), reporter: "host" };

function enrol({ store }: NeedsWorld, change: Partial<typeof same>): void {
  inTransaction(store.db, () => enrolVault(store, { ...same, ...change }));
}

test("a vault is enrolled once, and may get another name and reporter", async () => {
  using world = await NeedsWorld.make();
  enrol(world, { name: "archive" });
  assert.deepEqual(
    loadVaults(world.store).map(({ id, name, reporterName, lastReportMs, machines, points }) => [
      id,
      name,
      reporterName,
      lastReportMs,
      machines,
      points,
    ]),
    [[idOf("vault"), "archive", "host", null, 0, 0]],
  );
});

test("a vault by another root key, by another's name, or for nobody who could report is refused", async () => {
  using world = await NeedsWorld.make();
  const { db } = world.store;
  assert.throws(() => enrol(world, { rootCommitment: sha256(utf8("forged")) }), { code: "VAULT_EXISTS" });
  assert.throws(() => enrol(world, { vault: idOf("new"), name: "vault" }), { code: "NAME_TAKEN" });
  assert.throws(() => enrol(world, { reporter: "nobody" }), { code: "NAME_UNKNOWN" });
  for (const change of [
    "revoked_ms = 1",
    "revoked_ms = NULL, expires_ms = 5",
    "expires_ms = NULL, role = 'custodian'",
  ]) {
    db.exec(`UPDATE identities SET ${change}`);
    assert.throws(() => enrol(world, {}), { code: "NAME_UNKNOWN" }, change);
  }
});

test("only the vault's reporter may act for it, and for a retired one nobody", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const { reporter } = loadVault(store, idOf("vault"));
  const backup = (identity: IdentityId): Caller => ({ identity, name: "host", role: "backup" });
  const other = backup("other" as IdentityId);
  requireReporter(store, backup(reporter), idOf("vault"));
  requireReporter(store, { ...other, role: "custodian" }, idOf("vault"));
  assert.throws(() => requireReporter(store, other, idOf("vault")), { code: "NOT_ALLOWED" });
  assert.throws(() => requireReporter(store, backup(reporter), idOf("another")), { code: "NAME_UNKNOWN" });
  world.retire("vault");
  assert.throws(() => requireReporter(store, backup(reporter), idOf("vault")), {
    code: "NOT_ALLOWED",
    message: "acting for the vault vault: a custodian has retired it",
  });
});

test("a retired vault's points need their versions for 44 days on which the key side runs", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  world.bind(version, root, "slot 0");
  world.report([worldPoint("web01@1", [root]), worldPoint("web01@2", [root])]);
  world.reportDays(1, [worldPoint("web01@1", [root])]);
  world.retire("vault");
  assert.match(world.refusal(version) ?? "", /^2 recovery points .* need it for 44 counted days more$/);
  world.leap(10_000);
  world.run();
  assert.match(world.refusal(version) ?? "", /for 43 counted days more$/);
  world.retire("vault"); // it stays retired from the first time on
  world.runDays(QUARANTINE_DAYS - 2);
  assert.match(world.refusal(version) ?? "", /for 1 counted day more$/);
  world.runDays(1);
  assert.equal(world.refusal(version), null);
  const audited = world.store.db.prepare("SELECT act, who, detail FROM audit").all();
  assert.deepEqual(
    audited.map((row) => ({ ...row })),
    [{ act: "vault.free", who: "key side", detail: '{"points":2}' }],
  );
});

test("a vault that is enrolled again before that has its points back, and is heard of", async () => {
  using world = await NeedsWorld.make();
  const version = world.version("web01");
  world.bind(version, root, "slot 0");
  world.report([worldPoint("web01@1", [root])]);
  world.runDays(20);
  world.retire("vault");
  world.runDays(20);
  world.enrol("vault");
  assert.equal(world.refusal(version), "1 recovery point needs it, expected until 2033-12-31");
  world.runDays(QUARANTINE_DAYS);
  assert.match(world.refusal(version) ?? "", /^1 recovery point needs it, .*; what the vault vault holds is not known/);
});

test("enrolling a silent vault again makes it no less silent", async () => {
  using world = await NeedsWorld.make();
  world.runDays(8);
  const silent = silentVaults(world.store);
  assert.deepEqual(
    silent.map(({ why }) => why),
    ["it never reported, in 8 counted days"],
  );
  world.enrol("vault");
  assert.deepEqual(silentVaults(world.store), silent);
});

test("after a recovery a vault is silent until each machine that was known of it is reported", async () => {
  using world = await NeedsWorld.make();
  const silent = (): number => silentVaults(world.store).length;
  world.report([], { machine: "web01" });
  world.report([], { machine: "db01" });
  assert.equal(silent(), 0);
  world.store.db.exec("UPDATE store SET epoch = 2");
  assert.equal(silent(), 1);
  world.report([], { machine: "web01" });
  world.report([], { machine: "new01" });
  assert.equal(silent(), 1);
  world.report([], { machine: "db01" });
  assert.equal(silent(), 0);
});
