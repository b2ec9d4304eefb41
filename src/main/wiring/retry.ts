import { setTimeout } from "node:timers/promises";

import { throwIfCancelled } from "#errors/cancelled.ts";
import type { Retry } from "#store/retry.ts";

const firstDelayMs = 100;
const longestDelayMs = 10_000;

/** Tries a call of a store for about half a minute, with growing waits of which a part is random. */
export const patientRetry: Retry = {
  attempts: 10,
  delayMs: (attempt) => Math.min(longestDelayMs, firstDelayMs * 2 ** (attempt - 1)) * (0.5 + Math.random() / 2),
  async sleep(ms, signal) {
    try {
      await setTimeout(ms, undefined, { signal });
    } catch (error) {
      throwIfCancelled(signal);
      throw error;
    }
  },
};
