import { dropCaches, race, run, shell, warm } from "../measure.ts";
import type { Contender, Result } from "../measure.ts";
import { wallOf } from "../report.ts";
import type { CaseReport } from "../report.ts";
import { peers } from "../peers.ts";
import type { Workspace } from "../workspace.ts";

const COPY = "cat && sync";
const RESTIC = "restic";
const BORG = "borg";
const OURS = "lockstep backup";

/** A first backup of an image that neither compresses nor repeats, with a warm and with a cold cache. */
export async function full(space: Workspace): Promise<readonly CaseReport[]> {
  const image = space.image();
  const reports: CaseReport[] = [];
  for (const cache of ["warm", "cold"] as const) {
    const before = async (): Promise<void> => {
      await run(shell("sync"));
      await (cache === "warm" ? warm(image) : dropCaches());
    };
    const results = await race(contenders(space, image, before, cache === "warm"), space.runs);
    reports.push({ title: `Full backup, ${cache} cache`, results, claims: claims(results, cache) });
  }
  return reports;
}

function claims(results: readonly Result[], cache: "warm" | "cold"): CaseReport["claims"] {
  const ours = wallOf(results, OURS);
  const peak = results.find(({ name }) => name === OURS)?.peakBytes ?? 0;
  const toCopy = { text: "of the time of cat && sync", measured: ours / wallOf(results, COPY), kind: "most" } as const;
  if (cache === "cold") return [{ ...toCopy, limit: 0.75, unit: " ×" }];
  return [
    { ...toCopy, limit: 0.7, unit: " ×" },
    { text: "faster than restic", measured: wallOf(results, RESTIC) / ours, limit: 8, kind: "least", unit: " ×" },
    { text: "faster than borg", measured: wallOf(results, BORG) / ours, limit: 6, kind: "least", unit: " ×" },
    { text: "peak resident memory", measured: peak / 2 ** 20, limit: 384, kind: "most", unit: " MiB" },
  ];
}

function contenders(space: Workspace, image: string, before: () => Promise<void>, all: boolean): Contender[] {
  const copy = space.path("copy");
  const simple = (name: string, script: string): Contender => ({
    name,
    prepare: async () => {
      space.remove("copy");
      await before();
    },
    command: () => shell(script),
  });
  const list: Contender[] = [
    simple(COPY, `cat '${image}' > '${copy}' && sync`),
    {
      name: OURS,
      prepare: async () => {
        space.remove("copy");
        await space.newVault("vault", "bench", image);
        await before();
      },
      command: () => space.lockstep("vault", "backup", "bench"),
    },
    simple("dd to direct output", `dd if='${image}' of='${copy}' bs=8M oflag=direct conv=fsync status=none`),
    simple(
      "qemu-img convert -t none -T none -W",
      `qemu-img convert -t none -T none -W -f raw -O raw '${image}' '${copy}' && sync '${copy}'`,
    ),
  ];
  if (!all) return list;
  const { restic, borg } = peers(space);
  list.push(
    {
      name: RESTIC,
      prepare: async () => {
        space.remove("restic");
        await run(shell("restic init -q", restic));
        await before();
      },
      command: () => shell(`restic backup -q '${image}' && sync`, restic),
    },
    {
      name: BORG,
      prepare: async () => {
        space.remove("borg");
        await run(shell("borg init -e repokey-blake2", borg));
        await before();
      },
      command: () => shell(`borg create -C none --chunker-params fixed,4194304 ::one '${image}' && sync`, borg),
    },
  );
  return list;
}
