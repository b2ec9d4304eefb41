import type { KdfCost } from "#volume/header/kdf.ts";
import type { Place } from "#volume/source/source.ts";

/** One way into an encrypted volume. */
export type Protector = {
  /** `keyslot 3`; for BitLocker the GUID, in lower case. */
  readonly id: string;
  readonly kind:
    | "passphrase"
    | "clear-key"
    | "password"
    | "recovery-password"
    | "startup-key"
    | "tpm"
    | "tpm-pin"
    | "tpm-startup-key"
    | "tpm-pin-startup-key"
    | "smart-card"
    | "unknown";
  /** What its maker called it (BitLocker), control characters made visible; null where nothing was. */
  readonly label: string | null;
  /** What trying a secret on it costs; null where that takes no costly derivation or cannot be done here. */
  readonly cost: KdfCost | null;
  /** docs/format/identities.md; 64 hexadecimal digits. */
  readonly fingerprint: string;
  /** Why no secret can be tried on it here, in words; null when one can. */
  readonly unusable: string | null;
};

/** Something that unlocks a volume by means that are not held here, or a note that some program left (LUKS2 tokens). */
export type Token = {
  readonly id: number;
  /** As the header says: `clevis`, `systemd-tpm2`, `luks2-keyring`, … */
  readonly type: string;
  readonly keyslots: readonly number[];
};

/** Whether a volume's sectors can be read, with a key. */
export type VolumeState =
  | "encrypted"
  /** A part is encrypted and the rest plain, and the header says which; readable. */
  | "partly encrypted"
  /** Being encrypted, re-encrypted or decrypted; `progress` is of that. */
  | "converting"
  /** The header asks for something that is not read here. */
  | "unreadable";

/** A finding about a volume that somebody should know. Codes are stable. */
export type VolumeWarning = {
  readonly code:
    | "CLEAR_KEY"
    | "NULL_CIPHER"
    | "NOT_ENCRYPTED"
    | "FOREIGN_WAY_IN"
    | "FOREIGN_TOKEN"
    | "COPY_DAMAGED"
    | "COPIES_DIFFER"
    | "CONVERTING"
    | "WEAK_DIGEST"
    | "NOT_SHOWN_BY_SAMPLES"
    | "SIZE_IMPOSSIBLE"
    | "ENTRY_IGNORED";
  readonly message: string;
};

/** What the header of an encrypted volume says, whatever the format. Nothing in it is secret. */
export type EncryptedVolume = {
  readonly format: "luks1" | "luks2" | "bitlocker";
  /** `1`, `2`; for BitLocker `vista`, `7`, `togo`, `8+` as far as the header tells. */
  readonly version: string;
  /** dm-crypt's way to write it: `aes-xts-plain64`; for BitLocker also `aes-cbc-elephant`. */
  readonly cipher: string;
  /** Of the volume key, all of it. */
  readonly keyBits: number;
  readonly sectorBytes: number;
  /** LUKS: the UUID as written; BitLocker: the volume's GUID. Control characters made visible. */
  readonly uuid: string | null;
  readonly label: string | null;
  readonly state: VolumeState;
  /** Why it cannot be read with any key, in words; null when it can. */
  readonly unreadable: string | null;
  /** Part of a conversion that is done, 0 to 1; null where there is none or nothing says. */
  readonly progress: number | null;
  readonly protectors: readonly Protector[];
  readonly tokens: readonly Token[];
  /** Where the plaintext lies in the volume's place; null where that takes the key or the data device's size. */
  readonly payload: Place | null;
  /** The header bytes that an unlock needs, in the volume's place, ascending, not touching one another. */
  readonly headerRanges: readonly Place[];
  readonly identity: string;
  readonly headerDigest: string;
  readonly warnings: readonly VolumeWarning[];
};
