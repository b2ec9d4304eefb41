import type { BindingFacts } from "#api/values.ts";
import type { Bound } from "#cli/headers/header-options.ts";

/** A binding in words: `web01/v1 opens web01.raw: keyslot 0`. @param shown  the volume */
export function boundLines(shown: string, { binding, isNew, gone }: Bound): string[] {
  const was = isNew ? "" : ", as was known";
  const marked = binding.source === "point" ? ", as seen in a point" : "";
  return [`${binding.version} opens ${shown}: ${protectorWords(binding)}${was}${marked}.`, ...goneLines(gone)];
}

/** What comes next. @param machine  of the vault, whose disk it is; null: of none that is known here */
export function nextLine(machine: string | null): string {
  return machine === null
    ? "Once its machine is protected (`lockstep protect`), each backup has the new point opened with it."
    : `Have its points opened with it: \`lockstep check ${machine}\`, or the next backup.`;
}

/** What is bound and gone from the live disk, and what to do about it. */
export function goneLines(gone: readonly BindingFacts[]): string[] {
  return gone.map(
    (binding) =>
      `  ${binding.version} is bound to ${protectorWords(binding)} of ${placeWords(binding)}, which is gone: lockstep key unbind ${binding.id} --reason "…"`,
  );
}

/** A protector as people know it: `keyslot 0`, `recovery password 4F2A91C0`. */
export function protectorWords({ protectorKind, protectorId }: BindingFacts): string {
  if (protectorKind === "passphrase") return protectorId;
  return `${protectorKind.replaceAll("-", " ")} ${protectorId.slice(0, 8).toUpperCase()}`;
}

/** Where a bound volume is. */
export function placeWords({ place, volumeFormat, volumeUuid }: BindingFacts): string {
  if (place === null) return `${volumeFormat} ${volumeUuid ?? "volume"}`;
  const { machine, disk, volume } = place;
  return volume === "disk" ? `${machine}, disk ${disk}` : `${machine}, disk ${disk}, volume ${volume}`;
}
