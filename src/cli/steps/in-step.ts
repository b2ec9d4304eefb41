import type { App, OpenVault } from "#cli/app/app.ts";
import { mayHaveKeySide } from "#cli/files/may-have-key-side.ts";
import type { Warning } from "#cli/output/output.ts";
import { goneHint, goneWords } from "#cli/steps/key-side-work.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { InStep } from "#ops/keys/keep-in-step.ts";
import type { ProvedVolume } from "#ops/keys/prove-point.ts";
import { logMissingVolumes } from "#ops/points/log-volumes.ts";
import { volumeWords } from "#ops/volumes/volume-words.ts";
import type { Log } from "#vault/log/log.ts";
import type { PointId } from "#vault/object/ids.ts";

/** The most that the key side may take for one answer: a derivation may be slow, and wait for others. */
const PATIENCE_MS = 5 * 60_000;

/** What came of telling the key side of a machine's points, and of asking it to open some. */
export type SteppedMachine = {
  /** There is a key store, or the machine's log knows that there was one. */
  readonly hasKeySide: boolean;
  /** All was done that was asked, or there is no key side. What was not is warned of. */
  readonly isWell: boolean;
};

/**
 * Keeps the key side in step with a machine, and warns of what it finds on the way: no failure of the key side is one of this. Where
 * there is no key side, nothing is asked and nothing is warned of.
 *
 * @param points  those to prove
 * @throws {LockstepError} what the vault's store and log throw; CANCELLED
 */
export async function stepMachine(
  app: App,
  { vault }: OpenVault,
  log: Log,
  points: readonly PointId[],
  options: { readonly anew: boolean; readonly progress: (done: number) => void },
): Promise<SteppedMachine> {
  const { output, signal } = app;
  const { name } = log.fold.machine;
  if (log.fold.receipts.size === 0 && !(await mayHaveKeySide(app))) {
    await logMissingVolumes(vault, log, signal);
    return { hasKeySide: false, isWell: true };
  }
  const step = await takeStep(app, { vault, log, points, options });
  const hasKeySide = step.trouble?.code !== "KEY_STORE_MISSING" || log.fold.receipts.size > 0;
  const trouble = hasKeySide ? step.trouble : null;
  if (trouble !== null) {
    const { code, message, hint } = trouble;
    output.warn({ code, message: `${name}: the key side did not do all that was asked: ${message}`, hint });
  }
  for (const message of step.report?.warnings ?? [])
    output.warn({ code: "REPORT_WARNING", message: `${name}: ${message}` });
  for (const binding of step.gone) {
    output.warn({ code: "BINDING_GONE", message: `${name}: ${goneWords(binding)}`, hint: goneHint(binding) });
  }
  const proved = [...step.proved.values()].flat();
  warnOfVolumes(app, name, proved);
  signal.throwIfAborted();
  return { hasKeySide, isWell: trouble === null && proved.every(({ why }) => why === null) };
}

/** Warns of what kept volumes from being proved, and of headers that are two; what many points have in common is said once. */
function warnOfVolumes({ output }: App, name: string, proved: readonly ProvedVolume[]): void {
  const points = new Map<string, { warning: Warning; count: number }>();
  const note = (warning: Warning): void => {
    const { count = 0 } = points.get(warning.message) ?? {};
    points.set(warning.message, { warning, count: count + 1 });
  };
  for (const { disk, volume, why, headerDiffers } of proved) {
    const where = `${name}: ${volumeWords(disk.name, volume)}`;
    if (why !== null) note({ code: "NOT_PROVED", message: `${where} was not proved: ${why}` });
    if (headerDiffers) {
      note({
        code: "HEADER_DIFFERS",
        message: `${where}: the header in the point's data is not the one that was stored apart from them`,
        hint: "It changed while the point was taken, perhaps: a later point may be better.",
      });
    }
  }
  for (const { warning, count } of points.values()) {
    const message = count === 1 ? warning.message : `${warning.message} (in ${count} points)`;
    output.warn({ ...warning, message });
  }
}

type Step = {
  readonly vault: OpenVault["vault"];
  readonly log: Log;
  readonly points: readonly PointId[];
  readonly options: { readonly anew: boolean; readonly progress: (done: number) => void };
};

async function takeStep(app: App, { vault, log, points, options }: Step): Promise<InStep> {
  const { keepInStep, isKeySideTrouble } = await import("#ops/keys/keep-in-step.ts");
  const { patientClient } = await import("#ops/keys/patient-client.ts");
  let client: KeyClient;
  try {
    client = patientClient(await app.keySide("backup"), PATIENCE_MS);
  } catch (error) {
    if (!isKeySideTrouble(error)) throw error;
    return { report: null, gone: [], proved: new Map(), trouble: error };
  }
  return keepInStep({ vault, log, client }, points, options, app.signal);
}
