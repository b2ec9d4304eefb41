import { systemRandom } from "#crypto/derive.ts";
import { appendInSession, openSession } from "#vault/log/session.ts";
import { newId } from "#vault/object/ids.ts";
import type { PointId } from "#vault/object/ids.ts";

import { openOnlyMachine } from "./open-machine.ts";

/**
 * Logs points of a vault's only machine as fast as the store takes them, each with the disks of its newest one and an hour
 * older than the one before: the log of a machine that was backed up for years.
 *
 * @param state  the state folder that holds this host's key file
 */
export async function fillLog(folder: string, state: string, points: number): Promise<void> {
  await using machine = await openOnlyMachine(folder, state);
  const { log, signal } = machine;
  const [model] = [...log.fold.points.values()];
  if (model === undefined) throw new Error("the machine has no point");
  const { seq: _seq, deleted: _deleted, dateDoubtful: _doubt, ...more } = model;
  const { volumes: _volumes, shown: _shown, checkedAt: _checkedAt, hurt: _hurt, ...record } = more;
  for (let i = 0; i < points; i++) {
    const session = await openSession(
      log,
      "backup",
      { random: systemRandom, choose: () => ({ base: null, adopt: false }) },
      signal,
    );
    if (session === null) throw new Error("no session");
    const point = newId<PointId>(systemRandom);
    const capturedAt = Temporal.Instant.from(record.capturedAt)
      .subtract({ hours: i + 1 })
      .toString();
    await appendInSession(
      log,
      session,
      () => ({ ...record, type: "point", session: session.id, point, capturedAt }),
      signal,
    );
  }
}
