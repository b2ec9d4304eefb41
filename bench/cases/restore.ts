import { firstBackups } from "../first-backups.ts";
import { dropCaches, race, run, shell, warm } from "../measure.ts";
import type { Contender } from "../measure.ts";
import { peers } from "../peers.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { changeShare } from "../workspace.ts";
import type { Workspace } from "../workspace.ts";

const COPY = "cat && sync";
const READ = "cat > /dev/null";
const OURS = "lockstep restore";

/** Restores of a whole disk to a new file, and in place where 1 % differs. */
export async function restore(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.image();
  const { restic, borg } = peers(space);
  await firstBackups(space);
  await space.newVault("vault", "bench", image); // `incremental` changed the image
  await run(space.lockstep("vault", "backup", "bench"));
  const reports: CaseReport[] = [];
  for (const cache of ["warm", "cold"] as const) {
    const before =
      (...read: readonly string[]) =>
      async (): Promise<void> => {
        space.remove("restored");
        await run(shell("sync"));
        await (cache === "warm" ? warm(...read) : dropCaches());
      };
    const out = space.path("restored");
    const list: Contender[] = [
      {
        name: COPY,
        prepare: before(image),
        command: () => shell(`mkdir '${out}' && cat '${image}' > '${out}/copy' && sync`),
      },
      {
        name: OURS,
        prepare: before(space.path("vault")),
        command: () => space.lockstep("vault", "restore", "bench", "--to-dir", out),
      },
    ];
    if (cache === "warm") {
      list.push(
        {
          name: "restic",
          prepare: before(space.path("restic")),
          command: () => shell(`restic restore -q latest --target '${out}' && sync`, restic),
        },
        {
          name: "borg",
          prepare: before(space.path("borg")),
          command: () => shell(`mkdir '${out}' && cd '${out}' && borg extract ::one && sync`, borg),
        },
      );
    }
    const results = await race(list, space.runs);
    const ours = wallOf(results, OURS);
    const peak = results.find(({ name }) => name === OURS)?.peakBytes ?? 0;
    const toCopy = {
      text: "of the time of cat && sync",
      measured: ours / wallOf(results, COPY),
      kind: "most",
      unit: " ×",
    } as const;
    reports.push({
      title: `Restore to a new file, ${cache} cache`,
      results,
      claims:
        cache === "cold"
          ? [{ ...toCopy, limit: 0.75 }]
          : [
              { ...toCopy, limit: 0.65 },
              {
                text: "faster than restic",
                measured: wallOf(results, "restic") / ours,
                limit: 5,
                kind: "least",
                unit: " ×",
              },
              { text: "peak resident memory", measured: peak / 2 ** 20, limit: 384, kind: "most", unit: " MiB" },
            ],
    });
  }
  for (const name of ["restored", "restic", "borg"]) space.remove(name);
  return [...reports, await inPlace(space, image)];
}

async function inPlace(space: Workspace, image: string): Promise<CaseReport> {
  const target = space.path("target.raw");
  await run(shell(`cp '${image}' '${target}'`));
  const change = async (): Promise<void> => {
    changeShare(target, 0.01);
    await run(shell("sync"));
    await warm(target, space.path("vault"));
  };
  const disk = "disk";
  const results = await race(
    [
      { name: READ, prepare: change, command: () => shell(`cat '${target}' > /dev/null`) },
      {
        name: `${OURS} --in-place`,
        prepare: change,
        command: () => space.lockstep("vault", "restore", "bench", "--disk", disk, "--to", target, "--in-place"),
      },
    ],
    space.runs,
  );
  await run(shell(`cmp '${image}' '${target}'`));
  space.remove("target.raw");
  const measured = wallOf(results, `${OURS} --in-place`) / wallOf(results, READ);
  return {
    title: "Restore in place, 1 % differs, warm cache",
    results,
    claims: [{ text: "of the time of reading the target", measured, limit: 3.5, kind: "most", unit: " ×" }],
  };
}
