import type { RolloverFacts, RolloverTask } from "#api/rollover.ts";
import type { ReplyOf } from "#api/routes.ts";
import type { PresentedHeader } from "#api/values.ts";
import { Secret } from "#bytes/secret.ts";
import { fromBase64, fromUtf8 } from "#bytes/text.ts";
import { deriveKey } from "#kdf/derive-key.ts";
import { saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { inTransaction } from "#keys/store/database.ts";
import { findVersion } from "#keys/versions/versions.ts";
import { addPassphrase, testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";
import { factsOf, presentedOf } from "#testing/keys/presented-volume.ts";
import { Luks2Maker, arrayAt, objectAt } from "#testing/volumes/luks2-maker.ts";

const oldPassphrase = "the old passphrase";

/** A key side, and a LUKS2 volume whose keyslot 0 is bound to `web01/v1`; what an executor does, done in memory. */
export class RolloverWorld implements Disposable {
  readonly keySide: TestKeySide;
  readonly volume: Luks2Maker;
  readonly binding: Binding;
  readonly #derivations: () => number;

  private constructor(keySide: TestKeySide, volume: Luks2Maker, binding: Binding, derivations: () => number) {
    this.keySide = keySide;
    this.volume = volume;
    this.binding = binding;
    this.#derivations = derivations;
  }

  /** @param others  keyslots that are in use by others */
  static async make(others: readonly number[] = []): Promise<RolloverWorld> {
    let derivations = 0;
    const keySide = await testKeySide({
      derive: (request, secret) => {
        derivations++;
        return deriveKey(request, secret);
      },
    });
    const volume = Luks2Maker.make("rollover", [
      { number: 0, passphrase: oldPassphrase },
      ...others.map((number) => ({ number, passphrase: `of somebody else, ${number}` })),
    ]);
    await addPassphrase(keySide, "web01", oldPassphrase);
    const { identity, uuid, protectors } = await factsOf(volume.written());
    const [protector] = protectors;
    if (protector === undefined) throw new Error("it has a keyslot");
    const { store } = keySide.side;
    const binding = inTransaction(store.db, () =>
      saveBinding(store, {
        version: findVersion(store, "web01/v1").id,
        protector: protector.fingerprint,
        volumeIdentity: identity,
        protectorId: protector.id,
        protectorKind: protector.kind,
        volumeFormat: "luks2",
        volumeUuid: uuid,
        place: { machine: "web01", disk: "root", volume: "disk" },
        source: "live",
        boundBy: "custodian",
      }),
    );
    return new RolloverWorld(keySide, volume, binding, () => derivations);
  }

  /** How often the key side derived a key for a volume. */
  get derivations(): number {
    return this.#derivations();
  }

  /** The header of the volume as it is now. */
  header(volume = this.volume): Promise<PresentedHeader> {
    return presentedOf(volume.written());
  }

  async begin(executor: RolloverFacts["executor"] = "cryptsetup"): Promise<RolloverFacts> {
    const given = { binding: this.binding.id, executor, header: await this.header() };
    return (await this.keySide.as("custodian", "rollover.begin", given)).rollover;
  }

  async next(rollover: string, aim: "forward" | "back" = "forward"): Promise<ReplyOf<"rollover.next">> {
    return this.keySide.as("custodian", "rollover.next", { rollover, aim, header: await this.header() });
  }

  /** Does to the volume what was said. */
  async do(rollover: string, task: RolloverTask): Promise<void> {
    if (task.do === "add") {
      const values = await this.keySide.as("custodian", "rollover.values", { rollover });
      using made = new Secret(fromBase64(values.new) ?? new Uint8Array());
      this.volume.addKeyslot({ number: task.slot ?? -1, passphrase: fromUtf8(made.bytes) });
    }
    if (task.do === "remove") this.remove(Number(task.protector.replace("keyslot ", "")));
  }

  /** Empties a keyslot. */
  remove(slot: number): void {
    delete objectAt(this.volume.json, "keyslots")[slot];
    const digest = objectAt(this.volume.json, "digests.0");
    digest["keyslots"] = arrayAt(this.volume.json, "digests.0.keyslots").filter((each) => each !== String(slot));
  }

  /** The numbers of the keyslots in use. */
  slots(): number[] {
    return Object.keys(objectAt(this.volume.json, "keyslots")).map(Number);
  }

  [Symbol.dispose](): void {
    this.keySide[Symbol.dispose]();
  }
}
