import { hex } from "#bytes/text.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { spendRows } from "#keys/access/backup-rows.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { HeaderProver } from "#keys/proofs/header-proof.ts";
import type { HeaderFinding, ProofDeps, ProofRequest } from "#keys/proofs/header-proof.ts";
import { PresentedBytes } from "#keys/proofs/presented-bytes.ts";
import { ProofSeats } from "#keys/proofs/proof-seats.ts";
import type { ProofSession } from "#keys/proofs/proof-session.ts";
import { saveStatement, wasRead, worseFinding } from "#keys/proofs/proof-statement.ts";
import type { ProvedVolume, SignedStatement } from "#keys/proofs/proof-statement.ts";
import type { Caller } from "#keys/store/model.ts";
import { requireReporter } from "#keys/vaults/vaults.ts";
import { versionName } from "#keys/versions/versions.ts";
import type { StructureCheck } from "#volume/check-structures.ts";
import type { Place } from "#volume/source/source.ts";

/** How far a proof has come: it wants bytes, or it is over and there is a statement. */
export type ProofStep = {
  readonly proof: string;
  readonly wants: readonly Place[];
  readonly statement: SignedStatement | null;
};

/** A proof that waits for bytes. */
type OpenProof = {
  readonly caller: Caller;
  readonly volume: ProvedVolume;
  readonly finding: HeaderFinding;
  readonly session: ProofSession;
  readonly presented: PresentedBytes;
  readonly expiresMs: number;
  /** Its session, its seat and its timer. */
  readonly resources: DisposableStack;
  wants: readonly Place[];
};

/** A proof without a next step ends after this time, and its keys are wiped. */
const SESSION_MS = 2 * 60 * 1000;
/** A statement and its audit entry. */
const STATEMENT_ROWS = 2;
/** For so long a volume in which a file system was read is expected to hold something that is recognised. */
const KNOWN_MS = 30 * 24 * 60 * 60 * 1000;

/** Proves that versions open points, in rounds. What is under way is in memory: a restart forgets it, and it is begun anew. */
export class ProofDesk implements Disposable {
  readonly #store: KeyStore;
  readonly #prover: HeaderProver;
  readonly #seats = new ProofSeats();
  readonly #open = new Map<string, OpenProof>();

  constructor(deps: ProofDeps) {
    this.#store = deps.store;
    this.#prover = new HeaderProver(deps);
  }

