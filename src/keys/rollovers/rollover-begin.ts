import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { freeKeyslots } from "#keys/bindings/free-keyslots.ts";
import { refuseFrozen } from "#keys/custody/refuse-loss.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { loadBinding } from "#keys/rollovers/rollover-bindings.ts";
import { readRolloverHeader, tryProtectors } from "#keys/rollovers/rollover-look.ts";
import type { RolloverDeps } from "#keys/rollovers/rollover-look.ts";
import { newRolloverValue } from "#keys/rollovers/rollover-value.ts";
import { addRollover, loadRollover, rolloverUnderWay, setExecutor } from "#keys/rollovers/rollovers.ts";
import type { Rollover, RolloverExecutor } from "#keys/rollovers/rollovers.ts";
import type { BindingId, Caller } from "#keys/store/model.ts";
import { addVersion, loadVersion, versionName } from "#keys/versions/versions.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/**
 * Begins to replace a protector: looks whether that can be done at all, and makes the new version. Nothing was done to the volume
 * then. Where it was begun before it is gone on with, by `executor` from now on.
 *
 * @param given.header  the live header's bytes
 * @throws {LockstepError} NAME_UNKNOWN; NOT_BOUND: the header has the protector no more; HEADER_MISMATCH: another volume's;
 *   VOLUME_UNSUPPORTED: it is being converted, or the executor or the format cannot; KEYSLOTS_FULL; SECRET_REJECTED, KDF_TOO_COSTLY,
 *   VERSION_UNUSABLE: the old version does not open it; KEY_STORE_FROZEN, KEY_STORE_SEALED, KEY_STORE_CORRUPT, KDF_FAILED, CANCELLED
 */
export async function beginRollover(
  deps: RolloverDeps,
  caller: Caller,
  given: { readonly binding: string; readonly executor: RolloverExecutor; readonly header: VolumeSource },
  signal: AbortSignal,
): Promise<Rollover> {
  const { store } = deps;
  const binding = loadBinding(store, given.binding as BindingId);
  const oldName = versionName(loadVersion(store, binding.version));
  const what = { act: "rollover.begin", subject: oldName, detail: { binding: binding.id, executor: given.executor } };
  refuseFrozen(store, `rolling over ${oldName}`);
  refuseExecutor(binding, given.executor);
  if (rolloverUnderWay(store, binding) === null) await refuseHopeless(deps, binding, given.header, signal);
  return act(store, caller, what, () => {
    const begun = rolloverUnderWay(store, binding);
    if (begun !== null) {
      setExecutor(store, begun.id, given.executor);
      return loadRollover(store, begun.id);
    }
    const id = hex(store.deps.random(16));
    const newVersion = addNewVersion(store, binding);
    addRollover(store, { id, binding, newVersion, executor: given.executor, begunBy: caller.name });
    return loadRollover(store, id);
  });
}

function addNewVersion(store: KeyStore, { version, volumeFormat }: Binding) {
  const old = loadVersion(store, version);
  using value = newRolloverValue(old.kind, volumeFormat, store.deps.random);
  return addVersion(store, {
    keyName: old.keyName,
    kind: old.kind,
    value,
    origin: "generated",
    note: `takes the place of v${old.number}`,
    activatesMs: null,
    expiresMs: null,
  });
}

/** Tells what would be found out only later, when a version was made for nothing. @throws {LockstepError} as `beginRollover` */
async function refuseHopeless(
  deps: RolloverDeps,
  binding: Binding,
  source: VolumeSource,
  signal: AbortSignal,
): Promise<void> {
  const old = loadVersion(deps.store, binding.version);
  newRolloverValue(old.kind, binding.volumeFormat, deps.store.deps.random).wipe();
  const header = await readRolloverHeader(source, binding.volumeIdentity, signal);
  const protector = header.facts.protectors.find(({ fingerprint }) => fingerprint === binding.protector);
  if (protector === undefined || binding.retiredMs !== null) {
    throw new LockstepError(
      "NOT_BOUND",
      `rolling over ${versionName(old)}: the volume has the protector no more that it opened`,
      {
        hint: "Bind the volume anew: `lockstep key bind`.",
      },
    );
  }
  const free = await freeKeyslots(source, header.facts.keyBits / 8, signal);
  if (free?.length === 0) throw keyslotsFull(versionName(old));
  const { opens } = await tryProtectors(deps, header, old, "bound", signal);
  if (opens.includes(protector.id)) return;
  throw new LockstepError("SECRET_REJECTED", `rolling over ${versionName(old)}: it does not open ${protector.id}`, {
    hint: "Bind a version that does: `lockstep key bind`.",
  });
}

/** @throws {LockstepError} VOLUME_UNSUPPORTED */
function refuseExecutor({ volumeFormat }: Binding, executor: RolloverExecutor): void {
  if (executor === "steps" || volumeFormat !== "bitlocker") return;
  throw new LockstepError("VOLUME_UNSUPPORTED", "rolling over a BitLocker volume: cryptsetup cannot change it", {
    hint: "Do the steps in Windows: `lockstep key rollover --executor steps` says them.",
  });
}

/** Nothing can be added to the volume. */
export function keyslotsFull(name: string): LockstepError {
  return new LockstepError("KEYSLOTS_FULL", `rolling over ${name}: the header has no room for one more keyslot`, {
    hint: "Remove a keyslot that nobody needs: `cryptsetup luksDump`, `cryptsetup luksKillSlot`.",
  });
}
