import assert from "node:assert/strict";
import { test } from "node:test";

import type { InputOf } from "#api/routes.ts";
import { systemRandom } from "#crypto/derive.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { inTransaction } from "#keys/store/database.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { digestOf, idOf } from "#testing/keys/needs-world.ts";

type Report = InputOf<"point.report">;

const vault = idOf("vault");

/** A key side that knows a vault. */
async function sideWithVault(): Promise<TestKeySide> {
  const side = await testKeySide();
  await side.as("custodian", "vault.enrol", {
    vault,
    name: "/backup/vault",
    rootCommitment: digestOf("root"),
    reporter: "backup",
  });
  return side;
}

/** A report of points that are named after labels; all have the volume `root` with one keyslot. */
function report(...labels: readonly string[]): Report {
  return {
    vault,
    machine: idOf("web01"),
    machineName: "web01",
    points: labels.map((label) => ({
      point: idOf(label),
      name: label,
      capturedAt: "2026-01-01T00:00:00Z",
      expectedUntil: "2033-12-31T00:00:00Z",
      volumes: [
        {
          disk: "vda",
          volume: "2",
          format: "luks2",
          volumeIdentity: digestOf("root"),
          headerDigest: digestOf("header"),
          protectors: [digestOf("slot 0")],
        },
      ],
    })),
  };
}

/** Adds a version and binds it to the reported protector; its volume is not live any more. */
async function addBound(keySide: TestKeySide): Promise<string> {
  const { version } = await keySide.as("custodian", "key.add", {
    name: "web01",
    kind: "passphrase",
    value: null,
    note: "",
    activatesAt: null,
    expiresAt: null,
  });
  keySide.side.store.db
    .prepare(
      "INSERT INTO bindings VALUES (?, ?, ?, ?, '0', 'passphrase', 'luks2', NULL, NULL, NULL, NULL, 'point', 'custodian', 0, 0)",
    )
    .run(idOf("binding"), version.id, digestOf("slot 0"), digestOf("root"));
  return version.name;
}

/** The newest entry of the audit log. */
function newestAudit({ side: { store } }: TestKeySide): unknown {
  const row = store.db.prepare("SELECT who, act, subject, outcome, detail FROM audit ORDER BY seq DESC LIMIT 1").get();
  return { ...row, detail: JSON.parse(String(row?.["detail"])) };
}

test("a report is answered with a receipt of the audit entry that speaks of it", async () => {
  using side = await sideWithVault();
  const { receipt, quarantined, warnings } = await side.as("backup", "point.report", report("web01@1", "web01@2"));
  assert.deepEqual([receipt?.auditSeq, quarantined, warnings], [2, 0, []]);
  assert.deepEqual(newestAudit(side), {
    who: "backup",
    act: "point.report",
    subject: "web01",
    outcome: "done",
    detail: {
      vault,
      machine: idOf("web01"),
      points: 2,
      added: 2,
      returned: 0,
      fallen: 0,
      quarantined: 0,
      freed: 0,
      thawed: false,
      alarmed: false,
    },
  });
});

test("a sealed store stores the report, and gives no receipt", async () => {
  using side = await sideWithVault();
  await side.as("custodian", "store.seal", {});
  assert.equal((await side.as("backup", "point.report", report("web01@1"))).receipt, null);
  const { vaults } = await side.as("auditor", "vault.list", {});
  assert.deepEqual(
    vaults.map(({ name, reporter, machines, points, silent }) => [name, reporter, machines, points, silent]),
    [["/backup/vault", "backup", 1, 1, null]],
  );
});

test("a report for a vault that is not known, not one's own, or retired is refused and audited, and changes nothing", async () => {
  using side = await sideWithVault();
  const { store } = side.side;
  const token = newToken(systemRandom);
  inTransaction(store.db, () => addIdentity(store, { name: "other", role: "backup", token, expiresMs: null }));
  await assert.rejects(side.ask(token, "point.report", report("web01@1")), {
    code: "NOT_ALLOWED",
    message: "acting for the vault /backup/vault: other does not report for it",
  });
  assert.deepEqual(newestAudit(side), {
    who: "other",
    act: "point.report",
    subject: "web01",
    outcome: "refused",
    detail: { code: "NOT_ALLOWED" },
  });
  await assert.rejects(side.ask(token, "point.needs", { vault, machine: idOf("web01") }), { code: "NOT_ALLOWED" });
  await assert.rejects(side.as("backup", "point.report", { ...report("web01@1"), vault: idOf("new") }), {
    code: "NAME_UNKNOWN",
  });
  await side.as("custodian", "vault.retire", { vault });
  await assert.rejects(side.as("backup", "point.report", report("web01@1")), { code: "NOT_ALLOWED" });
  assert.deepEqual(store.db.prepare("SELECT * FROM points").all(), []);
});

