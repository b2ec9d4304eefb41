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
  let failure: { readonly error: unknown } | null = null;
  const failed = (): boolean => failure !== null;
  try {
    for await (const item of items) {
      if (failed()) break;
      const job: Promise<void> = work(item).then(
        () => void running.delete(job),
        (error: unknown) => {
          running.delete(job);
          failure ??= { error };
        },
      );
      running.add(job);
      if (running.size >= atOnce) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  if (failure !== null) throw (failure as { readonly error: unknown }).error;
}
