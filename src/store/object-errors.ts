import { LockstepError } from "#errors/errors.ts";
import type { ObjectKey } from "#store/contract.ts";

/** The error of a put of `key` where `both` would be an object and a folder of objects at once. */
export function nestedKeyError(key: ObjectKey, both: string): LockstepError {
  return new LockstepError(
    "ARGUMENT_INVALID",
    `The object key "${key}" is not allowed: "${both}" would be both an object and a folder of objects.`,
  );
}

/** The error of a get whose object is longer than the caller takes. */
export function tooLargeError(store: string, key: ObjectKey, sizeBytes: number, limitBytes: number): LockstepError {
  return new LockstepError(
    "OBJECT_TOO_LARGE",
    `Cannot read ${key} from ${store}: it has ${sizeBytes} bytes, at most ${limitBytes} were expected.`,
  );
}
