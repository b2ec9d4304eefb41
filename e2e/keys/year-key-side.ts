import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import type { KeyClient } from "#client/key-client.ts";
import type { Random } from "#crypto/derive.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { addIdentity, newToken } from "#keys/access/identities.ts";
import { RefusalBudget } from "#keys/access/refusal-budget.ts";
import { addPlace } from "#keys/copies/places.ts";
import { KeyStore } from "#keys/key-store.ts";
import { kitCopiesIdentity, kitSetId } from "#keys/kit/kit-secret.ts";
import { adoptKit } from "#keys/kit/kits.ts";
import { ProofDesk } from "#keys/proofs/proof-desk.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { Role } from "#keys/store/model.ts";
import { answer } from "#server/answer.ts";
import type { KeySide } from "#server/key-side.ts";
import { memoryStore } from "#store/memory.ts";
import { testKitSecret } from "#testing/keys/key-side.ts";
import { fileSecret } from "#testing/keys/key-store.ts";
import { cheapKdf } from "#testing/volumes/bitlocker-entry-maker.ts";
import type { KeyDeriver } from "#volume/header/kdf.ts";

import { dyingStore, Killed, untilKilled } from "./year-kills.ts";
import type { KillPoint } from "./year-kills.ts";

/** BitLocker volumes that were made for tests have few rounds. */
export const kdf: KeyDeriver = {
  derive: (request, secret, signal) =>
    request.kind === "bitlocker" ? cheapKdf.derive(request, secret, signal) : deriveKey(request, secret),
};

const costLimit = { memoryKiB: 1024 * 1024, seconds: 60 };
const roles = ["custodian", "auditor", "backup"] as const satisfies readonly Role[];

/** What the key side runs with: its own clock among it. */
type Deps = { readonly now: () => Temporal.Instant; readonly steadyMs: () => number; readonly random: Random };

/** A key side over a database in a file, which can be killed, and whose disk can be put back to an earlier state. */
export class YearKeySide implements Disposable {
  readonly #folder: string;
  readonly #deps: Deps;
  readonly #tokens = new Map<Role, string>();
  readonly #copies = memoryStore();
  /** The place for copies as this process reaches it. */
  #place = this.#copies;
  #side: KeySide;
  #runs = true;

  private constructor(folder: string, deps: Deps, store: KeyStore) {
    this.#folder = folder;
    this.#deps = deps;
    this.#side = this.#over(store);
  }

  static async make(folder: string, deps: Deps): Promise<YearKeySide> {
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

  client(role: Role): KeyClient {
    return { call: (name, input) => this.as(role, name, input) };
  }

  /** Lets somebody ask who dies at a call, or at whose call the key side is killed and started again. @returns whether that was */
  dying(role: Role, { call: last, way }: KillPoint, ask: (client: KeyClient) => Promise<unknown>): Promise<boolean> {
    let calls = 0;
    const call: KeyClient["call"] = async (name, input) => {
      calls++;
      if (calls > last) throw new Killed(`${name}, asked after the process was killed`);
      if (calls < last) return this.as(role, name, input);
      if (way !== "before") await this.as(role, name, input).catch(() => undefined); // nobody hears of it
      if (way !== "caller") await this.restart();
      throw new Killed(`${name}: killed`);
    };
    return untilKilled(
      () => ask({ call }),
      () => calls >= last,
    );
  }

  /** Writes the copies that are due, and is killed at a change of the place for them. @returns whether it died */
  async dieCopying(at: KillPoint): Promise<boolean> {
    // What it still does then, its database does not take any more.
    const place = dyingStore(this.#copies, at, () => this.#end());
    this.#place = place.store;
    try {
      return await untilKilled(() => this.as("custodian", "copy.make", { full: false }), place.died);
    } finally {
      this.#place = this.#copies;
      if (place.died()) await this.restart();
    }
  }

  /** As a process that is killed and started again: what was in its memory is gone, what it had answered is not. */
  async restart(
    how: { readonly unsealed: boolean } = { unsealed: !this.#runs || !this.store.isSealed },
  ): Promise<void> {
    this.#end();
    this.#side = this.#over(KeyStore.open(join(this.#folder, "keys.db"), { ...this.#deps, kdf }));
    this.#runs = true;
    if (how.unsealed) await this.store.unseal(fileSecret(), new AbortController().signal);
  }

  /** Keeps the database as it is now. @returns puts it back to that, and says how to undo this */
  keep(): () => Promise<() => Promise<void>> {
    const putBack = this.#kept("kept.db");
    return async () => {
      const undo = this.#kept("newest.db");
      await putBack();
      return undo;
    };
  }

  [Symbol.dispose](): void {
    this.#end();
  }

  /** Copies the database to a file. @returns puts it back from there */
  #kept(name: string): () => Promise<void> {
    const file = join(this.#folder, name);
    rmSync(file, { force: true });
    this.store.db.prepare("VACUUM INTO ?").run(file);
    return async () => {
      this.#end();
      for (const suffix of ["", "-wal", "-shm"]) rmSync(join(this.#folder, `keys.db${suffix}`), { force: true });
      copyFileSync(file, join(this.#folder, "keys.db"));
      await this.restart();
    };
  }

  #end(): void {
    if (!this.#runs) return;
    this.#runs = false;
    this.#side.proofs[Symbol.dispose]();
    this.#side.store[Symbol.dispose]();
  }

  #over(store: KeyStore): KeySide {
    const proofs = new ProofDesk({ store, kdf, costLimit });
    const openPlace = () => Promise.resolve(this.#place);
    return { store, kdf, costLimit, proofs, refusals: new RefusalBudget(), openPlace, user: "test" };
  }
}
