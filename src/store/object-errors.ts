import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";

/**
 * The error of a put whose place is taken by what is no object: a folder, a pipe, or a file where a folder would be.
 *
 * @param doing  what could not be done, such as `write a/b to directory /vault`
 * @param where  what is taken: the place itself, or something on the way to it
 */
export function placeTakenError(doing: string, where: "itself" | "above"): LockstepError {
  const why = where === "itself" ? "what is in its place is no object" : "something on the way to it is no folder";
  return new LockstepError("STORE_DENIED", `Cannot ${doing}: ${why}`, {
    hint: "Look at what is there, and move it away, out of the store.",
  });
}

/** The error of a get whose object is longer than the caller takes. */
export function tooLargeError(store: string, key: ObjectKey, sizeBytes: number, limitBytes: number): LockstepError {
  return new LockstepError(
    "OBJECT_TOO_LARGE",
    `Cannot read ${key} from ${store}: it has ${sizeBytes} bytes, at most ${limitBytes} were expected.`,
  );
}
