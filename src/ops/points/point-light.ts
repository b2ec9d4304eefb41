import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { lostHeaders } from "#ops/points/lost-headers.ts";
import { volumeWords } from "#ops/volumes/volume-words.ts";
import { lightOf, usualTerms } from "#policy/light.ts";
import type { Light, LightFacts, LightReason, LightTerms, ShownVerdict, VolumeFacts } from "#policy/light.ts";
import type { Fold, PointState, ShownVolume } from "#vault/fold/fold.ts";
import { bytesGoodAt, wholeChecks } from "#vault/healing/bytes-good.ts";
import type { DiskId } from "#vault/object/ids.ts";

/** For how long a machine's proofs and checks count: proofs as the key store's policy says. docs/lights.md */
export function lightTermsOf({ keyStore }: Fold): LightTerms {
  return keyStore === null ? usualTerms : { ...usualTerms, proofDays: keyStore.proofDays };
}

/** An encrypted volume that opened once and does not any more. */
export type LostLight = {
  readonly where: string;
  readonly openedAt: Temporal.Instant;
  readonly verdict: string;
};

/** A point's light, and what people are told with it. */
export type PointLight = {
  readonly light: Light;
  readonly reasons: readonly LightReason[];
  /** The key versions that opened its volumes, each once. */
  readonly versions: readonly string[];
  /** When the one of its volumes that was opened the longest ago was opened; null where one never was, or none is encrypted. */
  readonly openedAt: Temporal.Instant | null;
  /** Of one of its volumes what was shown is that of another proof of the same header: nothing of its content was looked at. */
  readonly carriedOver: boolean;
  readonly lost: readonly LostLight[];
};

/** Gives the lights of a machine's points, by its log alone: no body is read. */
export function pointLights(
  fold: Fold,
  now: Temporal.Instant,
  terms: LightTerms = lightTermsOf(fold),
): (point: PointState) => PointLight {
  const whole = wholeChecks(fold);
  const lostOf = lostHeaders(fold);
  const damagedDisks = new Set([...fold.damaged.keys()].map((key) => key.slice(0, key.indexOf("/")) as DiskId));
  return (point) => {
    const volumes = encryptedVolumes(point).map(({ disk, volume }) => {
      const stated = point.shown.find((each) => each.disk === disk.disk && each.volume === volume.name);
      const derivedAt = instantOrNull(stated?.derivedAt ?? null);
      return { where: volumeWords(disk.name, volume.name), stated: stated ?? null, derivedAt };
    });
    const lost = lostOf.get(point.point);
    const isLost = (disk: DiskId, volume: string): boolean => lost?.get(disk)?.has(volume) === true;
    const facts: LightFacts = {
      torn: point.consistency === "torn",
      damaged: point.hurt && point.disks.some(({ disk }) => damagedDisks.has(disk)),
      bytesGoodAt: bytesGoodAt(point, whole),
      ...unknownParts(point, isLost),
      volumes: volumes.map(factsOf),
    };
    const dates =
      facts.lostHeaders.length > 0
        ? []
        : volumes.map(({ stated, derivedAt }) => (stated !== null && opens(stated) ? derivedAt : null));
    return {
      ...lightOf(facts, terms, now),
      versions: [...new Set(volumes.flatMap(({ stated }) => stated?.version ?? []))],
      openedAt: oldest(dates),
      carriedOver: volumes.some(isCarriedOver),
      lost: volumes.flatMap(lostLight),
    };
  };
}

/** An encrypted volume, and what was last stated of it. */
type Stated = {
  readonly where: string;
  readonly stated: ShownVolume | null;
  readonly derivedAt: Temporal.Instant | null;
};

function factsOf({ where, stated, derivedAt }: Stated): VolumeFacts {
  if (stated === null) return { name: where, shown: null };
  const { verdict, unproven } = stated;
  return { name: where, shown: { verdict: knownVerdict(verdict), derivedAt, unproven } };
}

const verdicts = [
  "reads",
  "opens",
  "opens, content damaged",
  "not bound",
  "version unusable",
  "rejected",
  "header damaged",
  "unsupported",
  "not tried",
] as const satisfies readonly ShownVerdict[];

/** A word that a later program knows says nothing to this one. */
function knownVerdict(word: string): ShownVerdict {
  return verdicts.find((each) => each === word) ?? "not tried";
}

function opens({ verdict }: ShownVolume): boolean {
  return verdict === "reads" || verdict === "opens";
}

/** A proof is over within this time, by the key side's clock alone: what was derived longer ago was carried over. */
const PROOF_MS = 2 * 60_000;

function isCarriedOver({ stated, derivedAt }: Stated): boolean {
  if (stated === null || derivedAt === null || !opens(stated)) return false;
  return Temporal.Instant.from(stated.at).epochMilliseconds - derivedAt.epochMilliseconds > PROOF_MS;
}

function lostLight({ where, stated }: Stated): LostLight | [] {
  if (stated === null || stated.openedAt === null || opens(stated)) return [];
  return { where, openedAt: Temporal.Instant.from(stated.openedAt), verdict: stated.verdict };
}

/** Parts of a point that may be encrypted: never looked at, of unknown content, or encrypted in an earlier point and unknown now. */
function unknownParts(
  { volumes, disks }: PointState,
  isLost: (disk: DiskId, volume: string) => boolean,
): Pick<LightFacts, "unknown" | "lostHeaders"> {
  if (volumes === null) return { unknown: ["what its disks hold"], lostHeaders: [] };
  const lists = { unknown: [] as string[], lostHeaders: [] as string[] };
  for (const { disk, name } of disks) {
    const found = volumes.find((each) => each.disk === disk);
    if (found === undefined || found.encrypted === null) lists.unknown.push(`disk ${name}`);
    for (const volume of found?.unknown ?? []) {
      lists[isLost(disk, volume) ? "lostHeaders" : "unknown"].push(volumeWords(name, volume));
    }
  }
  return lists;
}

function instantOrNull(text: string | null): Temporal.Instant | null {
  return text === null ? null : Temporal.Instant.from(text);
}

/** Null where there is none, or one of them is null. */
function oldest(dates: readonly (Temporal.Instant | null)[]): Temporal.Instant | null {
  const known = dates.filter((date) => date !== null);
  return known.length < dates.length ? null : (known.toSorted((a, b) => Temporal.Instant.compare(a, b))[0] ?? null);
}
