import type { RolloverFacts, RolloverTask } from "#api/rollover.ts";

/**
 * What came of a rollover that has ended, for a person.
 *
 * @param more.machine  as the vault calls it; null: that is not known, and it is as it was when the old version was bound
 * @param more.refusal  why the old version is kept; null: nothing needs it
 */
export function endedLines(
  { step, oldVersion, newVersion, binding }: RolloverFacts,
  more: { readonly machine: string | null; readonly refusal: string | null; readonly headerBackup: string | null },
): string[] {
  const { refusal, headerBackup } = more;
  if (step === "abandoned") {
    return [`abandoned: ${oldVersion} opens the volume as before, ${newVersion} does not`, ...backupLine(headerBackup)];
  }
  const kept = refusal === null ? `nothing needs ${oldVersion} any more` : `${oldVersion} kept: ${refusal}`;
  const machine = more.machine ?? binding.place?.machine ?? "the machine";
  return [
    `${newVersion} made, copied, added, tried; ${kept}`,
    `The volume key is as it was: with an old header, such as that of a point, ${oldVersion} still opens what is written from now on.`,
    "  If the volume key may be known too, re-encrypt the volume: lockstep key compromise --help",
    `Next, a recovery point that opens with ${newVersion}: lockstep backup ${machine}`,
    ...backupLine(headerBackup),
  ];
}

function backupLine(path: string | null): string[] {
  return path === null ? [] : [`The header as it was before is in ${path}`];
}

/** What a person has to do next on the machine, without a secret in any of it. */
export function stepLines(rollover: RolloverFacts, task: RolloverTask): string[] {
  if (task.do === "nothing") return [];
  const { oldVersion, newVersion, binding } = rollover;
  const isBitlocker = binding.volumeFormat === "bitlocker";
  const lines = task.do === "add" ? addLines(rollover, task.slot) : removeLines(task, isBitlocker);
  const why =
    task.do === "add"
      ? `Add ${newVersion} to the volume; ${oldVersion} stays for now.`
      : `Both were tried just now. Remove ${task.protector}, and nothing else:`;
  const then = `Then: lockstep key rollover ${keyOf(newVersion)} --confirm PATH, with the live disk or a fresh copy of its header`;
  return [why, ...lines.map((line) => `  ${line}`), then];
}

function addLines({ newVersion, oldVersion, binding: { volumeFormat } }: RolloverFacts, slot: number | null): string[] {
  const reveal = `lockstep key reveal ${newVersion} --reason rollover`;
  if (volumeFormat === "bitlocker") {
    return [
      `here:                       ${reveal}`,
      "in Windows, in PowerShell as an administrator, with the volume in the place of X:, and the new value typed when asked:",
      '$new = Read-Host "New recovery password"',
      'Add-BitLockerKeyProtector -MountPoint "X:" -RecoveryPasswordProtector -RecoveryPassword $new; Remove-Variable new',
    ];
  }
  return [
    `here:            ${reveal}`,
    `in the machine:  cryptsetup luksAddKey --new-key-slot ${slot ?? ""} --pbkdf pbkdf2 --pbkdf-force-iterations 1000 DEVICE`,
    `                 it asks for ${oldVersion}, then twice for ${newVersion}; for key files add --key-file OLD, and NEW at the end`,
  ];
}

function removeLines({ protector, by }: Extract<RolloverTask, { do: "remove" }>, isBitlocker: boolean): string[] {
  if (isBitlocker) return [`manage-bde -protectors -delete X: -id "{${protector.toUpperCase()}}"`];
  const remaining = by === "new" ? "the new" : "the old";
  return [
    `cryptsetup luksKillSlot DEVICE ${protector.replace(/^keyslot /, "")}`,
    `it asks for a passphrase that remains: ${remaining} one`,
  ];
}

/** The key of a version's name: `web01` of `web01/v2`. */
export function keyOf(version: string): string {
  return version.replace(/\/v[0-9]+$/, "");
}
