import type { RolloverTask } from "#api/rollover.ts";
import { concat } from "#bytes/arrays.ts";
import { fromUtf8, utf8 } from "#bytes/text.ts";
import type { Random } from "#crypto/derive.ts";
import type { ValueKind } from "#keys/model.ts";
import type { MadeProtector } from "#testing/bitlocker-entry-maker.ts";
import { makeBitlocker } from "#testing/bitlocker-maker.ts";
import { arrayAt, DATA_AT, Luks2Maker, objectAt } from "#testing/luks2-maker.ts";

/** A guest's disk, encrypted inside, and what its owner does to it in a rollover. */
export interface Guest {
  readonly kind: ValueKind;
  readonly executor: "cryptsetup" | "steps";
  /** What opens it at first. */
  readonly firstValue: Uint8Array;
  readonly sizeBytes: number;
  /** The disk as it is now; a copy. */
  image(): Uint8Array;
  /** Its guest writes something. */
  write(): void;
  /** Does what a rollover says is next. @param value  of the new version */
  change(task: RolloverTask, value: Uint8Array): void;
}

/** Bytes of plaintext: little, since it is what a day changes that counts. */
const DATA_BYTES = 64 * 1024;

export function luksGuest(seed: string, random: Random): Guest {
  const passphrase = `the passphrase of ${seed}`;
  const maker = Luks2Maker.make(seed, [{ number: 0, passphrase }], DATA_BYTES);
  const sizeBytes = maker.volume.length;
  return {
    kind: "passphrase",
    executor: "cryptsetup",
    firstValue: utf8(passphrase),
    sizeBytes,
    image: () => maker.written().slice(),
    write: () => maker.volume.set(random(512), DATA_AT + 512 * ((random(1)[0] ?? 0) % (DATA_BYTES / 512))),
    change: (task, value) => {
      if (task.do === "add") maker.addKeyslot({ number: task.slot ?? 0, passphrase: fromUtf8(value) });
      if (task.do === "remove") {
        const slot = task.protector.replace("keyslot ", "");
        delete objectAt(maker.json, "keyslots")[slot];
        const left = arrayAt(maker.json, "digests.0.keyslots").filter((each) => each !== slot);
        objectAt(maker.json, "digests.0")["keyslots"] = left;
      }
    },
  };
}

export function bitlockerGuest(random: Random): Guest {
  const shorts = [1, 2, 3, 4, 5, 6, 7, 8];
  let protectors: readonly MadeProtector[] = [recovery(shorts, random)];
  let volume = makeBitlocker({ protectors }).image;
  let written: Uint8Array = random(4096);
  const remake = (next: readonly MadeProtector[]): void => {
    protectors = next;
    volume = makeBitlocker({ protectors }).image;
  };
  return {
    kind: "recovery-password",
    executor: "steps",
    firstValue: utf8(shorts.map((short) => String(11 * short).padStart(6, "0")).join("-")),
    sizeBytes: volume.length,
    // at the end of the volume, where nothing that a reader looks at lies
    image: () => concat(volume.subarray(0, volume.length - written.length), written),
    write: () => {
      written = random(4096);
    },
    change: (task, value) => {
      if (task.do === "add") {
        const groups = fromUtf8(value).split("-");
        remake([
          ...protectors,
          recovery(
            groups.map((group) => Number(group) / 11),
            random,
          ),
        ]);
      }
      if (task.do === "remove") remake(protectors.filter(({ guid }) => guid !== task.protector));
    },
  };
}

function recovery(shorts: readonly number[], random: Random): MadeProtector {
  const digits = Buffer.from(random(16)).toString("hex");
  const guid = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { kind: "recovery-password", guid, shorts };
}
