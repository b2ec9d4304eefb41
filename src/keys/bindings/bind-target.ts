import { LockstepError } from "#errors/errors.ts";
import type { Binding, VolumePlace } from "#keys/bindings/bindings.ts";
import type { EncryptedVolume } from "#volume/header/volume.ts";

/** What a custodian says of a header that he presents. */
export type BindTarget = {
  /** Whose volume it is; null where he does not say. */
  readonly place: VolumePlace | null;
  readonly source: Binding["source"];
  /** The protector to try, and no other: `keyslot 1`, a GUID. Null: all that fit. */
  readonly protector: string | null;
  /** The volume's UUID, as he compared it; null where he did not. */
  readonly volumeUuid: string | null;
};

/**
 * Refuses a header that is not the one that a custodian compared; and one from a point of which he compared nothing, since whoever
 * holds the vault may have made it.
 *
 * @throws {LockstepError} ARGUMENT_INVALID: UUID and protector of a point's header were not compared; HEADER_MISMATCH: the header has
 *   others
 */
export function refuseUncompared(
  { uuid, protectors }: Pick<EncryptedVolume, "uuid" | "protectors">,
  { source, protector, volumeUuid }: BindTarget,
): void {
  if (source === "point" && (protector === null || volumeUuid === null)) {
    throw new LockstepError(
      "ARGUMENT_INVALID",
      "trying a header from a recovery point: nobody says that he compared the volume's UUID and the protector",
      { hint: "Compare them with what the machine itself shows, and name both." },
    );
  }
  if (volumeUuid !== null && volumeUuid.toLowerCase() !== uuid?.toLowerCase()) {
    throw mismatch(`the volume's UUID is ${uuid ?? "not there"}, and ${volumeUuid} was compared`);
  }
  if (protector !== null && !protectors.some(({ id }) => id === protector)) {
    throw mismatch(`it has no protector ${protector}; it has ${protectors.map(({ id }) => id).join(", ") || "none"}`);
  }
}

function mismatch(found: string): LockstepError {
  return new LockstepError("HEADER_MISMATCH", `trying a header: ${found}`, {
    hint: "This is another volume, or its header was changed: look at it with `lockstep disk inspect` or `lockstep point show`.",
  });
}