  /**
   * Begins a proof: reads the header, derives where it must, and says what it wants to see inside.
   *
   * @throws {LockstepError} NAME_UNKNOWN, NOT_ALLOWED: the caller does not report for the vault; KEY_STORE_SEALED: nothing can
   *   be tried or signed; RATE_LIMITED: too many are under way, or too much was added today; and what `HeaderProver.prove` throws
   */
  async begin(caller: Caller, request: ProofRequest, signal: AbortSignal): Promise<ProofStep> {
    this.#endOverdue();
    requireReporter(this.#store, caller, request.vault);
    void this.#store.ring;
    using resources = new DisposableStack();
    resources.use(this.#seats.take(caller.name));
    const presented = new PresentedBytes();
    for (const piece of request.header) presented.add(piece);
    const { finding, session } = await this.#prover.prove(request, signal);
    const proof = hex(this.#store.deps.random(16));
    const volume = volumeOf(request);
    if (session === null) {
      return { proof, wants: [], statement: this.#state(caller, volume, finding, presented) };
    }
    resources.use(session);
    void this.#store.ring; // it may have been sealed meanwhile
    const timer = setTimeout(() => this.#end(proof), SESSION_MS).unref();
    resources.defer(() => clearTimeout(timer));
    const expiresMs = this.#store.deps.now().epochMilliseconds + SESSION_MS;
    const kept = resources.move();
    this.#open.set(proof, { caller, volume, finding, session, presented, expiresMs, resources: kept, wants: [] });
    return await this.#step(proof);
  }

  /**
   * Goes on with a proof, by the bytes that it wanted.
   *
   * @param pieces  parallel to what was wanted; null: it cannot be read from the vault
   * @throws {LockstepError} NAME_UNKNOWN: no such proof of this caller is under way; ARGUMENT_INVALID: other pieces than were
   *   wanted, and KEY_STORE_SEALED, which both end it
   */
  async show(caller: Caller, proof: string, pieces: readonly (Uint8Array | null)[]): Promise<ProofStep> {
    this.#endOverdue();
    const open = this.#open.get(proof);
    if (open === undefined || open.caller.identity !== caller.identity) {
      throw new LockstepError("NAME_UNKNOWN", `going on with proof ${proof}: no such proof of yours is under way`, {
        hint: "One that nobody goes on with ends after two minutes: begin it anew.",
      });
    }
    try {
      void this.#store.ring;
      open.session.show(pieces);
    } catch (error) {
      this.#end(proof);
      throw error;
    }
    for (const [at, { offsetBytes }] of open.wants.entries()) {
      const bytes = pieces[at] ?? null;
      if (bytes !== null) open.presented.add({ offsetBytes, bytes });
    }
    return this.#step(proof);
  }

  /** Ends all that wait for bytes, and wipes their keys. */
  endAll(): void {
    for (const proof of this.#open.keys()) this.#end(proof);
  }

  [Symbol.dispose](): void {
    this.endAll();
  }

  async #step(proof: string): Promise<ProofStep> {
    const open = this.#open.get(proof);
    if (open === undefined) throw new LockstepError("CANCELLED", "The proof is over.");
    try {
      const step = await open.session.step();
      if ("wants" in step) {
        open.wants = step.wants;
        return { proof, wants: step.wants, statement: null };
      }
      const finding = this.#withContent(open, step.found);
      const statement = this.#state(open.caller, open.volume, finding, open.presented);
      this.#end(proof);
      return { proof, wants: [], statement };
    } catch (error) {
      this.#end(proof);
      throw error;
    }
  }

  #withContent({ finding, volume }: OpenProof, { recognised, right, asked }: StructureCheck): HeaderFinding {
    const isUnreadable = !recognised && asked > 0;
    const isGone = !recognised && asked === 0 && this.#isExpected(finding, volume);
    if (right === asked && !isGone) {
      return { ...finding, verdict: asked === 0 ? "opens" : "reads", structures: [right, asked] };
    }
    this.#prover.noteFailure(finding.header?.volumeIdentity ?? "");
    // Of what could not be read nobody knows what it was: 0 of 0 say so to the next proof.
    const structures = [right, isUnreadable ? 0 : Math.max(asked, 1)] as const;
    return { ...finding, verdict: "opens, content damaged", structures };
  }

  /** Whether something is to be recognised in a volume: it was read lately, or was damaged or gone in this very point before. */
  #isExpected({ header }: HeaderFinding, volume: ProvedVolume): boolean {
    const since = this.#store.deps.now().epochMilliseconds - KNOWN_MS;
    const [right, asked] = worseFinding(this.#store, volume)?.structures ?? [0, 0];
    return right < asked || wasRead(this.#store, header?.volumeIdentity ?? "", since);
  }

  #state(caller: Caller, volume: ProvedVolume, finding: HeaderFinding, presented: PresentedBytes): SignedStatement {
    const { verdict, version, carriedOver } = finding;
    const detail = { verdict, version: version === null ? null : versionName(version), carriedOver };
    const what = { act: "proof.begin", subject: subjectOf(volume), detail };
    spendRows(this.#store, caller, STATEMENT_ROWS, "proving a volume");
    return act(this.#store, caller, what, () =>
      saveStatement(this.#store, volume, { ...finding, presented: presented.digest() }),
    );
  }

  #end(proof: string): void {
    this.#open.get(proof)?.resources.dispose();
    this.#open.delete(proof);
  }

  #endOverdue(): void {
    const nowMs = this.#store.deps.now().epochMilliseconds;
    for (const [proof, { expiresMs }] of this.#open) if (expiresMs <= nowMs) this.#end(proof);
  }
}

/** How the audit log names a volume of a point. */
export function subjectOf({ vault, machine, point, disk, volume }: ProvedVolume): string {
  return `vault ${vault}, machine ${machine}, point ${point}, disk ${disk}, volume ${volume}`;
}

function volumeOf({ vault, machine, point, disk, volume }: ProvedVolume): ProvedVolume {
  return { vault, machine, point, disk, volume };
}
