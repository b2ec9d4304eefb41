import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { circleFindings } from "#ops/doctor/doctor-circles.ts";
import type { CircleFacts } from "#ops/doctor/doctor-circles.ts";
import { hostFindings } from "#ops/doctor/doctor-host.ts";
import type { HostFacts } from "#ops/doctor/doctor-host.ts";
import { keySideFindings } from "#ops/doctor/doctor-keys.ts";
import type { KeySideFacts } from "#ops/doctor/doctor-keys.ts";
import { reasons } from "#ops/doctor/doctor.ts";
import type { Finding } from "#ops/doctor/doctor.ts";
import { FROZEN_AFTER_RECOVERY } from "#policy/frozen.ts";

const codes = (found: readonly Finding[]): readonly string[] => found.map(({ code }) => code);

const host: HostFacts = {
  files: [
    { path: "/state", kind: "folder", mode: 0o755, uid: 7, ownerUid: null },
    { path: "/state/a.key", kind: "secret", mode: 0o600, uid: 7, ownerUid: 7 },
  ],
  room: [{ what: "the vault", path: "/vault", freeBytes: 2 ** 30, wantedBytes: 2 ** 30 }],
  coreLimit: "0",
  swaps: [{ name: "/dev/dm-1", isEncrypted: true }],
  clockDoubts: [],
  isSynchronised: true,
};

const place = (name: string, domain: string) => ({ place: name, domain, failure: null });

const keySide: KeySideFacts = {
  store: { sealed: false, frozen: null, custodians: 2, user: "lockstep-keys" },
  copies: { domains: 2, damaged: [], places: [place("/a", "here"), place("/b", "there")] },
  kit: { id: "cfd032fe", stale: null },
  vaultWays: [{ label: "host a" }, { label: "kit cfd032fe" }],
  keyOwner: 8,
  backupOwner: 7,
};

const circles: CircleFacts = {
  host: "backup1",
  disks: [{ machine: "db01", path: "/dev/sdb", storage: "block 8:16" }],
  machinesElsewhere: ["web01"],
  keyStore: { path: "/keys", below: new Set(["block 8:1", "block 8:0"]) },
  vault: { path: "/vault", below: new Set(["block 8:33"]) },
  vaultKeys: [{ path: "/state/a.key", below: new Set(["block 8:1"]) }],
  opensElsehow: false,
};

/** Anything that lies on the protected disk, by a partition of it. */
const onDisk = (path: string) => ({ path, below: new Set(["block 8:17", "block 8:16"]) });

test("a host, a key side and their places that are as they should be have no finding", () => {
  assert.deepEqual([...hostFindings(host), ...keySideFindings(keySide), ...circleFindings(circles)], []);
});

test("of a host: each thing that is wrong is found, by itself", () => {
  const [folder, secret] = host.files;
  assert.ok(folder !== undefined && secret !== undefined);
  const found = (part: Partial<HostFacts>): readonly string[] => codes(hostFindings({ ...host, ...part }));
  assert.deepEqual(found({ files: [{ ...secret, mode: 0o640 }] }), ["SECRET_EXPOSED"]);
  assert.deepEqual(found({ files: [{ ...folder, mode: 0o775 }] }), ["FOLDER_EXPOSED"]);
  assert.deepEqual(found({ files: [{ ...secret, uid: 0 }] }), ["FILE_FOREIGN"]);
  assert.deepEqual(found({ room: host.room.map((room) => ({ ...room, freeBytes: 2 ** 30 - 1 })) }), ["SPACE_LOW"]);
  assert.deepEqual(found({ coreLimit: "unlimited" }), ["CORE_FILES"]);
  assert.deepEqual(found({ swaps: [{ name: "/swapfile", isEncrypted: false }] }), ["SWAP_PLAIN"]);
  assert.deepEqual(found({ clockDoubts: [{ machine: "web01", doubt: "the clock is 2 h behind" }] }), [
    "CLOCK_DOUBTFUL",
  ]);
  assert.deepEqual(found({ isSynchronised: false }), ["CLOCK_UNSYNCED"]);
  assert.deepEqual(found({ isSynchronised: null }), []);
});