test("what needs a version is told, and what opens a point is too", async () => {
  using side = await sideWithVault();
  await side.as("backup", "point.report", report("web01@1"));
  const machine = idOf("web01");
  const opens = async (): Promise<unknown> => (await side.as("backup", "point.needs", { vault, machine })).points;
  const volume = { disk: "vda", volume: "2" };
  assert.deepEqual(await opens(), [{ point: idOf("web01@1"), volumes: [{ ...volume, versions: [] }] }]);

  const version = await addBound(side);
  assert.equal(version, "web01/v1");
  assert.deepEqual(await opens(), [{ point: idOf("web01@1"), volumes: [{ ...volume, versions: ["web01/v1"] }] }]);
  assert.deepEqual(await side.as("auditor", "version.needs", { version: "web01" }), {
    version,
    needs: [
      {
        kind: "point",
        vault,
        what: "web01@1",
        point: idOf("web01@1"),
        hold: null,
        capturedAt: "2026-01-01T00:00:00Z",
        expectedUntil: "2033-12-31T00:00:00Z",
      },
    ],
    refusal: "1 recovery point needs it, expected until 2033-12-31",
  });

  await side.as("backup", "point.report", report());
  assert.deepEqual(await opens(), []);
  const { needs } = await side.as("custodian", "version.needs", { version });
  assert.deepEqual(
    needs.map(({ kind }) => kind),
    ["quarantined point"],
  );
});

const unusable = ["enabled = 0", "deleted_ms = 1", "activates_ms = 99999999999999", "destroyed_ms = 1"];
for (const state of unusable) {
  test(`a version with ${state} opens no point`, async () => {
    using side = await sideWithVault();
    await side.as("backup", "point.report", report("web01@1"));
    await addBound(side);
    side.side.store.db.exec(`UPDATE versions SET ${state}`);
    const { points } = await side.as("backup", "point.needs", { vault, machine: idOf("web01") });
    assert.deepEqual(
      points.flatMap(({ volumes }) => volumes.map(({ versions }) => versions)),
      [[]],
    );
  });
}

test("many points that fall at once warn, and raise an alarm until a custodian acknowledges it", async () => {
  using side = await sideWithVault();
  const labels = Array.from({ length: 12 }, (_, i) => `web01@${i}`);
  await side.as("backup", "point.report", report(...labels));
  const { warnings, quarantined } = await side.as("backup", "point.report", report(...labels.slice(10)));
  assert.equal(quarantined, 10);
  assert.match(warnings.join(), /^10 of 12 points that the last reports had are missing from this one/);
  const { alarms } = await side.as("backup", "alarm.list", {});
  assert.deepEqual(
    alarms.map(({ vaultName, machineName, missing, points }) => [vaultName, machineName, missing, points]),
    [["/backup/vault", "web01", 10, 12]],
  );
  const alarm = alarms[0]?.alarm ?? "";
  await assert.rejects(side.as("backup", "alarm.acknowledge", { alarm }), { code: "NOT_ALLOWED" });
  await side.as("custodian", "alarm.acknowledge", { alarm });
  assert.deepEqual(await side.as("custodian", "alarm.list", {}), { alarms: [] });
  await assert.rejects(side.as("custodian", "alarm.acknowledge", { alarm }), { code: "NAME_UNKNOWN" });
});

test("a recovered store is thawed by the report of the last machine, or by retiring what cannot report", async () => {
  using side = await sideWithVault();
  const { store } = side.side;
  await side.as("backup", "point.report", report("web01@1"));
  await side.as("backup", "point.report", { ...report("db01@1"), machine: idOf("db01"), machineName: "db01" });
  const freeze = (epoch: number): void => {
    store.db.prepare("UPDATE store SET epoch = ?, frozen = ?").run(epoch, FROZEN_AFTER_RECOVERY);
  };
  freeze(2);
  await side.as("backup", "point.report", report("web01@1"));
  assert.equal(store.facts().frozen, FROZEN_AFTER_RECOVERY);
  await side.as("backup", "point.report", { ...report("db01@1"), machine: idOf("db01"), machineName: "db01" });
  assert.equal(store.facts().frozen, null);
  freeze(3);
  const { name, points, daysLeft } = await side.as("custodian", "vault.retire", { vault });
  assert.deepEqual([name, points, daysLeft, store.facts().frozen], ["/backup/vault", 2, 44, null]);
});

test("whatever a report says anew is taken, however soon", async () => {
  using side = await sideWithVault();
  const first = report("web01@1");
  const [point] = first.points;
  const [volume] = point?.volumes ?? [];
  assert.ok(point !== undefined && volume !== undefined);
  await side.as("backup", "point.report", first);
  const changes: readonly Partial<InputOf<"point.report">>[] = [
    { machineName: "renamed" },
    { points: [{ ...point, name: "web01@other" }] },
    { points: [{ ...point, expectedUntil: null }] },
    { points: [{ ...point, volumes: [{ ...volume, protectors: [digestOf("slot 1")] }] }] },
  ];
  const stored = (): string =>
    JSON.stringify([
      side.side.store.db.prepare("SELECT name FROM machines").all(),
      side.side.store.db.prepare("SELECT * FROM points").all(),
      side.side.store.db.prepare("SELECT * FROM point_volumes").all(),
    ]);
  const seen = new Set([stored()]);
  for (const change of changes) {
    await side.as("backup", "point.report", { ...first, ...change });
    seen.add(stored());
  }
  assert.equal(seen.size, 1 + changes.length);
});
