import type { App } from "#cli/app/app.ts";
import { LockstepError } from "#errors/errors.ts";
import { encryptedVolumes } from "#ops/points/encrypted-volumes.ts";
import { storedMap } from "#ops/volumes/stored-volumes.ts";
import { volumeWords } from "#ops/volumes/volume-words.ts";
import { whatThaws } from "#policy/frozen.ts";
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
  /** When it was opened last, where no key is shown to open it any more; null where one is, or none ever did. */
  readonly openedUntil: string | null;
  /** Null: not known, since what the point says of itself is lost. */
  readonly asked: Asked | null;
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

/** The encrypted volumes of disks that are restored: by the point's body, and by the log where that is lost. */
export function restoredVolumes(
  point: PointState,
  body: PointBody | null,
  disks: readonly PointDisk[],
): readonly RestoredVolume[] {
  return disks.flatMap(({ disk, name }) => {
    const map = storedMap(body?.disks.find((each) => each.disk === disk)?.volumes);
    const logged = encryptedVolumes(point).filter((each) => each.disk.disk === disk);
    const volumes =
      map === null
        ? logged.map(({ volume: { name: volume, format } }) => ({ volume, format, uuid: null, asked: null }))
        : map.volumes.flatMap(({ name: volume, encrypted }) => {
            if (encrypted === null) return [];
            const { format, uuid } = encrypted;
            return [{ volume, format, uuid, asked: askedOf(encrypted) }];
          });
    return volumes.map((each) => {
      const shown = point.shown.find((one) => one.disk === disk && one.volume === each.volume);
      return { disk: name, ...each, ...openings(shown) };
    });
  });
}

/** By the verdict that was logged last. */
function openings(shown: ShownVolume | undefined): Pick<RestoredVolume, "opened" | "openedUntil"> {
  if (shown === undefined) return { opened: null, openedUntil: null };
  const { verdict, version, derivedAt, openedAt } = shown;
  const opens = verdict === "reads" || verdict === "opens";
  if (opens && version !== null && derivedAt !== null) return { opened: { version, at: derivedAt }, openedUntil: null };
  return { opened: null, openedUntil: openedAt };
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
  return volumes.map(({ disk, volume, asked, ...shown }) => {
    return `  ${volumeWords(disk, volume)}: ${openedWords(shown)}; ${askedWords(asked)}`;
  });
}

function openedWords({ opened, openedUntil }: Pick<RestoredVolume, "opened" | "openedUntil">): string {
  if (opened !== null) return `${opened.version} opened it on ${opened.at.slice(0, 10)}`;
  if (openedUntil === null) return "no key was seen to open it";
  return `a key opened it on ${openedUntil.slice(0, 10)}, and none was seen to since`;
}

function askedWords(asked: Asked | null): string {
  if (asked === null) return "what the guest will ask for is not known: what the point says of itself is lost";
  const { words, wasTpm } = asked;
  if (words === null) return "BitLocker is suspended: the guest will ask for nothing";
  const bound = wasTpm ? "its TPM does not open it on another machine: " : "";
  return `${bound}the guest will ask for ${words}`;
}

/** As JSON shows them. docs/json.md, "lockstep restore" */
export function shownVolumeKeys(volumes: readonly RestoredVolume[]): readonly object[] {
  return volumes.map(({ disk, volume, format, uuid, opened, openedUntil, asked }) => ({
    disk,
    volume,
    format,
    uuid,
    openedWith: opened?.version ?? null,
    openedAt: opened?.at ?? null,
    openedUntil,
    asksFor: asked?.words ?? null,
    keyIds: asked?.keyIds ?? [],
  }));
}

/** What a custodian meets who asks for a key. A restore itself needs nobody: it gives back ciphertext. */
export type KeyRelease = {
  /** Whether another custodian has to approve. */
  readonly secondPerson: boolean;
  /** Why nobody gets a key at all; null where it is given. */
  readonly frozen: string | null;
};

/** Null where the key side cannot be asked. @throws {LockstepError} CANCELLED */
export async function askKeyRelease({ keySide, signal }: Pick<App, "keySide" | "signal">): Promise<KeyRelease | null> {
  try {
    const { custodians, frozen } = await (await keySide("backup")).call("store.show", {}, signal);
    return { secondPerson: custodians > 1, frozen };
  } catch (error) {
    if (signal.aborted || !(error instanceof LockstepError)) throw error;
    return null;
  }
}

/** In words, a line each. @param release  null: no key side could be asked */
export function releaseLines(release: KeyRelease | null): readonly string[] {
  if (release === null) {
    return [
      "  no approval is needed to restore; no key side answers here, so who may have the key is not known:",
      "  ask on the host that has it; where it is lost, `lockstep recover` brings the keys back with the kit",
    ];
  }
  const { secondPerson, frozen } = release;
  if (frozen !== null) {
    return [
      "  no approval is needed to restore; but nobody gets the key now:",
      `  the key store is frozen, and releases nothing: ${frozen}`,
      `  ${whatThaws(frozen)}`,
    ];
  }
  return [
    secondPerson
      ? "  no approval is needed to restore; one custodian asks for the key, and another one must approve: `lockstep key reveal VERSION --reason WHY`"
      : "  no approval is needed, neither to restore nor for a custodian to have the key: `lockstep key reveal VERSION --reason WHY`",
  ];
}
