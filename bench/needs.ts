/*
 * What the key side takes with very many keys and points: node bench/needs.ts [FOLDER [SHARE]]
 *
 * 10,000 keys with 12 versions each, bound, and 100,000 points of 100 machines that need them, or a share of both; the database is a file in a new
 * folder in FOLDER, so each report's commit is one to that disk. Requests go the whole way from the parsed body on: checked
 * against their schema, done, audited, signed. Node has the flags of a key side.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";

import type { InputOf } from "#api/routes.ts";
import { Secret } from "#bytes/secret.ts";
import { utf8 } from "#bytes/text.ts";
import { sha256, sha256Text, systemRandom } from "#crypto/derive.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { RefusalBudget } from "#keys/access/refusal-budget.ts";
import { saveBinding } from "#keys/bindings/bindings.ts";
import { KeyStore } from "#keys/key-store.ts";
import { destructionRefusal } from "#keys/needs/needs.ts";
import { ProofDesk } from "#keys/proofs/proof-desk.ts";
import { refuseDamagedDatabase } from "#keys/store/database-damage.ts";
import { inTransaction } from "#keys/store/database.ts";
import { enrolVault } from "#keys/vaults/vaults.ts";
import { addVersion, findVersion, versionValue } from "#keys/versions/versions.ts";
import { keySideFlags } from "#main/wiring/start-key-side.ts";
import { answer } from "#server/answer.ts";
import type { KeySide } from "#server/key-side.ts";
import { memoryStore } from "#store/memory.ts";

import { markdown } from "./report.ts";
import type { Claim } from "./report.ts";

if (!keySideFlags.every((flag) => process.execArgv.includes(flag))) {
  const { status } = spawnSync(process.execPath, [...keySideFlags, ...process.argv.slice(1)], { stdio: "inherit" });
  process.exit(status ?? 70);
}

const share = Number(process.argv[3] ?? "1");
const KEYS_EACH = 100;
const MACHINES = Math.round(100 * share);
const KEYS = MACHINES * KEYS_EACH;
const VERSIONS = 12;
const POINTS_EACH = 1000;
const RUNS = 1000;
const REPORTS = 200;
const LIMIT_MS = 20;

const { signal } = new AbortController();
const folder = mkdtempSync(join(process.argv[2] ?? tmpdir(), "lockstep-needs-"));
const path = join(folder, "store.db");
let now = Temporal.Instant.from("2026-01-01T00:00Z");

const id = (label: string): string => sha256Text(label).slice(0, 32);

function newSecret(): Secret {
  return new Secret(systemRandom(32));
}

async function makeStore(): Promise<KeyStore> {
  using secret = newSecret();
  const seal = { label: "bench", secret: { kind: "key-file", secret } } as const;
  const deps = {
    now: () => now,
    steadyMs: () => now.epochMilliseconds,
    random: systemRandom,
    kdf: { derive: deriveKey },
  };
  return await KeyStore.create(path, [seal], deps, signal);
}

function fillKey(store: KeyStore, key: number): void {
  for (let number = 1; number <= VERSIONS; number++) {
    using value = newSecret();
    const version = addVersion(store, {
      keyName: `key${key}`,
      kind: "passphrase",
      value,
      origin: "generated",
      note: "",
      activatesMs: null,
      expiresMs: null,
    });
    saveBinding(store, {
      version: version.id,
      protector: sha256Text(`key ${key} version ${number}`),
      volumeIdentity: sha256Text(`volume ${key}`),
      protectorId: "0",
      protectorKind: "passphrase",
      volumeFormat: "luks2",
      volumeUuid: null,
      place: null,
      source: "live",
      boundBy: "bench",
    });
  }
}

function fillKeys(store: KeyStore): void {
  for (let from = 0; from < KEYS; from += KEYS_EACH) {
    inTransaction(store.db, () => {
      for (let key = from; key < from + KEYS_EACH; key++) fillKey(store, key);
    });
  }
  store.db.exec("UPDATE bindings SET retired_ms = 0");
}

/** A machine's points from the `from`th on: a hundred volumes in turn, and each version for a twelfth of the time. */
function report(machine: number, from: number): InputOf<"point.report"> {
  const points = Array.from({ length: POINTS_EACH }, (_, i) => {
    const number = from + i;
    const key = machine * KEYS_EACH + (number % KEYS_EACH);
    const version = (Math.floor(number / (POINTS_EACH / VERSIONS)) % VERSIONS) + 1;
    return {
      point: id(`point ${machine} ${number}`),
      name: `machine${machine}@${number}`,
      capturedAt: "2026-01-01T00:00:00Z",
      expectedUntil: "2033-12-31T00:00:00Z",
      volumes: [
        {
          disk: "vda",
          volume: "2",
          format: "luks2" as const,
          volumeIdentity: sha256Text(`volume ${key}`),
          headerDigest: sha256Text(`header ${key} ${version}`),
          protectors: [sha256Text(`key ${key} version ${version}`)],
        },
      ],
    };
  });
  return { vault: id("vault"), machine: id(`machine ${machine}`), machineName: `machine${machine}`, points };
}

