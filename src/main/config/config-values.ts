import { isLockstepError } from "#errors/errors.ts";

/** Says what is wrong with a value, in words; with the keys that lead to it from the value that was given. */
export type Wrong = (message: string, ...keys: readonly string[]) => undefined;

/** Takes one value of a file that was parsed. Undefined where it cannot be; why was told to `wrong` then. */
export type Reader<Value> = (found: unknown, wrong: Wrong) => Value | undefined;

type Readers = Readonly<Record<string, Reader<unknown>>>;

/** The parsed values of a table; keys that it does not have are left out. */
export type TableOf<Keys extends Readers> = {
  readonly [Key in keyof Keys]?: Exclude<ReturnType<Keys[Key]>, undefined>;
};

/** A text that is not empty. */
export const text: Reader<string> = (found, wrong) =>
  typeof found === "string" && found !== "" ? found : wrong("a text that is not empty is expected");

/** A text that one of our parsers reads, whose own words say what is wrong with it: ARGUMENT_INVALID. */
export function parsed<Value>(parseText: (text: string) => Value): Reader<Value> {
  return (found, wrong) => {
    if (typeof found !== "string") return wrong("a text is expected");
    try {
      return parseText(found);
    } catch (error) {
      if (!isLockstepError(error, "ARGUMENT_INVALID")) throw error;
      return wrong(error.message);
    }
  };
}

export function oneOf<Word extends string>(words: readonly Word[]): Reader<Word> {
  return (found, wrong) =>
    words.find((word) => word === found) ?? wrong(`one of ${words.map((word) => `"${word}"`).join(", ")} is expected`);
}

/** A number above 0. */
export function positive(most: number): Reader<number> {
  return (found, wrong) =>
    typeof found === "number" && found > 0 && found <= most
      ? found
      : wrong(`a number above 0 is expected, and at most ${most}`);
}

/** A whole number from 1. */
export function count(most: number): Reader<number> {
  return (found, wrong) =>
    typeof found === "number" && Number.isInteger(found) && found >= 1 && found <= most
      ? found
      : wrong(`a whole number from 1 to ${most} is expected`);
}

export function list<Value>(read: Reader<Value>): Reader<readonly Value[]> {
  return (found, wrong) => {
    if (!Array.isArray(found)) return wrong("a list is expected");
    return found.flatMap((each: unknown, index) => {
      const value = read(each, (message) => wrong(`item ${index + 1}: ${message}`));
      return value === undefined ? [] : [value];
    });
  };
}

/** A table of which every key is optional, and one that is not known is wrong. */
export function table<Keys extends Readers>(keys: Keys): Reader<TableOf<Keys>> {
  return (found, wrong) => {
    if (typeof found !== "object" || found === null || Array.isArray(found)) return wrong("a table is expected");
    const values = Object.entries(found).map(([key, value]: [string, unknown]) => {
      const read = Object.hasOwn(keys, key) ? keys[key] : undefined;
      if (read === undefined) return [key, wrong("there is no such key", key)];
      return [key, read(value, (message, ...within) => wrong(message, key, ...within))];
    });
    return Object.fromEntries(values.filter(([, value]) => value !== undefined)) as TableOf<Keys>;
  };
}
