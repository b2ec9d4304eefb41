import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { enrolSomeVault } from "#testing/keys/presented-volume.ts";
import { contentAt, luks2With } from "#testing/volumes/luks2-content.ts";
import { Pbkdf2Deriver } from "#testing/volumes/pbkdf2-deriver.ts";
import { xfsPieces } from "#testing/volumes/structure-maker.ts";

/** The id of a point, machine or vault that is none of `presented-volume.ts`. */
export const otherPoint = "dd".repeat(16);

/** The value that opens keyslot 0 of `xfsInLuks2`. */
export const firstPassphrase = { kind: "passphrase", bytes: "first" } as const;

/** Makes `xfsInLuks2`; a test that changes it takes a copy. */
export const xfsInLuks2Maker = luks2With(
  "XFS in LUKS2",
  [
    { number: 0, passphrase: "first" },
    { number: 1, passphrase: "second" },
  ],
  xfsPieces(),
  1024 * 1024,
);

/** A LUKS2 volume with XFS in it, a keyslot for "first" and one for "second". Tests share it and do not change it. */
export const xfsInLuks2: Uint8Array = xfsInLuks2Maker.volume;

/** `xfsInLuks2` with one bit of its content changed, `offsetBytes` into the content. */
export function damagedXfs(offsetBytes: number): Uint8Array {
  const at = contentAt(offsetBytes);
  return xfsInLuks2.with(at, (xfsInLuks2[at] ?? 0) ^ 1);
}

/** A key side that knows a vault, and derives keys in this process; `kdf` remembers what it derived. */
export async function proving(): Promise<TestKeySide & { readonly kdf: Pbkdf2Deriver }> {
  const kdf = new Pbkdf2Deriver();
  const keySide = await testKeySide(kdf);
  enrolSomeVault(keySide);
  return { ...keySide, kdf };
}
