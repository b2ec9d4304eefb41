import { Secret } from "#bytes/secret.ts";
import { hex, utf8 } from "#bytes/text.ts";
import { sha256, systemRandom } from "#crypto/derive.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { noteTried } from "#keys/bindings/tries.ts";
import { KeyStore } from "#keys/key-store.ts";
import { destructionRefusal } from "#keys/needs/needs.ts";
import { saveReport } from "#keys/needs/point-report.ts";
import type { PointReport, ReportOutcome } from "#keys/needs/point-report.ts";
import type { ReportedPoint, ReportedVolume } from "#keys/needs/report-plan.ts";
import { passRunningDay } from "#keys/needs/running-day.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { enrolVault, retireVault } from "#keys/vaults/vaults.ts";
import { addVersion, loadVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";

/** 32 hex digits that stand for a label. */
export function idOf(label: string): string {
  return digestOf(label).slice(0, 32);
}

/** 64 hex digits that stand for a label. */
export function digestOf(label: string): string {
  return hex(sha256(utf8(label)));
}

/** A point of a machine, for a report. */
export type WorldPoint = Omit<ReportedPoint, "volumesDigest">;

/** A point that is named after a label and has these volumes. */
export function worldPoint(
  label: string,
  volumes: readonly ReportedVolume[],
  expectedUntil: string | null = "2033-12-31T12:00Z",
): WorldPoint {
  return {
    point: idOf(label),
    name: label,
    capturedMs: Date.UTC(2026, 0, 1),
    expectedUntilMs: expectedUntil === null ? null : Temporal.Instant.from(expectedUntil).epochMilliseconds,
    volumes,
  };
}

/** A LUKS2 volume with protectors that are named after labels. */
export function worldVolume(label: string, ...protectors: readonly string[]): ReportedVolume {
  return {
    disk: "disk",
    volume: label,
    format: "luks2",
    volumeIdentity: digestOf(label),
    headerDigest: digestOf(`${label} ${protectors.join(" ")}`),
    protectors: protectors.map(digestOf),
  };
}

/** A key store in memory with a vault, named `vault`, that a backup identity reports for; its clock is a variable. */
export class NeedsWorld implements Disposable {
  readonly store: KeyStore;
  readonly #clock: { now: Temporal.Instant; steadyMs: number };

  private constructor(store: KeyStore, clock: { now: Temporal.Instant; steadyMs: number }) {
    this.store = store;
    this.#clock = clock;
  }

  /** At 2026-01-01T00:00Z. */
  static async make(): Promise<NeedsWorld> {
    const clock = { now: Temporal.Instant.from("2026-01-01T00:00Z"), steadyMs: 0 };
    const deps = {
      now: () => clock.now,
      steadyMs: () => clock.steadyMs,
      random: systemRandom,
      kdf: { derive: deriveKey },
    };
    using secret = new Secret(systemRandom(32));
    const seal = { label: "key file", secret: { kind: "key-file", secret } } as const;
    const store = await KeyStore.create(":memory:", [seal], deps, new AbortController().signal);
    const world = new NeedsWorld(store, clock);
    inTransaction(store.db, () => {
      addIdentity(store, { name: "host", role: "backup", token: newToken(systemRandom), expiresMs: null });
    });
    world.enrol("vault");
    return world;
  }

  /** Moves the clock by days; back, where they are negative. As many days have passed indeed. */
  leap(days: number): void {
    this.set(days);
    this.#clock.steadyMs += Math.abs(days) * 24 * 60 * 60 * 1000;
  }

  /** Sets the clock by days, while no time passes. */
  set(days: number): void {
    this.#clock.now = this.#clock.now.add({ hours: 24 * days });
  }

  /** Enrols a vault. */
  enrol(name: string): void {
    const { store } = this;
    const rootCommitment = sha256(utf8(name));
    inTransaction(store.db, () => enrolVault(store, { vault: idOf(name), name, rootCommitment, reporter: "host" }));
  }

  retire(name: string): void {
    inTransaction(this.store.db, () => retireVault(this.store, idOf(name)));
  }

  /** The key side runs today. */
  run(): void {
    inTransaction(this.store.db, () => passRunningDay(this.store));
  }

  /** The key side runs on the next days, and nobody reports. */
  runDays(days: number): void {
    for (let day = 0; day < days; day++) {
      this.leap(1);
      this.run();
    }
  }

  /** Reports all points of a machine. */
  report(points: readonly WorldPoint[], { vault = "vault", machine = "web01" } = {}): ReportOutcome {
    const report: PointReport = { vault: idOf(vault), machine: idOf(machine), machineName: machine, points };
    return inTransaction(this.store.db, () =>
      saveReport(this.store, report, digestOf(JSON.stringify(points)), () => undefined),
    );
  }

  /** Reports the same on each of the next days. */
  reportDays(days: number, points: readonly WorldPoint[], of: { vault?: string; machine?: string } = {}): void {
    for (let day = 0; day < days; day++) {
      this.leap(1);
      this.report(points, of);
    }
  }

  version(keyName: string, kind: ValueKind = "passphrase"): Version {
    const { store } = this;
    using value = new Secret(systemRandom(32));
    const given = { keyName, kind, value, origin: "generated", note: "", activatesMs: null, expiresMs: null } as const;
    return inTransaction(store.db, () => addVersion(store, given));
  }

  /** Binds a version to a protector; the volume is live no more unless that is said. */
  bind(version: Version, volume: ReportedVolume, protector: string, { live = false } = {}): Binding {
    const { store } = this;
    return inTransaction(store.db, () => {
      const binding = saveBinding(store, {
        version: version.id,
        protector: digestOf(protector),
        volumeIdentity: volume.volumeIdentity,
        protectorId: "0",
        protectorKind: "keyslot",
        volumeFormat: volume.format,
        volumeUuid: null,
        place: { machine: "web01", disk: volume.disk, volume: volume.volume },
        source: "live",
        boundBy: "custodian",
      });
      if (!live) {
        const now = store.deps.now().epochMilliseconds;
        store.db.prepare("UPDATE bindings SET retired_ms = ? WHERE id = ?").run(now, binding.id);
      }
      return binding;
    });
  }

  /** Notes that a version was tried on a volume, in vain. */
  tried(version: Version, { volumeIdentity, protectors }: ReportedVolume): void {
    inTransaction(this.store.db, () => noteTried(this.store, version.id, volumeIdentity, protectors));
  }

  /** Another version has taken its place. */
  retireVersion(version: Version): void {
    const now = this.store.deps.now().epochMilliseconds;
    this.store.db.prepare("UPDATE versions SET retired_ms = ? WHERE id = ?").run(now, version.id);
  }

  refusal(version: Version): string | null {
    return destructionRefusal(this.store, loadVersion(this.store, version.id));
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}
