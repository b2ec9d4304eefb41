import type { RefusalBudget } from "#keys/access/refusal-budget.ts";
import type { KeyStore } from "#keys/key-store.ts";
import type { ProofDesk } from "#keys/proofs/proof-desk.ts";
import type { Store } from "#store/contract.ts";
import type { CostLimit, KeyDeriver } from "#volume/header/kdf.ts";

/** All that the key side's requests work with. */
export type KeySide = {
  readonly store: KeyStore;
  /** Derives volumes' keys, each in a process of its own. */
  readonly kdf: KeyDeriver;
  /** The most that one derivation may cost. */
  readonly costLimit: CostLimit;
  /** Opens a place for copies by the key side's own credentials. The caller disposes of it. */
  readonly openPlace: (place: string, signal: AbortSignal) => Promise<Store>;
  /** Proofs that are under way. */
  readonly proofs: ProofDesk;
  /** Keeps refusals from filling the audit log. */
  readonly refusals: RefusalBudget;
  /** The user that the process runs as. */
  readonly user: string;
};
