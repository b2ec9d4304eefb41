import { closeSync, openSync, writeSync } from "node:fs";

import { race, run } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { writeRandom } from "../workspace.ts";
import type { Workspace } from "../workspace.ts";

const POINTS = 10_000;

/** Listing ten thousand points, which takes the machine's log and nothing else. */
export async function listing(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.path("small.raw");
  writeRandom(image, 1024 * 1024);
  await space.newVault("many-vault", "many", image);
  const script = `import { fillLog } from "${import.meta.dirname}/../fill-log.ts"; await fillLog(process.argv[1], process.argv[2], ${POINTS});`;
  const { argv, env = {} } = space.lockstep("many-vault", "backup", "many");
  await run({ argv, env });
  const fd = openSync(image, "r+");
  writeSync(fd, "changed");
  closeSync(fd);
  const node = process.execPath;
  await run({ argv: [node, "--input-type=module", "-e", script, space.path("many-vault"), space.path("state")], env });
  const results = await race(
    [
      {
        name: "lockstep point list",
        prepare: () => Promise.resolve(),
        command: () => space.lockstep("many-vault", "point", "list", "many"),
      },
    ],
    Math.max(3, space.runs),
  );
  for (const name of ["small.raw", "many-vault"]) space.remove(name);
  return [
    {
      title: `Listing ${POINTS} points`,
      results,
      claims: [
        {
          text: "the whole command",
          measured: wallOf(results, "lockstep point list"),
          limit: 0.5,
          kind: "most",
          unit: " s",
        },
      ],
    },
  ];
}
