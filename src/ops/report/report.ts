import type { KeyClient } from "#client/key-client.ts";
import { isKeySideTrouble } from "#ops/keys/keep-in-step.ts";
import type { Machines } from "#ops/machines/machines.ts";
import type { Picture, PictureVersion } from "#ops/report/picture.ts";
import { reportKeySide } from "#ops/report/report-key-side.ts";
import type { ReportKeySide } from "#ops/report/report-key-side.ts";
import { reportMachine } from "#ops/report/report-machine.ts";
import type { ReportMachine } from "#ops/report/report-machine.ts";

/** The evidence of a vault and its key store: what there is, what opens it, and since when that is known. */
export type Report = {
  readonly at: Temporal.Instant;
  readonly vault: { readonly id: string; readonly place: string };
  readonly machines: readonly ReportMachine[];
  /** Machines whose log cannot be read. */
  readonly unread: readonly { readonly name: string; readonly message: string }[];
  /** Null where it could not be asked; `trouble` says why then. */
  readonly keySide: ReportKeySide | null;
  readonly trouble: string | null;
  /** The versions that are bound to each point, by the point's id; those of points that nothing opened yet, too. */
  readonly bound: ReadonlyMap<string, readonly string[]>;
};

/**
 * Gathers what a report says, from the machines' logs and from the key side. It reads no point's bytes and tries no key: lights and dates
 * are what earlier checks showed.
 *
 * A key side that cannot be asked, or refuses, is said in the report; what it said before is in the logs.
 *
 * @param client  asks as a custodian or an auditor
 * @throws {LockstepError} CANCELLED
 */
export async function makeReport(
  {
    vault,
    machines,
    client,
    now,
  }: {
    readonly vault: Report["vault"];
    readonly machines: Machines;
    readonly client: KeyClient;
    readonly now: Temporal.Instant;
  },
  signal: AbortSignal,
): Promise<Report> {
  const reported = machines.logs.map((log) => reportMachine(log, now));
  const unread = machines.faults.map(({ machine, name, error }) => ({ name: name ?? machine, message: error.message }));
  const bound = new Map<string, readonly string[]>();
  const common = { at: now, vault, machines: reported, unread, bound };
  try {
    for (const { id, points } of reported) {
      if (points.length === 0) continue;
      const { points: all } = await client.call("point.needs", { vault: vault.id, machine: id }, signal);
      for (const { point, volumes } of all) bound.set(point, [...new Set(volumes.flatMap(({ versions }) => versions))]);
    }
    const opened = reported.flatMap(({ points }) => points.flatMap(({ light }) => light.versions));
    const names = new Set([...opened, ...[...bound.values()].flat()]);
    return { ...common, keySide: await reportKeySide(client, reported, names, signal), trouble: null };
  } catch (error) {
    if (!isKeySideTrouble(error)) throw error;
    return { ...common, keySide: null, trouble: error.message };
  }
}

/** The report as a picture: a lane for each machine, with the versions of all keys that its points need. */
export function reportPicture({ at, machines, keySide, bound }: Report): Picture {
  return {
    at,
    lanes: machines.map(({ name, points }) => {
      const drawn = points.map((point) => ({
        name: point.name,
        at: Temporal.Instant.from(point.capturedAt),
        light: point.light.light,
        versions: point.light.versions.length > 0 ? point.light.versions : (bound.get(point.id) ?? []),
        deleted: point.deleted,
      }));
      const keys = new Set(drawn.flatMap(({ versions }) => versions.map(keyOf)));
      const versions = (keySide?.versions ?? []).filter((version) => keys.has(keyOf(version.name))).map(pictureVersion);
      return { machine: name, versions, points: drawn };
    }),
  };
}

function pictureVersion({
  name,
  createdAt,
  retiredAt,
  destroyedAt,
}: ReportKeySide["versions"][number]): PictureVersion {
  return {
    name,
    createdAt: Temporal.Instant.from(createdAt),
    retiredAt: retiredAt === null ? null : Temporal.Instant.from(retiredAt),
    destroyedAt: destroyedAt === null ? null : Temporal.Instant.from(destroyedAt),
  };
}

/** `web01` of `web01/v1`. */
function keyOf(version: string): string {
  return version.slice(0, version.lastIndexOf("/"));
}
