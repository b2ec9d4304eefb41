import type { ShownVersion } from "#api/keys.ts";
import type { KeyClient } from "#client/key-client.ts";
import { LockstepError } from "#errors/errors.ts";

/**
 * The full names of the versions that somebody names: `web01/v1` as it is, and for a key all that it has.
 *
 * @throws {LockstepError} NAME_UNKNOWN, and what `call` throws
 */
export async function exactVersions(client: KeyClient, name: string, signal: AbortSignal): Promise<readonly string[]> {
  if (name.includes("/")) return [name];
  const { versions } = await client.call("key.show", { name }, signal);
  return versions.map(({ version }) => version.name);
}

/**
 * The full name of the one version that somebody names: `web01/v1` as it is, and for a key the one in use.
 *
 * @throws {LockstepError} NAME_UNKNOWN; NAME_AMBIGUOUS: the key has none in use, or several; and what `call` throws
 */
export async function exactVersion(client: KeyClient, name: string, signal: AbortSignal): Promise<string> {
  if (name.includes("/")) return name;
  const { versions } = await client.call("key.show", { name }, signal);
  return oneInUse(name, versions);
}

/** @throws {LockstepError} NAME_AMBIGUOUS */
export function oneInUse(key: string, versions: readonly Pick<ShownVersion, "version">[]): string {
  const inUse = versions
    .filter(({ version: { retiredAt, deletedAt, destroyedAt } }) => (retiredAt ?? deletedAt ?? destroyedAt) === null)
    .map(({ version }) => version.name);
  const [only, another] = inUse;
  if (only !== undefined && another === undefined) return only;
  const all = versions.map(({ version }) => version.name);
  throw new LockstepError(
    "NAME_AMBIGUOUS",
    `the key ${key} has ${only === undefined ? "no version in use" : "several versions in use"}`,
    { hint: `Name one of them: ${(only === undefined ? all : inUse).join(", ")}.` },
  );
}
