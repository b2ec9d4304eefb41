import type { Protector } from "#volume/header/volume.ts";

const names: Readonly<Record<Protector["kind"], string>> = {
  passphrase: "passphrase",
  "clear-key": "clear key",
  password: "password",
  "recovery-password": "recovery password",
  "startup-key": "startup key",
  tpm: "TPM",
  "tpm-pin": "TPM and PIN",
  "tpm-startup-key": "TPM and startup key",
  "tpm-pin-startup-key": "TPM, PIN and startup key",
  "smart-card": "smart card",
  unknown: "a protector of an unknown kind",
};

/**
 * A protector's kind and the id that people know it by: `keyslot 0`; `recovery password 4F2A91C0`, with the part of its GUID
 * that Windows shows as the key ID.
 */
export function protectorName({ id, kind }: Pick<Protector, "id" | "kind">): string {
  if (kind === "passphrase") return id;
  return `${names[kind]} ${id.slice(0, 8).toUpperCase()}`;
}

/** The id of the protector that a text names; the text itself where none has that name, or several have. */
export function protectorId(text: string, protectors: readonly Pick<Protector, "id" | "kind">[]): string {
  const [named, another] = protectors.filter((each) => isProtectorName(text, each));
  return named === undefined || another !== undefined ? text : named.id;
}

/**
 * Whether a text names a protector: as it is shown, by its id, or by the eight digits that Windows shows; in any case, and in
 * braces or not.
 */
export function isProtectorName(text: string, protector: Pick<Protector, "id" | "kind">): boolean {
  const wanted = text
    .trim()
    .replace(/^\{|\}$/g, "")
    .toLowerCase();
  const { id, kind } = protector;
  const isKeyId = kind !== "passphrase" && wanted.length === 8 && id.startsWith(wanted);
  return isKeyId || wanted === id || wanted === protectorName(protector).toLowerCase();
}
