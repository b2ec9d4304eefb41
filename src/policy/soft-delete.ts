/** Days for which a deleted point can be undeleted; then a prune may purge it. */
export const SOFT_DELETE_DAYS = 14;

/** When a point that was deleted at `deletedAt` may be purged. */
export function purgeDueAt(deletedAt: Temporal.Instant): Temporal.Instant {
  return deletedAt.add({ hours: 24 * SOFT_DELETE_DAYS });
}
