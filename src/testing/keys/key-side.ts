import type { InputOf, ReplyOf, RouteName } from "#api/routes.ts";
import { Secret } from "#bytes/secret.ts";
import { base64, utf8 } from "#bytes/text.ts";
import { systemRandom } from "#crypto/derive.ts";
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
import type { KeyDeriver } from "#volume/header/kdf.ts";

/** A key side in this process: the real one, over a database in memory, without HTTP. */
export type TestKeySide = Disposable & {
  readonly side: KeySide;
  /** Moves its clock on. */
  pass(duration: Temporal.DurationLike): void;
  /** Asks as the first identity of a role. */
  as<Name extends RouteName>(role: Role, name: Name, input: InputOf<Name>): Promise<ReplyOf<Name>>;
  /** Asks with a token; null: as nobody. */
  ask<Name extends RouteName>(token: string | null, name: Name, input: InputOf<Name>): Promise<ReplyOf<Name>>;
  readonly tokens: Readonly<Record<Role, string>>;
};

/** Argon2 at the least cost that there is, since the passphrase of each test's store need not withstand anything. */
const cheapArgon2: KeyDeriver = {
  derive: (request, secret) =>
    deriveKey("memoryKiB" in request ? { ...request, memoryKiB: 8 * request.lanes, passes: 1 } : request, secret),
};

/** The passphrase that opens the store of a `testKeySide`. */
export const testSealPassphrase = "the key store's passphrase";

/** The secret of the kit that a `testKeySide` has. */
export function testKitSecret(): Secret {
  return new Secret(Uint8Array.from({ length: 32 }, (_, at) => at));
}

/**
 * A key side with one identity of each role, all named after it, with a kit and one place for copies, at 2026-01-01T00:00Z.
 *
 * @param kdf  derives volumes' keys; in this process, unless told otherwise
 */
export async function testKeySide(kdf: KeyDeriver = { derive: deriveKey }): Promise<TestKeySide> {
  let now = Temporal.Instant.from("2026-01-01T00:00Z");
  const { signal } = new AbortController();
  const deps = { now: () => now, steadyMs: () => now.epochMilliseconds, random: systemRandom, kdf: cheapArgon2 };
  using passphrase = new Secret(utf8(testSealPassphrase));
  const seal = { label: "passphrase", secret: { kind: "passphrase", secret: passphrase } } as const;
  const store = await KeyStore.create(":memory:", [seal], deps, signal);
  const tokens = {
    custodian: newToken(systemRandom),
    auditor: newToken(systemRandom),
    backup: newToken(systemRandom),
    machine: newToken(systemRandom),
  };
  inTransaction(store.db, () => {
    for (const role of Object.keys(tokens) as Role[]) {
      addIdentity(store, { name: role, role, token: tokens[role], expiresMs: null });
    }
  });
  const { recipient } = await kitCopiesIdentity(testKitSecret());
  const kit = { id: kitSetId(testKitSecret()), threshold: 1, custodians: ["custodian"], recipient, vaults: [] };
  inTransaction(store.db, () => {
    adoptKit(store, kit);
    addPlace(store, { place: "memory", domain: "memory" });
  });
  const place = memoryStore();
  const costLimit = { memoryKiB: 1024 * 1024, seconds: 60 };
  const proofs = new ProofDesk({ store, kdf, costLimit });
  const side: KeySide = {
    store,
    kdf,
    costLimit,
    proofs,
    refusals: new RefusalBudget(),
    openPlace: () => Promise.resolve(place),
    user: "test",
  };
  return {
    side,
    tokens,
    pass: (duration) => {
      now = now.toZonedDateTimeISO("UTC").add(duration).toInstant();
    },
    as: (role, name, input) => answer(side, name, { token: tokens[role], input }, signal),
    ask: (token, name, input) => answer(side, name, { token, input }, signal),
    [Symbol.dispose]: () => {
      proofs[Symbol.dispose]();
      store[Symbol.dispose]();
    },
  };
}

/** Stores a passphrase as the next version of a key, as the custodian does. */
export async function addPassphrase(keySide: TestKeySide, name: string, passphrase: string, note = ""): Promise<void> {
  const value = base64(utf8(passphrase));
  const given = { name, kind: "passphrase", value, note, activatesAt: null, expiresAt: null } as const;
  await keySide.as("custodian", "key.add", given);
}
