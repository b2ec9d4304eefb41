import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { AskedSource } from "#keys/proofs/asked-source.ts";
import { checkStructures } from "#volume/check-structures.ts";
import type { Choose, StructureCheck } from "#volume/check-structures.ts";
import type { UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { Mapping } from "#volume/plaintext/mapping.ts";
import { openPlainVolume } from "#volume/plaintext/plain-volume.ts";
import type { PlainVolume } from "#volume/plaintext/plain-volume.ts";
import type { Place, VolumeSource } from "#volume/source/source.ts";

/** What a session wants to see next, or what it found. */
export type SessionStep = { readonly wants: readonly Place[] } | { readonly found: StructureCheck };

/**
 * A look inside a volume that was opened, by bytes that somebody shows piece by piece. Holds the volume's keys until it is over or
 * disposed of.
 */
export class ProofSession implements Disposable {
  readonly #source: AskedSource;
  readonly #stop = new AbortController();
  readonly #work: Promise<StructureCheck>;

  /**
   * @param unlocked  can be disposed of afterwards
   * @throws {LockstepError} what `openPlainVolume` throws
   */
  constructor(
    size: Pick<VolumeSource, "sizeBytes" | "sectorBytes">,
    mapping: Mapping,
    unlocked: UnlockedVolume,
    choose: Choose,
  ) {
    this.#source = new AskedSource(size);
    const plain = openPlainVolume(this.#source, mapping, unlocked.volumeKeys, "zeros");
    this.#work = look(plain, choose, this.#stop.signal);
    this.#work.catch(() => {}); // it may be disposed of while nobody waits for it
  }

  /** Goes on until bytes are wanted, or all is found. */
  async step(): Promise<SessionStep> {
    const wants = await this.#source.questions(this.#work);
    return wants.length === 0 ? { found: await this.#work } : { wants };
  }

  /**
   * Shows what was wanted.
   *
   * @param pieces  parallel to `wants`; null: it cannot be read
   * @throws {LockstepError} ARGUMENT_INVALID: other pieces than were wanted
   */
  show(pieces: readonly (Uint8Array | null)[]): void {
    this.#source.show(pieces);
  }

  [Symbol.dispose](): void {
    const over = new LockstepError("CANCELLED", "The proof is over.");
    this.#stop.abort(over);
    this.#source.end(over);
  }
}

/** Wipes the keys at its end, whatever comes of it. */
async function look(plain: PlainVolume, choose: Choose, signal: AbortSignal): Promise<StructureCheck> {
  using opened = plain;
  try {
    return await checkStructures(opened, choose, signal);
  } catch (error) {
    // More than is asked for: somebody made it so, and nothing is said of it.
    if (!isLockstepError(error, "RATE_LIMITED")) throw error;
    return { recognised: true, right: 0, asked: 0 };
  }
}
