import type { InputOf, ReplyOf } from "#api/routes.ts";
import { base64 } from "#bytes/text.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { ImportableSecret } from "#ops/secrets/secret-list.ts";

/** What became of a secret in the key store. */
export type StoredSecret = ReplyOf<"key.import">["results"][number];

type Given = InputOf<"key.import">["secrets"][number];

/** So many secrets, and so much of them, go into one request. */
const AT_ONCE = 500;
const AT_ONCE_LENGTH = 16 * 1024 * 1024;

/**
 * Stores secrets, each value once.
 *
 * @param named  the name for each, and the note that goes with it
 * @returns      what became of each
 * @throws {LockstepError} what `key.import` throws; those of earlier requests are stored then, and a second run goes on
 */
export async function storeSecrets(
  client: KeyClient,
  named: ReadonlyMap<ImportableSecret, { readonly name: string; readonly note: string }>,
  signal: AbortSignal,
): Promise<ReadonlyMap<ImportableSecret, StoredSecret>> {
  const stored = new Map<ImportableSecret, StoredSecret>();
  for (const batch of batches(named)) {
    const { results } = await client.call("key.import", { secrets: batch.map(({ given }) => given) }, signal);
    for (const [at, { secret }] of batch.entries()) {
      const result = results[at];
      if (result !== undefined) stored.set(secret, result);
    }
  }
  return stored;
}

type Entry = { readonly secret: ImportableSecret; readonly given: Given };

function batches(named: Parameters<typeof storeSecrets>[1]): readonly (readonly Entry[])[] {
  const all: Entry[][] = [];
  let length = 0;
  for (const [secret, { name, note }] of named) {
    const { kind, secret: value } = secret.secret;
    const given = { name, kind, value: base64(value.bytes), note };
    const last = all.at(-1);
    length += given.value.length;
    if (last === undefined || last.length === AT_ONCE || length > AT_ONCE_LENGTH) {
      all.push([{ secret, given }]);
      length = given.value.length;
    } else {
      last.push({ secret, given });
    }
  }
  return all;
}
