const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * What was spent today (UTC), by name. In memory alone: a restart of the key side forgets it, and so does a clock that is set
 * to another day, which only this machine's owner can do.
 */
export class DayBudget {
  readonly #spent = new Map<string, number>();
  #day = 0;

  spent(name: string, now: Temporal.Instant): number {
    this.#turnTo(now);
    return this.#spent.get(name) ?? 0;
  }

  spend(name: string, amount: number, now: Temporal.Instant): void {
    this.#spent.set(name, this.spent(name, now) + amount);
  }

  #turnTo(now: Temporal.Instant): void {
    const day = Math.floor(now.epochMilliseconds / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#spent.clear();
  }
}
