import { execFileSync } from "node:child_process";
import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";

import { takeManyPoints, writeBlocks } from "../many-points.ts";
import { race, run } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import type { Workspace } from "../workspace.ts";

const TIB = 2 ** 40;
const POINTS = 1000;
const BLOCKS_A_POINT = 256;

/** A sparse disk of 10 TiB, backed up by lists of changes; many points on it; deleting one and pruning. */
export async function huge(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.path("huge.raw");
  const list = space.path("changes.json");
  closeSync(openSync(image, "w"));
  const fd = openSync(image, "r+");
  ftruncateSync(fd, 10 * TIB);
  closeSync(fd);
  await space.newVault("huge-vault", "huge", image);
  await run(space.lockstep("huge-vault", "backup", "huge"));

  const newestPoint = (): string => {
    const { argv, env } = space.lockstep("huge-vault", "--json", "point", "list", "huge");
    const text = execFileSync(argv[0] ?? "", argv.slice(1), {
      env: { ...process.env, ...env },
      maxBuffer: 2 ** 28,
    }).toString();
    const { points } = JSON.parse(text) as { points: readonly { readonly id: string; readonly capturedAt: string }[] };
    return points.toSorted((a, b) => (a.capturedAt < b.capturedAt ? 1 : -1))[0]?.id ?? "";
  };
  const change = (): Promise<void> => {
    const since = newestPoint();
    writeFileSync(list, JSON.stringify({ since, disks: { huge: writeBlocks(image, 10 * TIB, 16_384) } }));
    return Promise.resolve();
  };
  const byList = (): ReturnType<Workspace["lockstep"]> =>
    space.lockstep("huge-vault", "backup", "huge", "--changed-ranges", list);
  const stored = await space.usedBytes("huge-vault");
  const changes = await race([{ name: "lockstep backup --changed-ranges", prepare: change, command: byList }], 1);
  const treeShare = ((await space.usedBytes("huge-vault")) - stored) / 2 ** 30 - 1;

  await takeManyPoints(
    space.path("huge-vault"),
    space.path("state"),
    { path: image, bytes: 10 * TIB },
    POINTS,
    BLOCKS_A_POINT,
  );
  const drop = async (): Promise<void> => {
    await run(space.lockstep("huge-vault", "point", "delete", newestPoint()));
  };
  const prune = await race(
    [{ name: "lockstep prune", prepare: drop, command: () => space.lockstep("huge-vault", "prune", "huge") }],
    1,
  );
  const peak = prune[0]?.peakBytes ?? 0;
  for (const name of ["huge.raw", "huge-vault", "changes.json"]) space.remove(name);
  return [
    {
      title: "A sparse disk of 10 TiB",
      results: [...changes, ...prune],
      claims: [
        {
          text: "1 GiB in random blocks of 64 KiB, from a list",
          measured: wallOf(changes, "lockstep backup --changed-ranges"),
          limit: 10,
          kind: "most",
          unit: " s",
        },
        {
          text: "what its tree adds (two copies), of 1 GiB",
          measured: treeShare * 100,
          limit: 10,
          kind: "most",
          unit: " %",
        },
        {
          text: `one of ${POINTS} points of 16 MiB each deleted, then prune`,
          measured: wallOf(prune, "lockstep prune"),
          limit: 20,
          kind: "most",
          unit: " s",
        },
        { text: "its peak resident memory", measured: peak / 2 ** 20, limit: 384, kind: "most", unit: " MiB" },
      ],
    },
  ];
}
