import { isZero } from "#bytes/arrays.ts";
import { LockstepError, messageOf } from "#errors/errors.ts";
import { visibleText } from "#volume/source/visible-text.ts";

/** A JSON value. Whole numbers are bigint, however they are used, so that none is rounded; others are number. */
export type Json = null | boolean | string | bigint | number | readonly Json[] | JsonObject;
export type JsonObject = { readonly [name: string]: Json };

/** Objects and arrays in one another, as json-c has it, which is what cryptsetup parses with. */
const MOST_DEPTH = 31;
/** cryptsetup has no such limit, and writes a thousand at most. Reading what 4 MiB can hold would take seconds. */
const MOST_VALUES = 50_000;
const BEYOND_64_BITS = 1n << 64n;

/**
 * Parses a JSON area: text that starts with an object at the first byte and is followed by zeros, one at least.
 *
 * Of members with the same name the last counts. Text that is not UTF-8 gives replacement characters. As in C, a zero in a
 * text (`\u0000`) ends it: otherwise `"crypt\u0000x"`, which cryptsetup reads as `crypt`, would be a segment of an unknown
 * type here, which is not checked.
 *
 * @param area  the whole area
 * @param what  the header's name, for messages
 * @throws {LockstepError} HEADER_CORRUPT: it is anything else
 * @see LUKS2 On-Disk Format Specification 1.1, section 3
 */
export function parseJsonArea(area: Uint8Array, what: string): JsonObject {
  const wrong = (found: string, cause?: unknown): LockstepError =>
    new LockstepError("HEADER_CORRUPT", `${what}: JSON area: ${found}`, { cause });
  const end = area.indexOf(0);
  if (end < 0) throw wrong("no zero byte ends it");
  if (area[0] !== 0x7b) throw wrong("it does not start with {");
  if (!isZero(area.subarray(end))) throw wrong(`there is something behind its end at byte ${end}`);

  const text = area.subarray(0, end);
  const { depth, values } = shapeOf(text);
  if (depth > MOST_DEPTH) throw wrong(`it is deeper than ${MOST_DEPTH} levels`);
  if (values > MOST_VALUES) throw wrong(`it has more than ${MOST_VALUES} values`);
  let json: Json;
  try {
    json = JSON.parse(asJsonC(new TextDecoder("utf-8", { ignoreBOM: true }).decode(text)), exactNumbers) as Json;
  } catch (error) {
    // V8 quotes the text around the place, which a terminal must not take for its own.
    throw wrong(visibleText(messageOf(error)), error);
  }
  if (!isObject(json)) throw wrong("it is not an object");
  return json;
}

export function isObject(json: Json): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** One text for a value, whatever the order in which members were written. */
export function canonicalJson(json: Json): string {
  if (Array.isArray(json)) return `[${(json as readonly Json[]).map(canonicalJson).join(",")}]`;
  if (isObject(json)) {
    const members = Object.keys(json)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${canonicalJson(json[name] ?? null)}`);
    return `{${members.join(",")}}`;
  }
  return typeof json === "bigint" ? String(json) : JSON.stringify(json);
}

/**
 * The text as json-c and C understand it. json-c writes NaN and Infinity as such, which JSON does not have and a token may
 * hold; they become null, since nothing that is read here may be one. A text ends at its first zero.
 */
function asJsonC(text: string): string {
  if (!/NaN|Infinity|\\u0000/.test(text)) return text;
  // A text without an end matches up to the end of the input, so that no place is looked at twice.
  return text.replace(/"(?:[^"\\]|\\.)*"?|-?(?:NaN|Infinity)/gs, (found) => {
    return found.startsWith('"') ? found.replace(/^((?:[^\\]|\\(?!u0000).)*)\\u0000.*$/s, '$1"') : "null";
  });
}

/** Node gives a reviver the text that a number was made from (TC39, JSON.parse source text access). */
function exactNumbers(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number") return value;
  const source = context?.source ?? "";
  if (!/^-?[0-9]+$/.test(source)) return value;
  // All numbers beyond 64 bits are refused alike, and making a bigint of a million digits takes long.
  if (source.length > 20) return source.startsWith("-") ? -BEYOND_64_BITS : BEYOND_64_BITS;
  return BigInt(source);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING: readonly number[] = [0x7b, 0x5b];
const CLOSING: readonly number[] = [0x7d, 0x5d];

/** How deep a text is, and how many values it has at most: each follows a comma, or what opens an object or array. */
function shapeOf(text: Uint8Array): { readonly depth: number; readonly values: number } {
  let [depth, deepest, values] = [0, 0, 0];
  let inString = false;
  for (let at = 0; at < text.length; at++) {
    const byte = text[at] ?? 0;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) values++;
    else if (OPENING.includes(byte)) {
      values++;
      deepest = Math.max(deepest, ++depth);
    } else if (CLOSING.includes(byte)) depth--;
  }
  return { depth: deepest, values };
}
