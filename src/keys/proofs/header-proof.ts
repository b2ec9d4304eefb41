import { LockstepError, isLockstepError } from "#errors/errors.ts";
import { DayBudget } from "#keys/access/day-budget.ts";
import { loadPolicy } from "#keys/access/policy.ts";
import { derivationsOf } from "#keys/derivations/derivations.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { boundVersions, openBound } from "#keys/proofs/open-bound.ts";
import type { BoundVersion } from "#keys/proofs/open-bound.ts";
import { ProofSession } from "#keys/proofs/proof-session.ts";
import { earlierProof } from "#keys/proofs/proof-statement.ts";
import type { ProofFinding, ProvedVolume } from "#keys/proofs/proof-statement.ts";
import { whyUnusable } from "#keys/versions/versions.ts";
import type { Choose } from "#volume/check-structures.ts";
import type { EncryptedHeader, UnlockedVolume } from "#volume/header/encrypted-header.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";
import { piecesSource } from "#volume/source/pieces-source.ts";
import type { VolumePiece } from "#volume/source/pieces-source.ts";
import type { VolumeSource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

/** What proofs work with. */
export type ProofDeps = {
  readonly store: KeyStore;
  readonly kdf: KeyDeriver;
  /** The most that one derivation may cost. */
  readonly costLimit: CostLimit;
};

/** An encrypted volume of a point, as somebody presents it. */
export type ProofRequest = ProvedVolume & {
  readonly size: Pick<VolumeSource, "sizeBytes" | "sectorBytes">;
  /** The header's bytes, ascending. */
  readonly header: readonly VolumePiece[];
  /** Derive although an earlier proof of the same header could be carried over. */
  readonly anew: boolean;
};

/** All of a finding but what was presented. */
export type HeaderFinding = Omit<ProofFinding, "presented">;

/** What a header alone shows, with a session where the volume was opened and can be looked into. */
export type HeaderProof = { readonly finding: HeaderFinding; readonly session: ProofSession | null };

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Proves headers. The order is the safety: a key is touched only for a header that has exactly a bound protector and volume
 * identity, within the budgets of the day, and on that protector alone.
 */
export class HeaderProver {
  readonly #deps: ProofDeps;
  readonly #failures = new DayBudget();

  constructor(deps: ProofDeps) {
    this.#deps = deps;
  }

  /**
   * Reads a header from the bytes that are presented, and opens the volume where a version is bound to it and no earlier proof
   * of the same header can be carried over.
   *
   * @returns  the caller disposes of the session. Its finding is "opens" until it has found more
   * @throws {LockstepError} ARGUMENT_INVALID: the pieces are not ascending, or lie outside the volume; RATE_LIMITED: the budget of
   *   today is spent; KEY_STORE_SEALED; KDF_FAILED, CANCELLED
   */
  async prove(request: ProofRequest, signal: AbortSignal): Promise<HeaderProof> {
    const { store } = this.#deps;
    const header = await readPresented(request, signal);
    if (typeof header === "string") return over({ ...nothing, verdict: header });
    const { identity, headerDigest, unreadable, warnings } = header.facts;
    const known = {
      ...nothing,
      header: { volumeIdentity: identity, headerDigest },
      unproven: warnings.some(({ code }) => code === "NOT_SHOWN_BY_SAMPLES"),
    };
    if (unreadable !== null) return over({ ...known, verdict: "unsupported" });
    const bound = boundVersions(store, header);
    if (bound.length === 0) return over({ ...known, verdict: "not bound" });
    const earlier = request.anew ? null : this.#carriedOver(request, headerDigest, bound);
    if (earlier !== null) return over({ ...known, ...earlier, carriedOver: true });
    return this.#open(request, header, bound, known, signal);
  }

  /** Counts a look inside a volume that found it wrong: whoever presents altered sectors again and again learns little by it. */
  noteFailure(volumeIdentity: string): void {
    this.#failures.spend(volumeIdentity, 1, this.#deps.store.deps.now());
  }

  #carriedOver(
    request: ProofRequest,
    headerDigest: string,
    bound: readonly BoundVersion[],
  ): Pick<HeaderFinding, "verdict" | "version" | "derivedMs" | "structures"> | null {
    const { store } = this.#deps;
    const now = store.deps.now();
    const since = now.epochMilliseconds - loadPolicy(store).proofIntervalDays * DAY_MS;
    const earlier = earlierProof(store, request, headerDigest, since);
    const version = bound.find((each) => each.version.id === earlier?.version)?.version;
    if (earlier === null || version === undefined || whyUnusable(version, now) !== null) return null;
    return { ...earlier, version };
  }

  async #open(
    request: ProofRequest,
    header: EncryptedHeader,
    bound: readonly BoundVersion[],
    known: typeof nothing,
    signal: AbortSignal,
  ): Promise<HeaderProof> {
    const { store, kdf, costLimit: limit } = this.#deps;
    const { identity } = header.facts;
    this.#refuseFailures(identity);
    const machine = `${request.vault}/${request.machine}`;
    const derivations = derivationsOf(store);
    const purses = [`machine ${machine}`, `volume ${identity}`];
    const spend = (seconds: number): void => derivations.spend(purses, seconds, "proving a volume");
    const opening = await derivations.run(
      machine,
      () => openBound(store, header, bound, { kdf, limit }, spend, signal),
      signal,
    );
    const { verdict, version } = opening;
    const nowMs = store.deps.now().epochMilliseconds;
    if (verdict !== "opens") return over({ ...known, verdict, version, derivedMs: opening.tried ? nowMs : null });
    const finding = { ...known, verdict, version, derivedMs: nowMs };
    using unlocked = opening.unlocked;
    try {
      return { finding, session: this.#session(request, header, unlocked) };
    } catch (error) {
      // The key is right, but nothing here reads the sectors with certainty.
      if (isLockstepError(error, "VOLUME_UNSUPPORTED")) return over(finding);
      if (!isLockstepError(error, "HEADER_CORRUPT", "ARGUMENT_INVALID")) throw error;
      return over({ ...finding, verdict: "opens, content damaged", structures: [0, 1] }); // it is too short
    }
  }

  #session({ size }: ProofRequest, header: EncryptedHeader, unlocked: UnlockedVolume): ProofSession {
    const choose = chooser(this.#deps.store.deps.random);
    return new ProofSession(size, header.mapping(size.sizeBytes), unlocked, choose);
  }

  #refuseFailures(volumeIdentity: string): void {
    const { store } = this.#deps;
    const most = loadPolicy(store).proofFailuresPerDay;
    if (this.#failures.spent(volumeIdentity, store.deps.now()) < most) return;
    throw new LockstepError("RATE_LIMITED", `proving a volume: its content was found wrong ${most} times today`, {
      hint: "Look at what is presented. It is tried again tomorrow; a custodian can allow more with `lockstep policy set`.",
    });
  }
}

