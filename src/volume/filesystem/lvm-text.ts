import { LockstepError } from "#errors/errors.ts";

/** A section of LVM's text format; values are text, numbers (null where one would be rounded) and lists of both. */
export type LvmValue = string | number | null | readonly LvmValue[] | LvmSection;
export type LvmSection = ReadonlyMap<string, LvmValue>;

const MAX_DEPTH = 16;
const MAX_VALUES = 200_000;

/** Blanks and comments, then one token: a text, a word or number, or a single mark. Sticky: it never looks further. */
const tokens = /(?:[\s\0]+|#[^\n]*)*(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([A-Za-z0-9_.+-]+)|([{}[\]=,]))?/sy;

type Token = { readonly kind: "text" | "word" | "mark" | "end"; readonly value: string };

/**
 * Parses the text of LVM metadata. Does not know what the values mean.
 *
 * @throws {LockstepError} HEADER_CORRUPT: not that format, nested more than 16 deep or with more than 200 000 values
 * @see lvm2 libdm/libdm-config.c for what its own parser takes; lvm.conf(5) for the format
 */
export function parseLvmText(text: string): LvmSection {
  return new Parser(text).whole();
}

class Parser {
  readonly #text: string;
  readonly #tokens = new RegExp(tokens.source, tokens.flags);
  #values = 0;

  constructor(text: string) {
    this.#text = text;
  }

  whole(): LvmSection {
    return this.#section(0, "end");
  }

  #section(depth: number, until: "end" | "}"): LvmSection {
    if (depth > MAX_DEPTH) throw this.#corrupt(`sections are nested more than ${MAX_DEPTH} deep`);
    const section = new Map<string, LvmValue>();
    for (;;) {
      const name = this.#next();
      if (until === "end" ? name.kind === "end" : name.kind === "mark" && name.value === "}") return section;
      if (name.kind !== "word" && name.kind !== "text") throw this.#corrupt(`"${name.value}" where a name belongs`);
      if (section.has(name.value)) throw this.#corrupt("a name is there twice in one section");
      const mark = this.#next();
      if (mark.kind === "mark" && mark.value === "{") section.set(name.value, this.#section(depth + 1, "}"));
      else if (mark.kind === "mark" && mark.value === "=") section.set(name.value, this.#value(this.#next(), depth));
      else throw this.#corrupt("neither { nor = behind a name");
      this.#count();
    }
  }

  #value(token: Token, depth: number): LvmValue {
    this.#count();
    if (token.kind === "text") return token.value;
    if (token.kind === "word") return numberOf(token.value);
    if (token.value === "[" && depth < MAX_DEPTH) return this.#list(depth + 1);
    throw this.#corrupt("no value behind =");
  }

  #list(depth: number): readonly LvmValue[] {
    const list: LvmValue[] = [];
    for (;;) {
      const token = this.#next();
      if (token.kind === "mark" && token.value === "]") return list;
      if (token.kind === "mark" && token.value === ",") continue;
      list.push(this.#value(token, depth));
    }
  }

  #next(): Token {
    const match = this.#tokens.exec(this.#text);
    if (match?.[1] !== undefined) return { kind: "text", value: match[1].replace(/\\(.)/gs, "$1") };
    if (match?.[2] !== undefined) return { kind: "word", value: match[2] };
    if (match?.[3] !== undefined) return { kind: "mark", value: match[3] };
    if (match !== null && this.#tokens.lastIndex === this.#text.length) return { kind: "end", value: "end of text" };
    throw this.#corrupt("neither a name, a value nor a mark");
  }

  #count(): void {
    this.#values++;
    if (this.#values > MAX_VALUES) throw this.#corrupt(`more than ${MAX_VALUES} values`);
  }

  #corrupt(found: string): LockstepError {
    return new LockstepError("HEADER_CORRUPT", `LVM metadata: at character ${this.#tokens.lastIndex}: ${found}`);
  }
}

/** Whole numbers only; what else there is (times with fractions) means nothing here. */
function numberOf(word: string): number | null {
  const value = Number(word);
  return /^-?\d+$/.test(word) && Number.isSafeInteger(value) ? value : null;
}
