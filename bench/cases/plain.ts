import { race, run, shell, warm } from "../measure.ts";
import { peers } from "../peers.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import type { Workspace } from "../workspace.ts";

/** A plain ext4 of 1 GiB with programs and texts in it: what compression is for. */
export async function plain(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.path("plain.raw");
  const { restic } = peers(space);
  space.remove("usr");
  await run(
    shell(
      `mkdir '${space.path("usr")}' && cd /usr && find bin lib sbin share -xdev -type f -size -4M | sort | head -c 400000 | cpio -pdm --quiet '${space.path("usr")}' 2> /dev/null; du -sm '${space.path("usr")}'`,
    ),
  );
  await run(shell(`truncate -s 1G '${image}' && mkfs.ext4 -q -b 4096 -d '${space.path("usr")}' '${image}'`));
  space.remove("usr");
  const results = await race(
    [
      {
        name: "lockstep backup",
        prepare: async () => {
          await space.newVault("plain-vault", "bench", image);
          await warm(image);
        },
        command: () => space.lockstep("plain-vault", "backup", "bench"),
      },
      {
        name: "restic",
        prepare: async () => {
          space.remove("restic");
          await run(shell("restic init -q", restic));
          await warm(image);
        },
        command: () => shell(`restic backup -q '${image}' && sync`, restic),
      },
    ],
    space.runs,
  );
  const ours = await space.usedBytes("plain-vault");
  const theirs = await space.usedBytes("restic");
  for (const name of ["plain.raw", "plain-vault", "restic"]) space.remove(name);
  return [
    {
      title: "1 GiB plain ext4 with programs and texts",
      results,
      claims: [
        { text: "stored, of what restic stores", measured: ours / theirs, limit: 1.15, kind: "most", unit: " ×" },
        {
          text: "faster than restic",
          measured: wallOf(results, "restic") / wallOf(results, "lockstep backup"),
          limit: 1,
          kind: "least",
          unit: " ×",
        },
      ],
      notes: [`Stored: lockstep ${Math.round(ours / 2 ** 20)} MiB, restic ${Math.round(theirs / 2 ** 20)} MiB.`],
    },
  ];
}
