import type { BootSector } from "#volume/bitlocker/boot-sector.ts";
import type { MetadataHead } from "#volume/bitlocker/metadata.ts";
import type { VolumeState } from "#volume/header/volume.ts";

/** What the header says about how far a volume is encrypted. */
export type BitlockerState = {
  readonly state: VolumeState;
  /** Where the encrypted part ends; null: at the end of the volume, whatever its size. */
  readonly encryptedBytes: bigint | null;
  /** For people: `encryption is paused`; null where all is encrypted and stays so. */
  readonly words: string | null;
  /** Why it cannot be read, in words; null when it can. */
  readonly unreadable: string | null;
  /** Part of a conversion that is done, 0 to 1, in a volume of that size; null where there is none. */
  readonly progress: ((volumeBytes: number) => number) | null;
};

/** @see dislocker include/dislocker/metadata/metadata.priv.h, enum state_types */
const DECRYPTED = 1;
const SWITCHING = 2;
const ENCRYPTING_ON_WRITE = 3;
/** The same number, before there was encrypting on write (dissect.fve c_bde.py). */
const PAUSED_VISTA = 3;
const ENCRYPTED = 4;
const PAUSED = 5;

/**
 * Tells what state a volume is in.
 *
 * Windows encrypts from the front and decrypts from the back, and the header says where it is. What it says is true while it
 * waits; while it works, the part at that place is in between, and only its log could tell. A volume that is encrypted as it
 * is written to is in between everywhere.
 */
export function bitlockerState(boot: BootSector, head: MetadataHead): BitlockerState {
  const { state, nextState, encryptedBytes, convertingBytes, version } = head;
  const whole = { encryptedBytes: null, words: null, unreadable: null, progress: null };
  if (boot.identifier === "encrypt-on-write" || (state === ENCRYPTING_ON_WRITE && version !== 1)) {
    const words = "it is encrypted as it is written to";
    const unreadable = `${words}, and nothing tells for certain which sectors are: end that in Windows first`;
    return { ...whole, state: "converting", words, unreadable };
  }
  if (boot.identifier === "unknown") {
    const unreadable = `its boot sector has the unknown identifier ${boot.identifierText}`;
    return { ...whole, state: "unreadable", unreadable };
  }
  if (state === ENCRYPTED && nextState === ENCRYPTED) return { ...whole, state: "encrypted" };

  const words = wordsFor(version === 1 && state === PAUSED_VISTA ? PAUSED : state, nextState);
  if (words === null) {
    return {
      ...whole,
      state: "unreadable",
      unreadable: `its state ${state}, to become ${nextState}, is not known here`,
    };
  }
  const isDecrypting = nextState === DECRYPTED;
  const progress = (volumeBytes: number): number => {
    const part = volumeBytes === 0 ? 0 : Math.min(1, Number(encryptedBytes) / volumeBytes);
    return isDecrypting ? 1 - part : part;
  };
  if (state === SWITCHING) {
    const part = `${convertingBytes} bytes at ${encryptedBytes}`;
    const unreadable = `${words} at the moment, and nothing here tells which sectors are done (${part}): pause or end it`;
    return { state: "converting", encryptedBytes, words, unreadable, progress };
  }
  const unreadable = version === 1 ? `${words}, and how Windows Vista says how far it came is not known here` : null;
  return { state: "partly encrypted", encryptedBytes, words, unreadable, progress };
}

function wordsFor(state: number, nextState: number): string | null {
  if (nextState !== ENCRYPTED && nextState !== DECRYPTED) return null;
  const isDecrypting = nextState === DECRYPTED;
  switch (state) {
    case DECRYPTED:
      return isDecrypting ? "it is not encrypted any more" : "it is to be encrypted, and is not yet";
    case SWITCHING:
      return isDecrypting ? "it is being decrypted" : "it is being encrypted";
    case ENCRYPTED:
      return "it is to be decrypted";
    case PAUSED:
      return isDecrypting ? "its decryption is paused" : "its encryption is paused";
    default:
      return null;
  }
}
