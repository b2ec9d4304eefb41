import { LockstepError } from "#errors/errors.ts";
import { isObject } from "#volume/luks2/json.ts";
import type { Json } from "#volume/luks2/json.ts";
import { visibleText } from "#volume/source/visible-text.ts";

const U32_MAX = 0xffff_ffffn;
const U64_MAX = 0xffff_ffff_ffff_ffffn;
const SHOWN_CHARACTERS = 40;

/**
 * A value in a header's JSON and the way to it. A failure names both: `LUKS2 header (primary): segments.0.offset: "17" is not
 * a multiple of 512`. Every method that gives a value throws HEADER_CORRUPT when it is of another type or range.
 */
export class JsonAt {
  readonly json: Json;
  /** `keyslots.0.area`, cut and made visible; empty for the whole. */
  readonly path: string;
  readonly #what: string;

  /** @param what  the header's name, for messages */
  constructor(json: Json, what: string, path = "") {
    this.json = json;
    this.path = path;
    this.#what = what;
  }

  /** The member of an object. */
  member(name: string): JsonAt {
    return this.optional(name) ?? this.#at(name).#fail("it is missing");
  }

  /** The member of an object, null where it has none. */
  optional(name: string): JsonAt | null {
    const object = isObject(this.json) ? this.json : this.#fail("it is not an object");
    // Own members only: a header must not find what every object inherits.
    return Object.hasOwn(object, name) ? this.#at(name, object[name]) : null;
  }

  members(): readonly (readonly [name: string, value: JsonAt])[] {
    const object = isObject(this.json) ? this.json : this.#fail("it is not an object");
    return Object.entries(object).map(([name, json]) => [name, this.#at(name, json)] as const);
  }

  /** The members of an object whose names are numbers, in their order. */
  numbered(): readonly (readonly [number: number, value: JsonAt])[] {
    const all = this.members().map(([name, value]) => {
      if (!/^(?:0|[1-9][0-9]{0,8})$/.test(name)) value.#fail("its name is not a number");
      return [Number(name), value] as const;
    });
    return all.sort(([a], [b]) => a - b);
  }

  /** An array of texts. */
  texts(): readonly string[] {
    const array = Array.isArray(this.json) ? (this.json as readonly Json[]) : this.#fail("it is not an array");
    return array.map((json, index) =>
      typeof json === "string" ? json : this.#at(String(index), json).#fail("it is no text"),
    );
  }

  /** Text that is not empty. */
  text(): string {
    if (typeof this.json !== "string") this.#fail("it is no text");
    return this.json === "" ? this.#fail("it is empty") : this.json;
  }

  /** A whole number written as a number. */
  integer(): bigint {
    return typeof this.json === "bigint" ? this.json : this.#fail("it is no whole number");
  }

  /** A whole number of 32 bits, written as a number. */
  u32(): number {
    const value = this.integer();
    return value >= 0n && value <= U32_MAX ? Number(value) : this.#fail("it does not fit 32 bits");
  }

  /** A whole number of 64 bits, written as decimal digits in a text. */
  u64(): bigint {
    const text = this.text();
    if (!/^[0-9]+$/.test(text)) this.#fail("it is not written in digits");
    // Comparing lengths first: a text of megabytes must not become a number.
    const digits = text.replace(/^0+(?=.)/, "");
    const value = digits.length > 20 ? U64_MAX + 1n : BigInt(digits);
    return value <= U64_MAX ? value : this.#fail("it does not fit 64 bits");
  }

  /** The error for a value that is impossible. */
  corrupt(found: string): LockstepError {
    const where = this.path === "" ? "JSON area" : this.path;
    return new LockstepError("HEADER_CORRUPT", `${this.#what}: ${where}: ${this.#shown()}${found}`);
  }

  #at(name: string, json: Json = null): JsonAt {
    const step = cut(name);
    return new JsonAt(json, this.#what, this.path === "" ? step : `${this.path}.${step}`);
  }

  #fail(found: string): never {
    throw this.corrupt(found);
  }

  #shown(): string {
    if (typeof this.json === "string") return `"${cut(this.json)}": `;
    if (typeof this.json === "bigint" || typeof this.json === "number") return `${cut(String(this.json))}: `;
    return "";
  }
}

function cut(text: string): string {
  return visibleText(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
}
