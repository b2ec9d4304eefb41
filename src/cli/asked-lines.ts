import { protectorName } from "#cli/shown-volume.ts";
import { storedMap } from "#ops/stored-volumes.ts";
import { volumeWords } from "#ops/volume-words.ts";
import type { PointState } from "#vault/fold.ts";
import type { PointBody } from "#vault/point-body.ts";
import type { EncryptedVolume, Protector } from "#volume/volume.ts";

/** What the guest will ask for when it starts from a point's disks, a line for each encrypted volume. */
export function askedLines(point: PointState, body: PointBody | null): string[] {
  return point.disks.flatMap((disk) => {
    const map = storedMap(body?.disks.find((each) => each.disk === disk.disk)?.volumes);
    return (map?.volumes ?? []).flatMap(({ name, encrypted }) =>
      encrypted === null ? [] : [`  ${volumeWords(disk.name, name)}: ${askedWords(encrypted)}`],
    );
  });
}

/** What the guest will ask for to open one volume. */
export function askedWords({
  format,
  uuid,
  protectors,
}: Pick<EncryptedVolume, "format" | "uuid" | "protectors">): string {
  if (format !== "bitlocker")
    return `the guest will ask for the passphrase or key of LUKS volume ${uuid ?? "without a UUID"}`;
  if (protectors.some(({ kind }) => kind === "clear-key"))
    return "BitLocker is suspended: the guest will ask for nothing";
  const bound = protectors.some(isBoundToTpm) ? "its TPM does not open it on another machine: " : "";
  const recovery = protectors.filter(({ kind }) => kind === "recovery-password");
  if (recovery.length === 0) return `${bound}the guest will ask for ${protectors.map(protectorName).join(" or ")}`;
  const ids = recovery.map(({ id }) => id.toUpperCase()).join(" or ");
  return `${bound}the guest will ask for the recovery password with the key ID ${ids}`;
}

function isBoundToTpm({ kind }: Protector): boolean {
  return kind.startsWith("tpm");
}
