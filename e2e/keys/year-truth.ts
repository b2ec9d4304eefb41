import assert from "node:assert/strict";

import type { Secret } from "#bytes/secret.ts";
import { hex } from "#bytes/text.ts";
import { sha256 } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { ValueKind, VersionId } from "#keys/store/model.ts";
import { findVersion, loadVersion, versionName, versionsNamed, versionValue } from "#keys/versions/versions.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { pointLights } from "#ops/points/point-light.ts";
import { storedHeader } from "#ops/volumes/stored-volumes.ts";
import type { PointState } from "#vault/fold/fold.ts";
import type { Log } from "#vault/log/log.ts";
import { readBody } from "#vault/point-body.ts";
import type { Vault } from "#vault/vault.ts";
import type { EncryptedHeader } from "#volume/header/encrypted-header.ts";
import { piecesSource } from "#volume/source/pieces-source.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

import type { Guest } from "./year-guests.ts";
import { kdf } from "./year-key-side.ts";

const { signal } = new AbortController();
const limit = { memoryKiB: 1024 * 1024, seconds: 60 };

/** As docs/needs.md promises: days for which a version stays after the last point that it opened, and the last disk. */
const QUARANTINE_DAYS = 44;
const RETIRED_DAYS = 90;

/** What is looked at of a machine. */
type Looked = { readonly name: string; readonly guest: Guest; readonly log: Log };

/**
 * What really is so, whatever a log, the key side or a light says: which versions open a header, found out by trying the key
 * store's values with nothing that a proof uses but the readers; and on which day each was last of use.
 */
export class YearTruth {
  /** Versions that were seen to open a header when it was on a live disk, by its digest. */
  readonly #opens = new Map<string, readonly string[]>();
  /** Headers and values that were seen to fit. */
  readonly #fits = new Set<string>();
  /** The last day on which a version opened a live volume, or a point of a vault. */
  readonly #liveDay = new Map<string, number>();
  readonly #pointDay = new Map<string, number>();
  readonly #destroyed = new Set<string>();
  /** Pairs of a header and a value that were tried and fit. */
  opened = 0;

  get destroyed(): number {
    return this.#destroyed.size;
  }

  /**
   * Finds out which of a key's versions open the disk as it is now.
   *
   * @throws an AssertionError: none does
   */
  async lookAtDisk({ name, guest }: Pick<Looked, "name" | "guest">, store: KeyStore): Promise<readonly string[]> {
    const header = await readVolumeHeader(memorySource(guest.image()), "a guest's disk", signal);
    const { headerDigest } = header.facts;
    const known = this.#opens.get(headerDigest);
    if (known !== undefined) return known;
    const opens: string[] = [];
    for (const version of versionsNamed(store, name).slice(-3)) {
      if (version.destroyedMs !== null) continue;
      using value = versionValue(store, version);
      if (!(await isOpenedBy(header, version.kind, value))) continue;
      this.#noteFit(headerDigest, value);
      opens.push(versionName(version));
    }
    assert.ok(opens.length > 0, `a held version opens the disk of ${name}`);
    this.#opens.set(headerDigest, opens);
    return opens;
  }

  /**
   * What must hold on every day, whatever was done to the world: each point of a vault, and each disk, has what opens it; each that is
   * green is opened by the version that the log says, which is not looked at while the key store is sealed; and what was destroyed was of no use for as long as was promised.
   *
   * @param what.losesValue  a value is lost and nobody was told yet: then a green point may have nothing that opens it
   */
  async assertHolds(
    what: { readonly vault: Vault; readonly store: KeyStore; readonly losesValue: boolean },
    machines: readonly Looked[],
    { day, now }: { readonly day: number; readonly now: Temporal.Instant },
  ): Promise<void> {
    const { vault, store, losesValue } = what;
    this.#assertDestroyedInTime(store, day);
    for (const machine of machines) {
      for (const version of await this.lookAtDisk(machine, store)) this.#liveDay.set(version, day);
      const lightOf = pointLights(machine.log.fold, now);
      for (const [, point] of machine.log.fold.points) {
        for (const { volume } of encryptedVolumes(point)) {
          for (const version of this.#opens.get(volume.headerDigest) ?? []) this.#pointDay.set(version, day);
        }
        if (point.deleted !== null || losesValue || store.isSealed) continue;
        const { light, versions } = lightOf(point);
        if (light === "green") await this.#assertOpens(vault, store, machine, point, versions);
      }
    }
  }

  /** Opens the header that a green point keeps with the value that the key store has now. */
  async #assertOpens(
    vault: Vault,
    store: KeyStore,
    { name, guest, log }: Looked,
    point: PointState,
    versions: readonly string[],
  ): Promise<void> {
    const [first] = encryptedVolumes(point);
    assert.ok(first !== undefined, "a green point has something encrypted");
    const [version = "no version"] = versions;
    const { headerDigest } = first.volume;
    const opens = this.#opens.get(headerDigest) ?? [];
    assert.ok(opens.includes(version), `${version} opens the header of a green point of ${name}`);
    const found = findVersion(store, version);
    using value = versionValue(store, found);
    if (this.#fits.has(fitOf(headerDigest, value))) return;
    const body = await readBody(vault, log.machine, point, signal);
    const volumes = body.disks[0]?.volumes;
    const pieces = volumes === undefined ? null : storedHeader(volumes, first.volume.name);
    assert.ok(pieces !== null, `a green point of ${name} keeps its header`);
    const source = piecesSource({ sizeBytes: guest.sizeBytes, sectorBytes: null }, pieces);
    const header = await readVolumeHeader(source, "a point's header", signal);
    assert.ok(await isOpenedBy(header, found.kind, value), `the value of ${version} opens a green point of ${name}`);
    this.#noteFit(headerDigest, value);
  }

  #assertDestroyedInTime(store: KeyStore, day: number): void {
    const gone = store.db.prepare("SELECT id FROM versions WHERE destroyed_ms IS NOT NULL").all();
    if (gone.length === this.#destroyed.size) return;
    for (const row of gone) {
      const name = versionName(loadVersion(store, row["id"] as VersionId));
      if (this.#destroyed.has(name)) continue;
      this.#destroyed.add(name);
      const [ofPoint = -Infinity, ofDisk = -Infinity] = [this.#pointDay.get(name), this.#liveDay.get(name)];
      assert.ok(day - ofPoint >= QUARANTINE_DAYS, `${name} is destroyed, and a point needed it on day ${ofPoint}`);
      assert.ok(day - ofDisk >= RETIRED_DAYS, `${name} is destroyed, and it opened a disk on day ${ofDisk}`);
    }
  }

  #noteFit(headerDigest: string, value: Secret): void {
    this.#fits.add(fitOf(headerDigest, value));
    this.opened++;
  }
}

function fitOf(headerDigest: string, value: Secret): string {
  return `${headerDigest} ${hex(sha256(value.bytes))}`;
}

async function isOpenedBy(header: EncryptedHeader, kind: ValueKind, value: Secret): Promise<boolean> {
  assert.ok(kind === "passphrase" || kind === "recovery-password");
  try {
    using unlocked = await header.unlock({ kind, secret: value }, { kdf, limit, only: null }, signal);
    return unlocked.volumeKeys.length > 0;
  } catch (error) {
    if (isLockstepError(error, "SECRET_REJECTED")) return false;
    throw error;
  }
}
