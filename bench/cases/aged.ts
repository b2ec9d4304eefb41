import { race, run, shell, warm } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { changeShare } from "../workspace.ts";
import type { Workspace } from "../workspace.ts";

const INCREMENTS = 100;

/** A restore of a disk that was backed up a hundred times with 1 % changed in between, against one that was backed up once. */
export async function aged(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.path("aged.raw");
  await run(shell(`cp '${space.image()}' '${image}'`));
  await space.newVault("aged-vault", "bench", image);
  await run(space.lockstep("aged-vault", "backup", "bench"));
  for (let i = 0; i < INCREMENTS; i++) {
    changeShare(image, 0.01);
    await run(space.lockstep("aged-vault", "backup", "bench"));
  }
  await space.newVault("fresh-vault", "bench", image);
  await run(space.lockstep("fresh-vault", "backup", "bench"));
  const out = space.path("restored");
  const contender = (name: string, vault: string) => ({
    name,
    prepare: async (): Promise<void> => {
      space.remove("restored");
      await run(shell("sync"));
      await warm(space.path(vault));
    },
    command: () => space.lockstep(vault, "restore", "bench", "--to-dir", out),
  });
  const results = await race(
    [contender("fresh", "fresh-vault"), contender(`after ${INCREMENTS} increments of 1 %`, "aged-vault")],
    space.runs,
  );
  for (const name of ["restored", "aged.raw", "aged-vault", "fresh-vault"]) space.remove(name);
  const measured = wallOf(results, `after ${INCREMENTS} increments of 1 %`) / wallOf(results, "fresh");
  return [
    {
      title: "Restore of an aged disk, warm cache",
      results,
      claims: [{ text: "of the time of a fresh one", measured, limit: 1.3, kind: "most", unit: " ×" }],
    },
  ];
}
