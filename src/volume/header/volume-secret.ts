import type { Secret } from "#bytes/secret.ts";

/** What somebody holds that may open a volume. The one who made it wipes it. */
export type VolumeSecret =
  /** Text as typed, UTF-8, not normalised: LUKS passphrases and BitLocker passwords. */
  | { readonly kind: "passphrase"; readonly secret: Secret }
  /** All bytes of a key file (LUKS). */
  | { readonly kind: "key-file"; readonly secret: Secret }
  /** Eight groups of six digits, as people write them (BitLocker), UTF-8. */
  | { readonly kind: "recovery-password"; readonly secret: Secret }
  /** All bytes of a .BEK file (BitLocker). */
  | { readonly kind: "startup-key"; readonly secret: Secret }
  /** The volume key itself. */
  | { readonly kind: "volume-key"; readonly secret: Secret }
  /** Nothing: for volumes with a clear key. */
  | { readonly kind: "none" };
