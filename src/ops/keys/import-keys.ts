import type { InputOf } from "#api/routes.ts";
import type { BindingFacts } from "#api/values.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { keyNameFor } from "#ops/keys/import-names.ts";
import { matchDisk } from "#ops/keys/match-disk.ts";
import type { DiskOutlook, MatchedVolume } from "#ops/keys/match-disk.ts";
import { storeSecrets } from "#ops/keys/store-secrets.ts";
import type { StoredSecret } from "#ops/keys/store-secrets.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";
import { presentHeader } from "#ops/volumes/present-header.ts";
import { scanDisk } from "#ops/volumes/scan-disks.ts";
import type { UnlockTerms } from "#volume/header/encrypted-header.ts";

/** What to import, and where to try it. */
export type ImportRequest = {
  readonly secrets: readonly ImportableSecret[];
  readonly disks: readonly DiskOutlook[];
  /** Store no secret that opens nothing. */
  readonly onlyMatching: boolean;
};

/** A volume, and what it is bound to now. */
export type ImportedVolume = MatchedVolume & {
  readonly bindings: readonly BindingFacts[];
  /** Where nothing of the list opened it, bindings that it has already. */
  readonly known: readonly BindingFacts[];
  /** Bindings that its header shows to be gone. */
  readonly gone: readonly BindingFacts[];
  /** What opened it here and could not be bound, in words. */
  readonly failures: readonly string[];
};

export type Imported = {
  /** Secrets that are in the key store now, or could not be stored. */
  readonly secrets: ReadonlyMap<ImportableSecret, StoredSecret>;
  readonly volumes: readonly ImportedVolume[];
};

/**
 * Imports secrets: tries them on disks, stores each in the key store under the name of the machine whose volume it opens, and binds it there.
 * The key side tries it again before it binds. Run twice, it stores and binds nothing new.
 *
 * @param tried  told after each trial
 * @throws {LockstepError} KEY_STORE_SEALED, before anything is tried; CANCELLED; and what the key side answers with. What was stored by then
 *   stays, and a second run goes on
 */
export async function importKeys(
  client: KeyClient,
  { secrets, disks, onlyMatching }: ImportRequest,
  terms: Omit<UnlockTerms, "only">,
  tried: () => void,
  signal: AbortSignal,
): Promise<Imported> {
  await refuseSealed(client, signal);
  const matched: MatchedVolume[] = [];
  for (const { disk } of disks) matched.push(...(await matchDisk(disk, secrets, terms, tried, signal)));
  const named = new Map(
    secrets.flatMap((secret) => {
      const opened = matched.filter((volume) => volume.opened.some((each) => each.secret === secret));
      if (opened.length === 0 && onlyMatching) return [];
      const places = opened.map(({ place }) => place);
      const name = keyNameFor(secret, places, (machine) => countVolumes(disks, machine));
      return [[secret, { name, note: noteOf(secret, disks.length > 0 && opened.length === 0) }]];
    }),
  );
  const stored = await storeSecrets(client, named, signal);
  const volumes: ImportedVolume[] = [];
  for (const volume of matched) volumes.push(await bindVolume(client, volume, stored, signal));
  return { secrets: stored, volumes };
}

/** @throws {LockstepError} KEY_STORE_SEALED */
async function refuseSealed(client: KeyClient, signal: AbortSignal): Promise<void> {
  const { sealed } = await client.call("store.show", {}, signal);
  if (!sealed) return;
  throw new LockstepError("KEY_STORE_SEALED", "importing keys: the key store is sealed", {
    hint: "Open it with `lockstep keystore unseal`.",
  });
}

function countVolumes(disks: readonly DiskOutlook[], machine: string): number {
  const own = disks.filter(({ disk }) => disk.machine === machine);
  return own.reduce((sum, { volumes }) => sum + volumes.length, 0);
}

/** The note of a secret: where it came from, since the list itself will be forgotten. */
function noteOf({ from, line, name, note, keyId }: ImportableSecret, openedNothing: boolean): string {
  const called = name === "" || name === keyId ? "" : ` (${name})`;
  return [
    `${from}, line ${line}${called}`,
    ...(keyId === null ? [] : [`key ID ${keyId}`]),
    ...(openedNothing ? ["opened nothing that it was tried on"] : []),
    ...(note === "" ? [] : [note]),
  ]
    .join("; ")
    .slice(0, 4096);
}

/** Binds what opened a volume. Its header is read anew, since many together are large. */
async function bindVolume(
  client: KeyClient,
  volume: MatchedVolume,
  stored: ReadonlyMap<ImportableSecret, StoredSecret>,
  signal: AbortSignal,
): Promise<ImportedVolume> {
  const { path, place, opened } = volume;
  const nothing = { ...volume, bindings: [], known: [], gone: [], failures: [] };
  return scanDisk(
    path,
    async ({ inspection }) => {
      const found = inspection?.headers.get(place.volume);
      if (found === undefined) return { ...nothing, failures: [`${path} has no such volume any more`] };
      const header = await presentHeader(found, signal);
      const presented = { header, place, source: "import", volumeUuid: null } as const;
      if (opened.length > 0) return { ...nothing, ...(await bindOpened(client, presented, opened, stored, signal)) };
      const dry = { ...presented, protector: null, maxSeconds: 1, dryRun: true };
      return { ...nothing, known: (await client.call("key.match", dry, signal)).known };
    },
    signal,
  );
}

async function bindOpened(
  client: KeyClient,
  presented: Omit<InputOf<"key.bind">, "version" | "protector">,
  opened: MatchedVolume["opened"],
  stored: ReadonlyMap<ImportableSecret, StoredSecret>,
  signal: AbortSignal,
): Promise<Pick<ImportedVolume, "bindings" | "gone" | "failures">> {
  const bindings = new Map<string, BindingFacts>(); // by id: a list may have a secret twice
  const failures: string[] = [];
  let gone: readonly BindingFacts[] = [];
  for (const { secret, protector } of opened) {
    const version = stored.get(secret)?.version ?? null;
    if (version === null) continue;
    try {
      const given = { ...presented, version: version.name, protector: protector.id };
      const bound = await client.call("key.bind", given, signal);
      bindings.set(bound.binding.id, bound.binding);
      ({ gone } = bound);
    } catch (error) {
      if (!isLockstepError(error, ...obstacles)) throw error;
      failures.push(error.message);
    }
  }
  return { bindings: [...bindings.values()], gone, failures };
}

/** What keeps one version from being bound, and no other. */
const obstacles = [
  "VERSION_UNUSABLE",
  "SECRET_REJECTED",
  "HEADER_MISMATCH",
  "HEADER_CORRUPT",
  "KDF_TOO_COSTLY",
  "KDF_FAILED",
  "VOLUME_MISSING",
  "VOLUME_UNSUPPORTED",
  "FIELD_CORRUPT",
] as const;
