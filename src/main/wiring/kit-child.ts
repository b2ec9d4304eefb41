import process from "node:process";

import { failureOf } from "#api/failure.ts";
import { Secret } from "#bytes/secret.ts";
import { systemRandom } from "#crypto/derive.ts";
import { isLockstepError } from "#errors/errors.ts";
import { hideMemory } from "#linux/libc.ts";
import type { KitAnswer, KitRequest } from "#main/wiring/kit-message.ts";
import { openStoreAt } from "#main/wiring/open-store.ts";
import { patientRetry } from "#main/wiring/retry.ts";
import { tryKit } from "#main/wiring/try-kit.ts";
import { argon2idKdf } from "#vault/keyring/passphrase-kdf.ts";

// The child of `tryInProcess`: gets one request, sends one answer, and waits to be killed. That it is disconnected means that its parent
// is gone. A bug ends it, and its stack is on standard error.

hideMemory();
process.once("message", (request: KitRequest) => {
  void answer(request).then((answered) => process.send?.(answered));
});
process.once("disconnect", () => process.kill(process.pid, "SIGKILL"));

async function answer({ shares, targets }: KitRequest): Promise<KitAnswer> {
  const { signal } = new AbortController(); // whoever stops it kills it
  const now = (): Temporal.Instant => Temporal.Now.instant();
  const deps = {
    keyringDeps: { random: systemRandom, now, kdf: argon2idKdf, retry: patientRetry },
    openStore: (place: string) => openStoreAt(place, patientRetry, signal),
  };
  const parts = shares.map((share) => ({ ...share, part: new Secret(share.part) }));
  try {
    return { tried: await tryKit(deps, parts, targets, signal) };
  } catch (error) {
    if (isLockstepError(error)) return failureOf(error);
    throw error;
  } finally {
    for (const { part } of parts) part.wipe();
  }
}
