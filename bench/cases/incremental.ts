import { firstBackups } from "../first-backups.ts";
import { race, run, shell, warm } from "../measure.ts";
import { peers } from "../peers.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { changeShare } from "../workspace.ts";
import type { Workspace } from "../workspace.ts";

const READ = "cat > /dev/null";
const OURS = "lockstep backup";

/** A backup after 1 % changed in random places of 64 KiB, found by a scan. */
export async function incremental(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.image();
  const { restic, borg } = peers(space);
  await firstBackups(space);
  let changedBytes = 0;
  let storedBefore = 0;
  let storedShare = 0;
  const change = async (): Promise<void> => {
    changedBytes = changeShare(image, 0.01);
    await run(shell("sync"));
    await warm(image);
  };
  const results = await race(
    [
      { name: READ, prepare: change, command: () => shell(`cat '${image}' > /dev/null`) },
      {
        name: OURS,
        prepare: async () => {
          await run(space.lockstep("vault", "backup", "bench"));
          storedBefore = await space.usedBytes("vault");
          await change();
        },
        command: () => space.lockstep("vault", "backup", "bench"),
      },
      {
        name: "restic",
        prepare: async () => {
          storedShare = Math.max(storedShare, ((await space.usedBytes("vault")) - storedBefore) / changedBytes);
          await change();
        },
        command: () => shell(`restic backup -q '${image}' && sync`, restic),
      },
      {
        name: "borg",
        prepare: change,
        command: () =>
          shell(`borg create -C none --chunker-params fixed,4194304 ::{now:%s%f} '${image}' && sync`, borg),
      },
    ],
    space.runs,
  );
  const ours = wallOf(results, OURS);
  return [
    {
      title: "Incremental backup by scan, 1 % changed, warm cache",
      results,
      claims: [
        {
          text: "of the time of reading the image",
          measured: ours / wallOf(results, READ),
          limit: 3,
          kind: "most",
          unit: " ×",
        },
        {
          text: "faster than restic",
          measured: wallOf(results, "restic") / ours,
          limit: 12,
          kind: "least",
          unit: " ×",
        },
        {
          text: "stored (all files, second copies of nodes and log included), of the changed bytes",
          measured: storedShare,
          limit: 1.08,
          kind: "most",
          unit: " ×",
        },
      ],
    },
  ];
}
