import type { InputOf } from "#api/routes.ts";
import { base64, utf8 } from "#bytes/text.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { presentedOf } from "#testing/keys/presented-volume.ts";
import { sampleVolume } from "#testing/volumes/luks1-sample.ts";

/** Where the LUKS1 sample lies, as a custodian says it. */
export const samplePlace = { machine: "web01", disk: "root", volume: "disk" };

/** The LUKS1 sample's header, as a custodian presents it. */
export const sampleHeader = await presentedOf(sampleVolume);

/** Binds `web01` to the sample on a live disk, of which neither UUID nor protector was compared. */
export function bindInput(more: Partial<InputOf<"key.bind">> = {}): InputOf<"key.bind"> {
  const target = {
    header: sampleHeader,
    place: samplePlace,
    source: "live",
    protector: null,
    volumeUuid: null,
  } as const;
  return { version: "web01", ...target, ...more };
}

/** Matches all versions with the sample, on a live disk as `bindInput` has it. */
export function matchInput(more: Partial<InputOf<"key.match">> = {}): InputOf<"key.match"> {
  const { version: _, ...target } = bindInput();
  return { ...target, maxSeconds: 600, dryRun: false, ...more };
}

/** A line of a list that is imported. */
export function listedSecret(name: string, value: string, kind: "passphrase" | "recovery-password" = "passphrase") {
  return { name, kind, value: base64(utf8(value)), note: "" };
}

/** From now on counts the derivations of a key side. */
export function countDerivations({ side }: TestKeySide): () => number {
  const { kdf } = side;
  let count = 0;
  const derive: typeof kdf.derive = (...given) => {
    count++;
    return kdf.derive(...given);
  };
  Object.assign(side, { kdf: { derive } });
  return () => count;
}

/** How many tries a key side remembers. */
export function triesOf({ side }: TestKeySide): number {
  return Number(side.store.db.prepare("SELECT count(*) AS n FROM tries").get()?.["n"]);
}
