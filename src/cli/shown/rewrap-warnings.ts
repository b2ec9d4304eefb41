import type { Warning } from "#cli/output/output.ts";

/**
 * What a person should know of a rollover of the key store's keys.
 *
 * @param damaged    as people call them: `web01/v1`
 * @param notErased  as the key side says it
 */
export function rewrapWarnings(damaged: readonly string[], notErased: string | null): readonly Warning[] {
  return [
    ...damaged.map((name) => ({
      code: "VALUE_DAMAGED",
      message: `the value of ${name} in the key store is damaged; it stays as it was`,
      hint: "Bring it back from a copy of the key store: lockstep recover",
    })),
    ...notErasedWarnings(notErased),
  ];
}

/** A warning where what is gone may still be in the database file, or in a copy beside it. */
export function notErasedWarnings(why: string | null): readonly Warning[] {
  if (why === null) return [];
  return [
    {
      code: "NOT_ERASED",
      message: `what is gone may still be in the key store's folder, which could not be rid of it: ${why}`,
      hint: "Make room on its disk, or remove the file that is named, and then: lockstep keystore rekey",
    },
  ];
}
