import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { ensureVersionCopied } from "#keys/copies/copies.ts";
import type { CopySide } from "#keys/copies/open-places.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { keyslotsFull } from "#keys/rollovers/rollover-begin.ts";
import { followHeader, retireUnbound } from "#keys/rollovers/rollover-bindings.ts";
import { lookAtRollover } from "#keys/rollovers/rollover-look.ts";
import type { RolloverDeps, RolloverLook } from "#keys/rollovers/rollover-look.ts";
import { planRollover } from "#keys/rollovers/rollover-plan.ts";
import type { RolloverAim, RolloverPlan, RolloverTask } from "#keys/rollovers/rollover-plan.ts";
import { loadRollover, saveRolloverState } from "#keys/rollovers/rollovers.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import type { Caller } from "#keys/store/model.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { VolumeSource } from "#volume/source/source.ts";

/** How far a rollover is, and what to do to the volume next. */
export type RolloverNext = {
  readonly rollover: Rollover;
  readonly task: RolloverTask;
  /** Protectors on which a version was not tried, and why, in words. */
  readonly notTried: readonly string[];
};

/**
 * Looks at the live header of a rollover's volume, writes down what it shows, and says what to do next. What was done before is
 * seen, not believed; so this can be asked again at any time.
 *
 * Nothing is added before the new version is in a copy that is durable and was read back, in every place that can be reached.
 *
 * @param given.header  the live header's bytes
 * @returns             "nothing" to do: it has ended
 * @throws {LockstepError} NAME_UNKNOWN; COPY_NOT_DURABLE; HEADER_MISMATCH: another volume's, or no version opens it any more;
 *   KEYSLOTS_FULL; VERSION_NEEDED: it cannot go back, the new version is the only way in; and as `lookAtRollover`
 */
export async function nextOfRollover(
  deps: RolloverDeps & CopySide,
  caller: Caller,
  given: { readonly rollover: string; readonly aim: RolloverAim; readonly header: VolumeSource },
  signal: AbortSignal,
): Promise<RolloverNext> {
  const { store } = deps;
  const before = loadRollover(store, given.rollover);
  if (before.endedMs !== null) return noteEnded(store, caller, before);
  if (given.aim === "forward") await ensureVersionCopied(deps, before.newVersion, signal);
  const look = await lookAtRollover(deps, before, given.header, signal);
  const { state, task } = sound(planRollover(before, look.seen, given.aim), before);
  const detail = { step: state.step, ...shownTask(task), headerDigest: look.header.facts.headerDigest };
  const what = { act: "rollover.next", subject: versionName(before.newVersion), detail };
  return act(store, caller, what, () => {
    // Somebody else may have ended it meanwhile.
    if (loadRollover(store, before.id).endedMs === null) {
      saveRolloverState(store, before.id, state);
      followHeader(store, caller, before, look.header, keptProtector(look, task));
      if (state.step === "removed") retireUnbound(store, before.oldVersion);
      if (state.step === "abandoned") retireUnbound(store, before.newVersion);
    }
    return { rollover: loadRollover(store, before.id), task, notTried: look.notTried };
  });
}

/** That somebody asked is noted all the same. */
function noteEnded(store: KeyStore, caller: Caller, rollover: Rollover): RolloverNext {
  const what = { act: "rollover.next", subject: versionName(rollover.newVersion), detail: { step: rollover.step } };
  return act(store, caller, what, () => ({ rollover, task: { do: "nothing" }, notTried: [] }));
}

/** What the new version is bound to: nothing while that is removed again. */
function keptProtector({ seen }: RolloverLook, task: RolloverTask): string | null {
  if (task.do === "remove" && task.by === "old") return null;
  return seen.newOpens[0] ?? null;
}

function shownTask(task: RolloverTask): Record<string, string | number | null> {
  if (task.do === "add") return { task: "add", slot: task.slot };
  return task.do === "remove" ? { task: "remove", protector: task.protector } : { task: "nothing" };
}

/** @throws {LockstepError} HEADER_MISMATCH, KEYSLOTS_FULL, VERSION_NEEDED */
function sound(plan: RolloverPlan, { oldVersion, newVersion }: Rollover): Exclude<RolloverPlan, string> {
  const [oldName, newName] = [versionName(oldVersion), versionName(newVersion)];
  if (typeof plan === "object") return plan;
  if (plan === "full") throw keyslotsFull(oldName);
  if (plan === "only the new") {
    throw new LockstepError(
      "VERSION_NEEDED",
      `abandoning a rollover: ${oldName} does not open the volume, ${newName} alone does`,
      {
        hint: `Bring it to its end: \`lockstep key rollover ${newVersion.keyName} --resume\`.`,
      },
    );
  }
  const found = `neither ${oldName} nor ${newName} opens the volume: somebody else changed its protectors`;
  throw new LockstepError("HEADER_MISMATCH", `rolling over ${oldName}: ${found}`, {
    hint: "The header as it was before is kept, and `lockstep volume header-restore` puts it back; docs/rollover.md.",
  });
}
