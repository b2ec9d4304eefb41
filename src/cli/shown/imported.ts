import type { BindingFacts } from "#api/values.ts";
import { formatTable } from "#cli/output/table.ts";
import { goneLines, protectorWords } from "#cli/shown/bound-lines.ts";
import { counted } from "#cli/shown/checked.ts";
import { whatIs } from "#cli/shown/shown-volume.ts";
import type { Imported, ImportedVolume } from "#ops/keys/import-keys.ts";
import type { DiskOutlook } from "#ops/keys/match-disk.ts";
import { protectorName } from "#volume/header/protector-name.ts";

/** What an import did, for a person. */
export function importLines({ secrets, volumes }: Imported, disks: readonly DiskOutlook[]): string[] {
  const stored = [...secrets.values()];
  const isNew = stored.filter((each) => each.isNew).length;
  const there = stored.filter(({ version, isNew: made }) => version !== null && !made).length;
  const matched = volumes.filter(isMatched).length;
  const before = volumes.filter(isKnown).length;
  const without = volumes.filter(lacksKey).length;
  return [
    ...volumeTable(volumes, disks),
    ...volumes.flatMap(({ gone }) => goneLines(gone)),
    ...[...secrets].flatMap(([{ from, line }, { failure }]) =>
      failure === null ? [] : [`not stored: ${from}, line ${line}: ${failure}`],
    ),
    ...volumes.flatMap(({ path, place, failures, notTried }) => [
      ...failures.map((why) => `${path} ${place.volume}: not bound: ${why}`),
      ...notTried.map((why) => `${path} ${place.volume}: not tried: ${why}`),
    ]),
    [
      `${counted(isNew, "key")} stored${there > 0 ? ` (${there} ${there === 1 ? "was" : "were"} there)` : ""}`,
      `${counted(matched, "volume")} matched`,
      ...(before > 0 ? [`${before} bound before`] : []),
      `${counted(without, "volume")} without a key`,
    ].join(", "),
    ...(without === 0
      ? []
      : ["What opens it may be stored already, or is to be added: lockstep key match DISK, lockstep key add NAME"]),
  ];
}

/** Whether all that could be asked for came out well. */
export function isImportWhole({ secrets, volumes }: Imported, disks: readonly DiskOutlook[]): boolean {
  return (
    disks.every(({ failure }) => failure === null) &&
    volumes.every((volume) => !lacksKey(volume) && volume.failures.length === 0) &&
    [...secrets.values()].every(({ failure }) => failure === null)
  );
}

/** An import as JSON shows it. docs/json.md, "lockstep key import" */
export function shownImport({ secrets, volumes }: Imported, disks: readonly DiskOutlook[]) {
  return {
    secrets: [...secrets].map(([{ from, line }, { version, isNew, failure }]) => ({
      from,
      line,
      version,
      isNew,
      failure,
    })),
    volumes: volumes.map(({ path, place, bindings, known, gone, failures, notTried }) => ({
      path,
      ...place,
      bindings,
      known,
      gone,
      failures,
      notTried,
    })),
    notLookedAt: disks.flatMap(({ disk: { path }, failure }) =>
      failure === null ? [] : [{ path, code: failure.code, message: failure.message }],
    ),
  };
}

function isMatched({ bindings }: ImportedVolume): boolean {
  return bindings.length > 0;
}

/** Nothing of the list opened it, and something else does. */
function isKnown({ bindings, known }: ImportedVolume): boolean {
  return bindings.length === 0 && known.length > 0;
}

function isOpenToAll({ facts }: ImportedVolume): boolean {
  return facts.protectors.some(({ kind, unusable }) => kind === "clear-key" && unusable === null);
}

function lacksKey(volume: ImportedVolume): boolean {
  return !isMatched(volume) && !isKnown(volume) && !isOpenToAll(volume);
}

function volumeTable(volumes: readonly ImportedVolume[], disks: readonly DiskOutlook[]): string[] {
  const rows = [
    ...volumes.map((volume) => {
      const { path, place, facts } = volume;
      const what = whatIs({ encrypted: facts, content: null, failure: null });
      return [path, place.volume === "disk" ? "" : place.volume, what, keyWords(volume)];
    }),
    ...disks.flatMap(({ disk: { path }, failure }) =>
      failure === null ? [] : [[path, "", `not looked at: ${failure.message}`, ""]],
    ),
  ];
  if (rows.length === 0) return ["There are no encrypted volumes there."];
  return formatTable([{ title: "DISK" }, { title: "VOLUME" }, { title: "WHAT" }, { title: "KEY" }], rows);
}

function keyWords(volume: ImportedVolume): string {
  const { bindings, known, facts } = volume;
  if (isMatched(volume)) return bindings.map(bindingWords).join(", ");
  if (isKnown(volume)) return `${known.map(bindingWords).join(", ")}, as was known`;
  if (isOpenToAll(volume)) return "opens without a key: clear key";
  const ids = facts.protectors.filter(({ kind }) => kind === "recovery-password").map(protectorName);
  return ids.length === 0 ? "NO KEY" : `NO KEY: it has the ${ids.join(", ")}`;
}

function bindingWords(binding: BindingFacts): string {
  return `${binding.version} (${protectorWords(binding)})`;
}