/** What is known of a volume before its header was read. */
const nothing: Omit<HeaderFinding, "verdict"> = {
  version: null,
  derivedMs: null,
  carriedOver: false,
  header: null,
  structures: [0, 0],
  unproven: false,
};

function over(finding: HeaderFinding): HeaderProof {
  return { finding, session: null };
}

/** The header, from the presented bytes alone; or why it cannot be read. */
async function readPresented(
  { size, header }: ProofRequest,
  signal: AbortSignal,
): Promise<EncryptedHeader | "header damaged" | "unsupported"> {
  const source = piecesSource(size, header);
  try {
    return await readVolumeHeader(source, "what was presented", signal);
  } catch (error) {
    if (isLockstepError(error, "VOLUME_UNSUPPORTED")) return "unsupported";
    // ARGUMENT_INVALID: it names places outside the volume
    if (isLockstepError(error, "HEADER_CORRUPT", "FIELD_CORRUPT", "VOLUME_MISSING", "ARGUMENT_INVALID")) {
      return "header damaged";
    }
    throw error;
  }
}

/** Random numbers below a count of at most 2^53; 48 bits of them leave no place out that matters. */
function chooser(random: (length: number) => Uint8Array): Choose {
  return (count) => {
    const fraction = random(6).reduce((value, byte) => value * 256 + byte, 0) / 2 ** 48;
    return Math.floor(fraction * count);
  };
}
