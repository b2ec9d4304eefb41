import { basename } from "node:path";

import type { VolumePlace } from "#ops/keys/match-disk.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";

/**
 * The name of the key that a secret becomes: that of the machine whose volume it opens, `machine.disk.volume` where the machine has several
 * encrypted volumes and the secret opens one of them. A secret of several machines, or that opens nothing, is called as its list
 * calls it.
 *
 * @param opened    places of the volumes that it opens
 * @param volumesOf how many encrypted volumes a machine has
 */
export function keyNameFor(
  secret: Pick<ImportableSecret, "name" | "keyId" | "computer">,
  opened: readonly VolumePlace[],
  volumesOf: (machine: string) => number,
): string {
  const machines = new Set(opened.map(({ machine }) => machine));
  const [first] = opened;
  const listed = listedName(secret);
  if (first === undefined) return listed ?? "imported";
  const { machine, disk, volume } = first;
  if (machines.size > 1) return listed ?? toKeyName(machine) ?? "imported";
  const isOneOfSeveral = opened.length === 1 && volumesOf(machine) > 1;
  return toKeyName(isOneOfSeveral ? `${machine}.${disk}.${volume}` : machine) ?? "imported";
}

function listedName({ name, keyId, computer }: Pick<ImportableSecret, "name" | "keyId" | "computer">): string | null {
  if (computer !== null) return toKeyName(computer.toLowerCase()); // as Windows compares them
  if (keyId !== null) return `bitlocker-${keyId.slice(0, 8)}`;
  return toKeyName(basename(name.trim()).replace(/\.(raw|img|qcow2|vhdx?|vmdk)$/i, ""));
}

/** What of a text can be the name of a key; null where nothing can. @see parseKeyName */
function toKeyName(text: string): string | null {
  const name = text
    .replaceAll(/[^A-Za-z0-9._+-]+/g, (other) => (other === "/" ? "." : "-"))
    .replace(/^[^A-Za-z0-9]+/, "")
    .replace(/-+$/, "")
    .slice(0, 200);
  return name === "" ? null : name;
}