test("a frozen key store is found with the command that ends it", () => {
  const frozen = { ...keySide.store, frozen: FROZEN_AFTER_RECOVERY };
  const [found] = keySideFindings({ ...keySide, store: frozen });
  assert.match(found?.next ?? "", /`lockstep check --all`/);
});

test("of a key side: each thing that is wrong is found, by itself", () => {
  const found = (part: Partial<KeySideFacts>): readonly string[] => codes(keySideFindings({ ...keySide, ...part }));
  assert.deepEqual(found({ store: { ...keySide.store, sealed: true } }), ["KEY_STORE_SEALED"]);
  assert.deepEqual(found({ store: { ...keySide.store, frozen: "recovered" } }), ["KEY_STORE_FROZEN"]);
  assert.deepEqual(found({ store: { ...keySide.store, custodians: 1 } }), ["ONE_CUSTODIAN"]);
  assert.deepEqual(found({ keyOwner: 7 }), ["NOT_ISOLATED"]);
  assert.deepEqual(found({ keyOwner: null }), []); // another machine
  assert.deepEqual(found({ copies: { ...keySide.copies, damaged: ["web01/v1"] } }), ["VALUE_DAMAGED"]);
  assert.deepEqual(found({ kit: null }), ["KIT_MISSING"]);
  assert.deepEqual(found({ vaultWays: [{ label: "kit 01234567" }] }), ["KIT_WITHOUT_VAULT"]);
  assert.deepEqual(found({ vaultWays: null }), []); // it was not opened
  assert.deepEqual(found({ kit: { id: "cfd032fe", stale: "it was never checked" } }), ["KIT_STALE"]);
  const failed = { ...place("/b", "there"), failure: "no space" };
  assert.deepEqual(found({ copies: { domains: 2, damaged: [], places: [place("/a", "here"), failed] } }), [
    "COPY_FAILED",
  ]);
});

test("where two places work, and what changed a moment ago is not in both, nobody is told to add a third", () => {
  const late = { domains: 0, damaged: [], places: [place("/a", "here"), place("/b", "there")] };
  const [found, ...others] = keySideFindings({ ...keySide, copies: late });
  assert.deepEqual([found?.code, others], ["COPIES_FEW", []]);
  assert.match(found?.what ?? "", /in 0 of 2 places .* within seconds/);
});

test("copies that fail together are no two copies", () => {
  const together = { domains: 1, damaged: [], places: [place("/a", "house"), place("/b", "house")] };
  const [found, ...others] = keySideFindings({ ...keySide, copies: together });
  assert.deepEqual([found?.code, others], ["COPIES_FEW", []]);
  assert.match(found?.what ?? "", /^all 2 places .* fail together: house$/);
});

test("what lies on a disk that only it brings back is found, partitions and all", () => {
  const found = (part: Partial<CircleFacts>): readonly string[] => codes(circleFindings({ ...circles, ...part }));
  assert.deepEqual(found({ keyStore: onDisk("/keys") }), ["KEY_HOST_IN_ITSELF"]);
  assert.deepEqual(found({ machinesElsewhere: ["backup1"] }), ["KEY_HOST_IN_ITSELF"]);
  assert.deepEqual(found({ machinesElsewhere: ["backup1"], keyStore: null }), []);
  assert.deepEqual(found({ vault: onDisk("/vault") }), ["VAULT_IN_ITSELF"]);
  assert.deepEqual(found({ vaultKeys: [onDisk("/state/a.key")] }), ["VAULT_KEY_IN_VAULT"]);
  assert.deepEqual(found({ vaultKeys: [onDisk("/state/a.key")], opensElsehow: true }), []);
});

test("docs/doctor.md has each finding, and no other", () => {
  const page = readFileSync(join(import.meta.dirname, "../../../docs/doctor.md"), "utf8");
  const described = [...page.matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code = ""]) => code);
  assert.deepEqual(described.toSorted(), Object.keys(reasons).toSorted());
});
