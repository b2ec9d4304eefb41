import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { needsOf } from "#keys/needs/needs.ts";
import { QUARANTINE_DAYS } from "#keys/vaults/quarantine.ts";
import type { Version } from "#keys/versions/versions.ts";
import { NeedsWorld, idOf, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";

const machines = ["web01", "db01"] as const;
const volumeNames = ["root", "data"] as const;
const slots = ["slot 0", "slot 1", "slot 2"] as const;

/** What a report says of a point: for each of its volumes, the protectors. */
type Said = { readonly point: string; readonly volumes: readonly { name: string; slots: readonly string[] }[] };

/** A report as it came: on which day of the clock, and what it said. */
type Past = { readonly day: number; readonly said: readonly Said[] };

type Step =
  | { readonly kind: "report"; machine: string; said: readonly Said[]; times: number; pace: Pace }
  | { readonly kind: "clock"; days: number }
  | { readonly kind: "bind"; version: number; volume: string; slot: string }
  | { readonly kind: "tried"; version: number; volume: string };

/** Where the clock goes before each report: on, nowhere, back, or forward and back in turn. */
type Pace = "on" | "still" | "back" | "to and fro";
const strides: Readonly<Record<Pace, (report: number) => number>> = {
  on: () => 1,
  still: () => 0,
  back: () => -1,
  "to and fro": (report) => (report % 2 === 0 ? 1 : -1),
};

const everything: readonly Said[] = ["p", "q"].map((point) => ({
  point,
  volumes: volumeNames.map((name) => ({ name, slots: [...slots] })),
}));

/** Everything, nothing, less of the same, and anything. */
const said: fc.Arbitrary<readonly Said[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant(everything) },
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 2, arbitrary: fc.constant([{ point: "p", volumes: [] }]) },
  { weight: 1, arbitrary: fc.constant([{ point: "p", volumes: [{ name: "root", slots: ["slot 1", "slot 2"] }] }]) },
  {
    weight: 1,
    arbitrary: fc.uniqueArray(
      fc.record({
        point: fc.constantFrom("p", "q"),
        volumes: fc.uniqueArray(
          fc.record({
            name: fc.constantFrom(...volumeNames),
            slots: fc.uniqueArray(fc.constantFrom(...slots), { minLength: 1 }),
          }),
          { selector: ({ name }) => name },
        ),
      }),
      { selector: ({ point }) => point },
    ),
  },
);

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("report" as const),
      machine: fc.constantFrom("web01", "web01", "web01", "db01"),
      said,
      // One, as many as never end a quarantine, one more, and as many as would if any counted that do not.
      times: fc.constantFrom(1, 1, QUARANTINE_DAYS, QUARANTINE_DAYS + 1, 2 * QUARANTINE_DAYS + 4),
      pace: fc.constantFrom<Pace>("on", "on", "on", "still", "back", "to and fro"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("clock" as const), days: fc.constantFrom(-4000, -45, 4000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("bind" as const),
      version: fc.nat(1),
      volume: fc.constantFrom(...volumeNames),
      slot: fc.constantFrom(...slots),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("tried" as const),
      version: fc.nat(1),
      volume: fc.constantFrom(...volumeNames),
    }),
  },
);

/** The promise, from the history of a machine's reports alone: points that may not yet have stopped needing a protector. */
function pointsInNeed(history: readonly Past[], volume: string, slot: string): Set<string> {
  const points = new Set<string>();
  for (const name of ["p", "q"]) {
    const has = ({ said: all }: Past): boolean =>
      all.some(
        ({ point, volumes }) =>
          point === name && volumes.some((one) => one.name === volume && one.slots.includes(slot)),
      );
    const last = history.findLastIndex(has);
    if (last === -1) continue;
    const seen = new Set(history.slice(0, last + 2).map(({ day }) => day)); // up to the first report without it
    const counted = new Set(history.slice(last + 2).map(({ day }) => day)).difference(seen);
    if (counted.size < QUARANTINE_DAYS) points.add(name);
  }
  return points;
}

/** A world, what was reported in it, and what was bound. */
class Run {
  readonly world: NeedsWorld;
  readonly versions: readonly Version[];
  readonly #bound: { readonly version: number; readonly volume: string; readonly slot: string }[] = [];
  readonly #history = new Map<string, Past[]>(machines.map((machine) => [machine, []]));
  #day = 0;

  constructor(world: NeedsWorld) {
    this.world = world;
    this.versions = [world.version("a"), world.version("b")];
    this.#bind({ version: 0, volume: "root", slot: "slot 0" });
    this.#bind({ version: 1, volume: "data", slot: "slot 1" });
    this.report("web01", everything);
  }

  /** Does a step, and looks at the promise. */
  do(step: Step): void {
    const { world } = this;
    if (step.kind === "clock") this.#leap(step.days);
    if (step.kind === "bind") this.#bind(step);
    if (step.kind === "tried") world.tried(this.#version(step.version), worldVolume(step.volume, ...slots));
    if (step.kind === "report") {
      for (let report = 0; report < step.times; report++) {
        this.#leap(strides[step.pace](report));
        this.report(step.machine, step.said);
      }
    }
    this.check();
  }

  report(machine: string, all: readonly Said[]): void {
    const points = all.map(({ point, volumes }) =>
      worldPoint(
        point,
        volumes.map(({ name, slots: has }) => worldVolume(name, ...has)),
      ),
    );
    this.world.report(points, { machine });
    this.#history.get(machine)?.push({ day: this.#day, said: all });
  }

  /** On days that no clock has shown, both machines report nothing any more. */
  forget(): void {
    this.#leap(100_000 - this.#day);
    for (let day = 0; day <= QUARANTINE_DAYS; day++) {
      this.#leap(1);
      for (const machine of machines) this.report(machine, []);
    }
  }

  check(): void {
    for (const [index, version] of this.versions.entries()) {
      const refusal = this.world.refusal(version);
      const listed = new Set(needsOf(this.world.store, version).map(({ point }) => point));
      for (const { volume, slot } of this.#bound.filter((binding) => binding.version === index)) {
        for (const history of this.#history.values()) {
          for (const point of pointsInNeed(history, volume, slot)) {
            assert.ok(refusal !== null && listed.has(idOf(point)), `${point} needs ${version.keyName}`);
          }
        }
      }
    }
  }

  #bind(binding: { readonly version: number; readonly volume: string; readonly slot: string }): void {
    this.world.bind(this.#version(binding.version), worldVolume(binding.volume), binding.slot);
    this.#bound.push(binding);
  }

  #version(index: number): Version {
    const version = this.versions[index];
    assert.ok(version);
    return version;
  }

  #leap(days: number): void {
    this.#day += days;
    this.world.leap(days);
  }
}

test("no reports and no clock free a version before the counted days of its quarantine, and in the end all is freed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), async (steps) => {
      using world = await NeedsWorld.make();
      const run = new Run(world);
      for (const one of steps) run.do(one);
      run.forget();
      assert.deepEqual(
        run.versions.map((version) => world.refusal(version)),
        [null, null],
      );
      assert.deepEqual(world.store.db.prepare("SELECT 1 FROM headers").all(), []);
    }),
    { numRuns: 12 },
  );
});