/** What something took, again and again, in milliseconds, ascending: by the clock, and of processor time, the collector's included. */
type Times = { readonly clock: readonly number[]; readonly processor: readonly number[] };

/** Times something. What it takes is made before the clock starts. */
async function times<Given>(
  runs: number,
  make: (run: number) => Given,
  what: (given: Given) => unknown,
): Promise<Times> {
  const [clock, processor]: [number[], number[]] = [[], []];
  for (let run = 0; run < runs; run++) {
    const given = make(run);
    const [from, used] = [performance.now(), process.cpuUsage()];
    await what(given);
    const { user, system } = process.cpuUsage(used);
    clock.push(performance.now() - from);
    processor.push((user + system) / 1000);
  }
  return { clock: clock.sort((a, b) => a - b), processor: processor.sort((a, b) => a - b) };
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

try {
  using store = await makeStore();
  const [custodian, backup] = [newToken(systemRandom), newToken(systemRandom)];
  inTransaction(store.db, () => {
    addIdentity(store, { name: "custodian", role: "custodian", token: custodian, expiresMs: null });
    addIdentity(store, { name: "backup", role: "backup", token: backup, expiresMs: null });
    const rootCommitment = sha256(utf8("root"));
    enrolVault(store, { vault: id("vault"), name: "vault", rootCommitment, reporter: "backup" });
  });
  const costLimit = { memoryKiB: 1024 * 1024, seconds: 60 };
  const kdf = { derive: deriveKey };
  using proofs = new ProofDesk({ store, kdf, costLimit });
  const openPlace = () => Promise.resolve(memoryStore());
  const side: KeySide = { store, kdf, costLimit, proofs, refusals: new RefusalBudget(), openPlace, user: "bench" };

  const from = performance.now();
  fillKeys(store);
  console.error(`${KEYS} keys: ${Math.round(performance.now() - from)} ms`);
  const send = (input: InputOf<"point.report">) => answer(side, "point.report", { token: backup, input }, signal);
  const first = await times(MACHINES, (machine) => report(machine, 0), send);

  const nameOf = (run: number): string => `key${(run * 7919) % KEYS}/v${(run % VERSIONS) + 1}`;
  const get = await times(RUNS, nameOf, (name) => versionValue(store, findVersion(store, name)).wipe());
  const neededBy = await times(RUNS, nameOf, (version) =>
    answer(side, "version.needs", { token: custodian, input: { version } }, signal),
  );
  const purgeCheck = await times(RUNS, nameOf, (name) => destructionRefusal(store, findVersion(store, name)));
  const unchanged = await times(REPORTS, () => report(7, 0), send);
  // Each day a point is new and the oldest is gone; after 44 days one leaves its quarantine each day, too.
  const changed = await times(
    REPORTS,
    (day) => report(8, day + 1),
    (input) => {
      now = now.add({ hours: 24 });
      return send(input);
    },
  );

  const summed = await times(3, String, (run) => refuseDamagedDatabase(store.db, run));

  const claim = (text: string, { clock, processor }: Times): Claim => ({
    text: `${text}: median ${at(clock, 0.5).toFixed(2)} ms (${at(processor, 0.5).toFixed(2)} ms of processor time, 99 of 100 within ${at(processor, 0.99).toFixed(1)} ms); 99 of 100 within`,
    measured: at(clock, 0.99),
    limit: LIMIT_MS,
    kind: "most",
    unit: " ms",
  });
  const claims = [
    claim("get", get),
    claim("needed-by", neededBy),
    claim("purge check", purgeCheck),
    claim("report of 1,000 points, one new, one gone", changed),
    claim("report of 1,000 points, nothing new", unchanged),
  ];
  const notes = [
    `Comparing all of the database with its sums, before a purge and before a full copy: ${at(summed.clock, 0.5).toFixed(0)} ms.`,
    `The first report of 1,000 points: median ${at(first.clock, 0.5).toFixed(0)} ms, the longest ${at(first.clock, 1).toFixed(0)} ms.`,
    `The database has ${Math.round(statSync(path).size / 2 ** 20)} MiB; the process took ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MiB.`,
  ];
  const title = `${KEYS.toLocaleString("en")} keys × ${VERSIONS} versions, ${(MACHINES * POINTS_EACH).toLocaleString("en")} points that need them`;
  console.log(markdown({ title, results: [], claims, notes }));
} finally {
  rmSync(folder, { recursive: true });
}
