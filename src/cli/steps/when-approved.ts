import { setTimeout } from "node:timers/promises";

import type { ApprovalFacts } from "#api/access.ts";
import type { App } from "#cli/app/app.ts";
import type { KeyClient } from "#client/key-client.ts";
import { throwIfCancelled } from "#errors/cancelled.ts";
import { isLockstepError } from "#errors/errors.ts";

const LOOK_MS = 2000;

/**
 * Asks the key side for something, and where that needs a second custodian, waits until one has decided: for what cannot be asked
 * for again, since only this process has what it is about.
 *
 * @param act      the route's name, and what it is about, as approvals have them
 * @throws {LockstepError} NOT_ALLOWED: it was rejected; CANCELLED; and what `ask` throws
 */
export async function whenApproved<T>(
  { output, signal }: App,
  client: KeyClient,
  { act, subject }: { readonly act: string; readonly subject: string },
  ask: () => Promise<T>,
): Promise<T> {
  const waiting = async (): Promise<ApprovalFacts | undefined> => {
    const { approvals } = await client.call("approval.list", {}, signal);
    return approvals.find((each) => each.act === act && each.subject === subject && each.state === "waiting");
  };
  for (let isSaid = false; ; isSaid = true) {
    try {
      return await ask();
    } catch (error) {
      if (!isLockstepError(error, "APPROVAL_NEEDED")) throw error;
      const id = (await waiting())?.id ?? "ID";
      if (!isSaid) {
        output.print(error.message, `This waits until he said \`lockstep approval approve ${id}\`, or for Ctrl-C.`);
      }
    }
    do await setTimeout(LOOK_MS, undefined, { signal }).catch(() => throwIfCancelled(signal));
    while ((await waiting()) !== undefined);
  }
}
