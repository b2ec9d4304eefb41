import { asError } from "#errors/errors.ts";

/**
 * Runs `work` on every item, at most `atOnce` at the same time, started in order. Ends when all have ended; after a
 * failure no further one is started.
 *
 * @throws the first failure
 */
export async function forEachBounded<Item>(
  items: Iterable<Item> | AsyncIterable<Item>,
  atOnce: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: Error[] = [];
  try {
    for await (const item of items) {
      if (failures.length > 0) break;
      const job: Promise<void> = work(item)
        .catch((error: unknown) => void failures.push(asError(error)))
        .finally(() => running.delete(job));
      running.add(job);
      if (running.size >= atOnce) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  const [first] = failures;
  if (first !== undefined) throw first;
}
