import type { App } from "#cli/app/app.ts";
import { LockstepError } from "#errors/errors.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import { volumeWords } from "#ops/volumes/volume-words.ts";
import type { PointDisk } from "#vault/entry/entry.ts";
import type { PointState, ShownVolume } from "#vault/fold/fold.ts";
import type { PointBody } from "#vault/point-body.ts";
import { protectorName } from "#volume/header/protector-name.ts";
import type { EncryptedVolume, Protector } from "#volume/header/volume.ts";

/** What has to be known of an encrypted volume before it is restored. */
export type RestoredVolume = {
  readonly disk: string;
  readonly volume: string;
  readonly format: EncryptedVolume["format"];
  readonly uuid: string | null;
  /** The key version that opened it, and when; null where none did, or not any more. */
  readonly opened: { readonly version: string; readonly at: string } | null;
  readonly asked: Asked;
};

/** What a guest asks for when it starts from a volume. */
export type Asked = {
  /** `the recovery password with the key ID 4F2A91C0-…`; null: it asks for nothing. */
  readonly words: string | null;
  /** Of recovery passwords, as the guest's screen shows them. */
  readonly keyIds: readonly string[];
  /** Its TPM opened it, and does not on another machine. */
  readonly wasTpm: boolean;
};

/** The encrypted volumes of disks that are restored. */
export function restoredVolumes(
  point: PointState,
  body: PointBody | null,
  disks: readonly PointDisk[],
): readonly RestoredVolume[] {
  return disks.flatMap(({ disk, name }) => {
    const map = storedMap(body?.disks.find((each) => each.disk === disk)?.volumes);
    return (map?.volumes ?? []).flatMap(({ name: volume, encrypted }) => {
      if (encrypted === null) return [];
      const shown = point.shown.find((each) => each.disk === disk && each.volume === volume);
      const { format, uuid } = encrypted;
      return [{ disk: name, volume, format, uuid, opened: openedBy(shown), asked: askedOf(encrypted) }];
    });
  });
}

function openedBy(shown: ShownVolume | undefined): RestoredVolume["opened"] {
  if (shown === undefined || (shown.verdict !== "reads" && shown.verdict !== "opens")) return null;
  const { version, derivedAt } = shown;
  return version === null || derivedAt === null ? null : { version, at: derivedAt };
}

/** What the guest will ask for to open a volume. */
export function askedOf({ format, uuid, protectors }: Pick<EncryptedVolume, "format" | "uuid" | "protectors">): Asked {
  const plain = { keyIds: [], wasTpm: false };
  if (format !== "bitlocker") {
    return { ...plain, words: `the passphrase or key of LUKS volume ${uuid ?? "without a UUID"}` };
  }
  if (protectors.some(({ kind }) => kind === "clear-key")) return { ...plain, words: null };
  const wasTpm = protectors.some(isBoundToTpm);
  const keyIds = protectors.filter(({ kind }) => kind === "recovery-password").map(({ id }) => id.toUpperCase());
  const words =
    keyIds.length === 0
      ? protectors.map(protectorName).join(" or ")
      : `the recovery password with the key ID ${keyIds.join(" or ")}`;
  return { words, keyIds, wasTpm };
}

function isBoundToTpm({ kind }: Protector): boolean {
  return kind.startsWith("tpm");
}

/** A line for each: `disk root: web01/v1 opened it on 2026-11-23; the guest will ask for …`. */
export function volumeKeyLines(volumes: readonly RestoredVolume[]): string[] {
  return volumes.map(({ disk, volume, opened, asked }) => {
    const key =
      opened === null ? "no key was seen to open it" : `${opened.version} opened it on ${opened.at.slice(0, 10)}`;
    return `  ${volumeWords(disk, volume)}: ${key}; ${askedWords(asked)}`;
  });
}

function askedWords({ words, wasTpm }: Asked): string {
  if (words === null) return "BitLocker is suspended: the guest will ask for nothing";
  const bound = wasTpm ? "its TPM does not open it on another machine: " : "";
  return `${bound}the guest will ask for ${words}`;
}

/** As JSON shows them. docs/json.md, "lockstep restore" */
export function shownVolumeKeys(volumes: readonly RestoredVolume[]): readonly object[] {
  return volumes.map(({ disk, volume, format, uuid, opened, asked }) => ({
    disk,
    volume,
    format,
    uuid,
    openedWith: opened?.version ?? null,
    openedAt: opened?.at ?? null,
    asksFor: asked.words,
    keyIds: asked.keyIds,
  }));
}

/**
 * Whether a second custodian has to approve before one can have a key; null where the key side cannot be asked. A restore itself needs
 * nobody: it gives back ciphertext.
 *
 * @throws {LockstepError} CANCELLED
 */
export async function needsSecondPerson({ keySide, signal }: App): Promise<boolean | null> {
  try {
    const { custodians } = await (await keySide("backup")).call("store.show", {}, signal);
    return custodians > 1;
  } catch (error) {
    if (signal.aborted || !(error instanceof LockstepError)) throw error;
    return null;
  }
}

/** In words; null where nobody knows. */
export function approvalLine(secondPerson: boolean | null): string | null {
  if (secondPerson === null) return null;
  return secondPerson
    ? "  no approval is needed to restore; one custodian asks for the key, and another one must approve: `lockstep key reveal`"
    : "  no approval is needed, neither to restore nor for a custodian to have the key: `lockstep key reveal`";
}
