import { closeSync, ftruncateSync, openSync } from "node:fs";

import { race, run, shell, warm } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { writeRandom } from "../workspace.ts";
import type { Workspace } from "../workspace.ts";

const GIB = 2 ** 30;

/** A sparse image of 256 GiB with 1 GiB in it, against that 1 GiB alone. */
export async function sparse(space: Workspace): Promise<readonly CaseReport[]> {
  const dense = space.path("dense.raw");
  const wide = space.path("wide.raw");
  writeRandom(dense, GIB);
  await run(shell(`dd if='${dense}' of='${wide}' bs=1M seek=100000 status=none`));
  const fd = openSync(wide, "r+");
  ftruncateSync(fd, 256 * GIB);
  closeSync(fd);
  const contender = (name: string, image: string) => ({
    name,
    prepare: async (): Promise<void> => {
      await space.newVault("sparse-vault", "bench", image);
      await warm(dense, wide.replace("wide", "dense"));
    },
    command: () => space.lockstep("sparse-vault", "backup", "bench"),
  });
  const results = await race([contender("1 GiB", dense), contender("256 GiB, sparse", wide)], space.runs);
  const peak = (name: string): number => results.find((result) => result.name === name)?.peakBytes ?? 0;
  space.remove("dense.raw");
  space.remove("wide.raw");
  space.remove("sparse-vault");
  return [
    {
      title: "Sparse image",
      results,
      claims: [
        {
          text: "256 GiB sparse with 1 GiB of data, of the time of 1 GiB",
          measured: wallOf(results, "256 GiB, sparse") / wallOf(results, "1 GiB"),
          limit: 2,
          kind: "most",
          unit: " ×",
        },
        {
          text: "its peak resident memory",
          measured: peak("256 GiB, sparse") / 2 ** 20,
          limit: 384,
          kind: "most",
          unit: " MiB",
        },
      ],
    },
  ];
}
