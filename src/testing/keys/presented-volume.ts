import { statementBody } from "#api/proofs.ts";
import type { StatementBody } from "#api/proofs.ts";
import type { InputOf, ReplyOf } from "#api/routes.ts";
import type { PresentedHeader } from "#api/values.ts";
import { Secret } from "#bytes/secret.ts";
import { base64, utf8 } from "#bytes/text.ts";
import { saveBinding } from "#keys/bindings/bindings.ts";
import { inTransaction } from "#keys/store/database.ts";
import type { ValueKind } from "#keys/store/model.ts";
import { enrolVault } from "#keys/vaults/vaults.ts";
import { addVersion } from "#keys/versions/versions.ts";
import type { Version } from "#keys/versions/versions.ts";
import { presentHeader } from "#ops/volumes/present-header.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";
import { memorySource } from "#volume/source/source.ts";
import { readVolumeHeader } from "#volume/volume-header.ts";

const { signal } = new AbortController();

/** Ids that tests use for a vault, a machine and a point. */
export const someVault = "aa".repeat(16);
export const someMachine = "bb".repeat(16);
export const somePoint = "cc".repeat(16);

/** What the header of a volume in memory says. */
export async function factsOf(image: Uint8Array): Promise<EncryptedVolume> {
  return (await readVolumeHeader(memorySource(image), "the test's volume", signal)).facts;
}

/** The header of an encrypted volume, as a custodian or a backup host presents it. */
export async function presentedOf(image: Uint8Array): Promise<PresentedHeader> {
  const source = memorySource(image);
  return presentHeader({ header: await readVolumeHeader(source, "the test's volume", signal), source }, signal);
}

/** Makes a vault known, for which the backup identity reports. */
export function enrolSomeVault({ side }: TestKeySide, vault = someVault): void {
  const rootCommitment = new Uint8Array(32).fill(7);
  inTransaction(side.store.db, () =>
    enrolVault(side.store, { vault, name: `vault ${vault.slice(0, 2)}`, rootCommitment, reporter: "backup" }),
  );
}

/** Stores a version and binds it to a volume's protector, whether or not it opens that. */
export async function bindTo(
  { side: { store } }: TestKeySide,
  image: Uint8Array,
  protectorId: string,
  value: { readonly kind: ValueKind; readonly bytes: string | Uint8Array; readonly keyName?: string },
): Promise<Version> {
  const { identity, format, uuid, protectors } = await factsOf(image);
  const protector = protectors.find(({ id }) => id === protectorId);
  if (protector === undefined) throw new Error(`the volume has no ${protectorId}`);
  return inTransaction(store.db, () => {
    const bytes = typeof value.bytes === "string" ? utf8(value.bytes) : value.bytes.slice();
    const version = addVersion(store, {
      keyName: value.keyName ?? "web01",
      kind: value.kind,
      value: new Secret(bytes),
      origin: "given",
      note: "",
      activatesMs: null,
      expiresMs: null,
    });
    saveBinding(store, {
      version: version.id,
      protector: protector.fingerprint,
      volumeIdentity: identity,
      protectorId,
      protectorKind: protector.kind,
      volumeFormat: format,
      volumeUuid: uuid,
      place: null,
      source: "live",
      boundBy: "custodian",
    });
    return version;
  });
}

/** A begun proof's input. */
export async function proofInput(
  image: Uint8Array,
  more: Partial<InputOf<"proof.begin">> = {},
): Promise<InputOf<"proof.begin">> {
  return {
    vault: someVault,
    machine: someMachine,
    point: somePoint,
    disk: "disk0",
    volume: "1",
    header: more.header ?? (await presentedOf(image)),
    anew: false,
    ...more,
  };
}

/** A proof that came to its end. */
export type Proved = {
  readonly body: StatementBody;
  readonly statement: NonNullable<ReplyOf<"proof.begin">["statement"]>;
  /** What was shown, in its order. */
  readonly shown: readonly { readonly offsetBytes: number; readonly bytes: Uint8Array }[];
};

/** Proves a volume to its end, showing what is wanted from `image`. */
export async function prove(
  test: TestKeySide,
  image: Uint8Array,
  more: Partial<InputOf<"proof.begin">> = {},
): Promise<Proved> {
  const shown: Proved["shown"][number][] = [];
  let step = await test.as("backup", "proof.begin", await proofInput(image, more));
  while (step.statement === null) {
    const pieces = step.wants.map(([offsetBytes, length]) => image.slice(offsetBytes, offsetBytes + length));
    for (const [at, bytes] of pieces.entries()) shown.push({ offsetBytes: step.wants[at]?.[0] ?? -1, bytes });
    step = await test.as("backup", "proof.show", { proof: step.proof, pieces: pieces.map(base64) });
  }
  const body = statementBody.parse(JSON.parse(step.statement.signed));
  return { body, statement: step.statement, shown };
}
