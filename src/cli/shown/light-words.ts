import type { Output } from "#cli/output/output.ts";
import type { PointLight } from "#ops/points/point-light.ts";
import type { Light } from "#policy/light.ts";

/** A light as people read it. */
export function lightName(light: Light): string {
  return light === "plain" ? "no key needed" : light;
}

/** So long ago is "just now". */
const JUST_NOW_SECONDS = 90;

/** `opened with web01/v1 just now`, `opened with web01/v1, web01.data/v2 on 2026-11-23, carried over`; empty where nothing was. */
export function openedWords({ versions, openedAt, carriedOver }: PointLight, now: Temporal.Instant): string {
  if (openedAt === null || versions.length === 0) return "";
  const seconds = now.since(openedAt).total("seconds");
  const when = Math.abs(seconds) < JUST_NOW_SECONDS ? "just now" : `on ${dayOf(openedAt)}`;
  return `opened with ${versions.join(", ")} ${when}${carriedOver ? ", carried over" : ""}`;
}

/**
 * A light in few words: `opened with web01/v1 just now · green`, `disk root was not tried yet · amber`, `no key needed`.
 *
 * @param hasKeySide  false: there is no key side that could try anything
 */
export function lightWords(shown: PointLight, hasKeySide: boolean, now: Temporal.Instant): string {
  const { light, reasons } = shown;
  if (light === "plain") return lightName(light);
  if (light === "green") return [openedWords(shown, now), light].filter((part) => part !== "").join(" · ");
  const worst = reasons.find((reason) => reason.light === light);
  const why = worst?.code === "NOT_TRIED" && !hasKeySide ? "no key side" : worst?.words;
  return [why, light].filter((part) => part !== undefined).join(" · ");
}

/** A point or machine by its name, and its light. */
export type NamedLight = { readonly name: string; readonly light: PointLight };

/** The most points that a warning names. */
const NAMED = 3;

/** Warns of what makes points red, and apart from that of volumes that opened once; what many have in common is said once. */
export function warnOfRed(output: Output, points: readonly NamedLight[]): void {
  const said = new Map<string, { readonly code: string; readonly words: string; readonly names: string[] }>();
  const note = (name: string, code: string, words: string): void => {
    const key = `${code} ${words}`;
    const known = said.get(key);
    if (known === undefined) said.set(key, { code, words, names: [name] });
    else known.names.push(name);
  };
  for (const { name, light } of points) {
    for (const { light: of, code, words } of light.reasons) if (of === "red") note(name, code, words);
    for (const { where, openedAt, verdict } of light.lost) {
      note(name, "LIGHT_LOST", `${where} was last opened on ${dayOf(openedAt)}, and is not any more: ${verdict}`);
    }
  }
  for (const { code, words, names } of said.values()) {
    const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
    output.warn({ code, message: `${names.slice(0, NAMED).join(", ")}${more}: ${words}`, hint: hints[code] });
  }
}

function dayOf(at: Temporal.Instant): string {
  return at.toString().slice(0, 10);
}

const hints: Readonly<Record<string, string>> = {
  NOT_BOUND:
    "`lockstep key match` finds its key among those that are held; one that is not held: `lockstep key add`, then `lockstep key bind`.",
  VERSION_UNUSABLE: "`lockstep key show` says what became of the version.",
  KEY_REJECTED: "Another key opens it: `lockstep key match` finds the one among those that are held.",
  HEADER_DAMAGED: "Another point may have a header that is whole: `lockstep point header` writes it to a file.",
  BYTES_DAMAGED: "`lockstep check` says what is damaged; the next backup heals what the disk still holds.",
};

/** Why a light is not green, a line each. */
export function reasonLines({ reasons }: PointLight): string[] {
  return reasons.map(({ light, words, code }) => `  ${light}: ${words} [${code}]`);
}
