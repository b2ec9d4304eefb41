import { visibleText } from "#volume/source/visible-text.ts";

/** Text that is HTML or SVG already; only `markup` makes it, so no other text becomes markup. */
export class Markup {
  readonly text: string;
  private constructor(text: string) {
    this.text = text;
  }

  static of(strings: readonly string[], values: readonly MarkupValue[]): Markup {
    return new Markup(
      strings.map((piece, index) => piece + (index < values.length ? put(values[index]) : "")).join(""),
    );
  }
}

/** What can stand between pieces of markup: other markup as it is; text and numbers as text, also inside quoted attributes. */
export type MarkupValue = Markup | readonly Markup[] | string | number;

/**
 * Markup with values in it, as a tag of a template. What a value says stays text wherever it stands, in an element or between an
 * attribute's quotes: it is made visible (no control character is left, which XML knows none of) and escaped. It is not safe for
 * values inside of `<style>` or `<script>`, or for attributes that hold URLs.
 */
export function markup(strings: TemplateStringsArray, ...values: readonly MarkupValue[]): Markup {
  return Markup.of(strings, values);
}

function put(value: MarkupValue | undefined): string {
  if (value instanceof Markup) return value.text;
  if (typeof value === "object") return value.map(({ text }) => text).join("\n");
  return escaped(String(value ?? ""));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escaped(text: string): string {
  return visibleText(text).replace(/[&<>"']/g, (character) => entities[character] ?? "");
}
