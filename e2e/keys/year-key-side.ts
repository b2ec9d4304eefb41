import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import type { Random } from "#crypto/derive.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { inTransaction } from "#keys/database.ts";
import { addIdentity, newToken } from "#keys/identities.ts";
import { KeyStore } from "#keys/key-store.ts";
import { kitCopiesIdentity, kitSetId } from "#keys/kit-secret.ts";
import { adoptKit } from "#keys/kits.ts";
import type { Role } from "#keys/model.ts";
import { addPlace } from "#keys/places.ts";
import { ProofDesk } from "#keys/proof-desk.ts";
import { RefusalBudget } from "#keys/refusal-budget.ts";
import { answer } from "#server/answer.ts";
import type { KeySide } from "#server/key-side.ts";
import { memoryStore } from "#store/memory.ts";
import { cheapKdf } from "#testing/bitlocker-entry-maker.ts";
import { testKitSecret } from "#testing/key-side.ts";
import { fileSecret } from "#testing/key-store.ts";
import type { KeyDeriver } from "#volume/kdf.ts";

/** BitLocker volumes that were made for tests have few rounds. */
export const kdf: KeyDeriver = {
  derive: (request, secret, signal) =>
    request.kind === "bitlocker" ? cheapKdf.derive(request, secret, signal) : deriveKey(request, secret),
};

const costLimit = { memoryKiB: 1024 * 1024, seconds: 60 };
const roles = ["custodian", "auditor", "backup"] as const satisfies readonly Role[];

/** A key side over a database in a file, which can be killed, and whose disk can be put back to an earlier state. */
export class YearKeySide implements Disposable {
  readonly #folder: string;
  readonly #deps: { readonly now: () => Temporal.Instant; readonly random: Random };
  readonly #tokens = new Map<Role, string>();
  readonly #place = memoryStore();
  #side: KeySide;

  private constructor(
    folder: string,
    deps: { readonly now: () => Temporal.Instant; readonly random: Random },
    store: KeyStore,
  ) {
    this.#folder = folder;
    this.#deps = deps;
    this.#side = this.#over(store);
  }

  static async make(
    folder: string,
    deps: { readonly now: () => Temporal.Instant; readonly random: Random },
  ): Promise<YearKeySide> {
    const { signal } = new AbortController();
    const seal = { label: "file", secret: fileSecret() };
    const store = await KeyStore.create(join(folder, "keys.db"), [seal], { ...deps, kdf }, signal);
    const made = new YearKeySide(folder, deps, store);
    const { recipient } = await kitCopiesIdentity(testKitSecret());
    inTransaction(store.db, () => {
      for (const role of roles) {
        const token = newToken(deps.random);
        made.#tokens.set(role, token);
        addIdentity(store, { name: role, role, token, expiresMs: null });
      }
      adoptKit(store, {
        id: kitSetId(testKitSecret()),
        threshold: 1,
        custodians: ["custodian"],
        recipient,
        vaults: [],
      });
      addPlace(store, { place: "memory", domain: "memory" });
    });
    return made;
  }

  get store(): KeyStore {
    return this.#side.store;
  }

  as<Name extends RouteName>(role: Role, name: Name, input: InputOf<Name>): Promise<ReplyOf<Name>> {
    return answer(this.#side, name, { token: this.#tokens.get(role) ?? null, input }, new AbortController().signal);
  }

  /** As a process that is killed and started again: what was in its memory is gone, what it had answered is not. */
  async restart(): Promise<void> {
    this.#end();
    const store = KeyStore.open(join(this.#folder, "keys.db"), { ...this.#deps, kdf });
    this.#side = this.#over(store);
    await store.unseal(fileSecret(), new AbortController().signal);
  }

  /** Keeps the database as it is now. */
  keep(): void {
    rmSync(join(this.#folder, "kept.db"), { force: true });
    this.store.db.prepare("VACUUM INTO ?").run(join(this.#folder, "kept.db"));
  }

  /** Puts the database back to when it was kept. @returns  undoes that */
  async rollBack(): Promise<() => Promise<void>> {
    rmSync(join(this.#folder, "newest.db"), { force: true });
    this.store.db.prepare("VACUUM INTO ?").run(join(this.#folder, "newest.db"));
    await this.#replace("kept.db");
    return () => this.#replace("newest.db");
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  async #replace(file: string): Promise<void> {
    this.#end();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(this.#folder, `keys.db${suffix}`), { force: true });
    copyFileSync(join(this.#folder, file), join(this.#folder, "keys.db"));
    this.#side = this.#over(KeyStore.open(join(this.#folder, "keys.db"), { ...this.#deps, kdf }));
    await this.store.unseal(fileSecret(), new AbortController().signal);
  }

  #end(): void {
    this.#side.proofs[Symbol.dispose]();
    this.#side.store[Symbol.dispose]();
  }

  #over(store: KeyStore): KeySide {
    const proofs = new ProofDesk({ store, kdf, costLimit });
    const openPlace = () => Promise.resolve(this.#place);
    return { store, kdf, costLimit, proofs, refusals: new RefusalBudget(), openPlace, user: "test" };
  }
}
