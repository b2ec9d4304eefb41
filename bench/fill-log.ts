import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { systemRandom } from "#crypto/derive.ts";
import { patientRetry } from "#main/wiring/retry.ts";
import { openDirectoryStore } from "#store/directory.ts";
import { newId } from "#vault/ids.ts";
import type { PointId } from "#vault/ids.ts";
import { parseKeyFile } from "#vault/key-file.ts";
import { openKeyring } from "#vault/keyring-open.ts";
import { logKeyring } from "#vault/log-keyring.ts";
import { argon2idKdf } from "#vault/passphrase-kdf.ts";
import { listMachines } from "#vault/roster.ts";
import { appendInSession, openSession } from "#vault/session.ts";
import { openMachine } from "#vault/vault.ts";

/**
 * Logs points of a vault's only machine as fast as the store takes them, each with the disks of its newest one and an hour
 * older than the one before: the log of a machine that was backed up for years.
 *
 * @param state  the state folder that holds this host's key file
 */
export async function fillLog(folder: string, state: string, points: number): Promise<void> {
  const { signal } = new AbortController();
  await using store = await openDirectoryStore(folder, {}, signal);
  const id = (JSON.parse(readFileSync(join(folder, "vault.json"), "utf8")) as { id: string }).id;
  const path = join(state, "vaults", `${id}.key`);
  const key = parseKeyFile(path, readFileSync(path));
  const opened = await openKeyring(store, { kind: "keyfile", key }, { kdf: argon2idKdf }, signal);
  const now = (): Temporal.Instant => Temporal.Now.instant();
  const vault = {
    store,
    keyring: logKeyring(store, opened),
    now,
    random: systemRandom,
    retry: patientRetry,
    host: hostname(),
    program: "bench",
  };
  const { machines } = await listMachines({ store, keys: opened.keys }, signal);
  const [machine] = machines;
  if (machine === undefined) throw new Error("the vault has no machine");
  const log = await openMachine(vault, machine, null, signal);
  const [model] = [...log.fold.points.values()];
  if (model === undefined) throw new Error("the machine has no point");
  const { seq: _seq, deleted: _deleted, dateDoubtful: _doubt, ...record } = model;
  for (let i = 0; i < points; i++) {
    const session = await openSession(
      log,
      "backup",
      { random: systemRandom, choose: () => ({ base: null, adopt: false }) },
      signal,
    );
    if (session === null) throw new Error("no session");
    const point = newId<PointId>(systemRandom);
    const capturedAt = Temporal.Instant.from(record.capturedAt)
      .subtract({ hours: i + 1 })
      .toString();
    await appendInSession(
      log,
      session,
      () => ({ ...record, type: "point", session: session.id, point, capturedAt }),
      signal,
    );
  }
}
