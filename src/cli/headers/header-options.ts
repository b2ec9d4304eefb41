import type { Command } from "commander";

import type { ReplyOf } from "#api/routes.ts";
import type { PresentedHeader } from "#api/values.ts";
import type { App, Expectation } from "#cli/app/app.ts";
import { diskHeader } from "#cli/headers/disk-header.ts";
import { pointHeader } from "#cli/headers/point-header.ts";
import { expectOption } from "#cli/program/options.ts";
import { LockstepError } from "#errors/errors.ts";
import type { VolumePlace } from "#ops/keys/match-disk.ts";

/** Which header to present to the key side. */
export type HeaderFlags = {
  readonly volume?: string;
  /** Any of its names. */
  readonly protector?: string;
  readonly machine?: string;
  readonly disk?: string;
  readonly point?: string;
  readonly uuid?: string;
  readonly yes?: true;
  readonly expect?: Expectation;
};

/** A header, and what the key side is told of it. */
export type HeaderToPresent = {
  readonly header: PresentedHeader;
  readonly place: VolumePlace;
  readonly source: "live" | "point";
  /** Its id. */
  readonly protector: string | null;
  readonly volumeUuid: string | null;
  /** The machine of the vault whose disk it is; null: of none that is known here. */
  readonly machine: string | null;
  /** The volume, as people are told. */
  readonly shown: string;
};

/** What `key.bind` answers with. */
export type Bound = ReplyOf<"key.bind">;

/** Declares the options that say which header to present. */
export function headerOptions(command: Command): Command {
  return command
    .option("--volume <name>", "a partition's number, or disk; the only encrypted one where it is left out")
    .option("--protector <id>", "try this protector only: keyslot 1, or the key ID that Windows shows")
    .option("--machine <name>", "whose disk it is, where no machine of the vault has it")
    .option("--disk <name>", "the disk's name; with --point, the disk where the point has several")
    .option("--point <point>", "the header that a recovery point has, instead of a disk's")
    .option("--uuid <uuid>", "with --point: the volume's UUID, as the machine itself shows it")
    .option("--yes", "with --point: UUID and protector were compared, and are on this command line")
    .addOption(expectOption());
}

/**
 * Gets the header that the command line names.
 *
 * @param path  a disk; undefined where a point is named
 * @throws {LockstepError} ARGUMENT_INVALID: both a disk and a point, or neither; and what `diskHeader` and `pointHeader` throw
 */
export async function headerToPresent(
  app: App,
  path: string | undefined,
  flags: HeaderFlags,
): Promise<HeaderToPresent> {
  const { point } = flags;
  if (path !== undefined && point === undefined) return diskHeader(app, path, flags);
  if (path === undefined && point !== undefined) return pointHeader(app, point, flags);
  const what = path === undefined ? "nothing says which volume" : "both a disk and a point are named";
  throw new LockstepError("ARGUMENT_INVALID", `finding the volume's header: ${what}`, {
    hint: "Name either its disk (an image or a block device) or, by --point, a recovery point of it.",
  });
}
