/** A recovery password that a text has. */
export type FoundRecoveryPassword = {
  /** From 1. */
  readonly line: number;
  /** As it is written. */
  readonly password: string;
  /** The GUID of its protector, in lower case; null where the text has none for it. */
  readonly keyId: string | null;
};

/** Eight groups of six digits, with hyphens or what word processors make of them, or blanks. */
const password = /(?<![\d-])\d{6}(?:[- \u00A0\u2010-\u2015\u2212]\d{6}){7}(?![\d-])/gu;
const guid = /(?<![0-9a-f-])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f-])/giu;
/** Names that programs, in no language but their own, give to GUIDs of something else than a protector. */
const otherLabel = /(?:device|object|volume|drive|machine|tenant|user)[ _-]?(?:gu)?id["']?\s*[:=]\s*["'{]*$/i;
const either = new RegExp(`(?<password>${password.source})|(?<guid>${guid.source})`, "giu");

/**
 * Finds BitLocker recovery passwords in a text, and the GUIDs that they belong to, by their form: programs print them in many languages.
 * In the files that Windows saves, in what `manage-bde` and LDIF print, a GUID comes before its password; where the text begins with a
 * password, as where Active Directory shows them, GUIDs are taken to follow.
 *
 * Does not verify check digits.
 */
export function findRecoveryPasswords(text: string): readonly FoundRecoveryPassword[] {
  const marks = [...text.matchAll(either)].filter(
    ({ index }) => !otherLabel.test(text.slice(Math.max(0, index - 40), index)),
  );
  const toItsGuid = marks[0]?.groups?.["guid"] === undefined ? 1 : -1;
  const found: FoundRecoveryPassword[] = [];
  let line = 1;
  let counted = 0;
  for (const [at, { index, groups }] of marks.entries()) {
    const written = groups?.["password"];
    if (written === undefined) continue;
    line += text.slice(counted, index).split("\n").length - 1;
    counted = index;
    const keyId = marks[at + toItsGuid]?.groups?.["guid"]?.toLowerCase() ?? null;
    found.push({ line, password: written, keyId });
  }
  return found;
}

/** The passwords in a field of a table. */
export function passwordsIn(field: string): readonly string[] {
  return [...field.matchAll(password)].map(([written]) => written);
}

/** The first GUID in a field of a table, in lower case; null where there is none. */
export function guidIn(field: string): string | null {
  return [...field.matchAll(guid)][0]?.[0].toLowerCase() ?? null;
}
