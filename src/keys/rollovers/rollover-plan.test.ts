import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { planRollover } from "#keys/rollovers/rollover-plan.ts";
import type { HeaderSeen, RolloverAim, RolloverState, RolloverTask } from "#keys/rollovers/rollover-plan.ts";

const copied: RolloverState = { step: "copied", slot: null };

function seen(given: Partial<HeaderSeen>): HeaderSeen {
  return { newOpens: [], oldOpens: ["keyslot 0"], freeSlots: [1, 2], ...given };
}

test("the new version goes into the lowest free keyslot, which is chosen once", () => {
  const first = planRollover(copied, seen({}), "forward");
  assert.deepEqual(first, { state: { step: "copied", slot: 1 }, task: { do: "add", slot: 1 } });
  const again = planRollover({ step: "copied", slot: 2 }, seen({}), "forward");
  assert.deepEqual(again, { state: { step: "copied", slot: 2 }, task: { do: "add", slot: 2 } });
});

test("a keyslot that somebody else has taken meanwhile is left to him", () => {
  const plan = planRollover({ step: "copied", slot: 1 }, seen({ freeSlots: [2] }), "forward");
  assert.deepEqual(plan, { state: { step: "copied", slot: 2 }, task: { do: "add", slot: 2 } });
  assert.equal(planRollover({ step: "copied", slot: 1 }, seen({ freeSlots: [] }), "forward"), "full");
});

test("the old protector is removed by its id once both versions open the volume, and not before", () => {
  const both = seen({ newOpens: ["keyslot 1"] });
  assert.deepEqual(planRollover({ step: "copied", slot: 1 }, both, "forward"), {
    state: { step: "tried", slot: 1 },
    task: { do: "remove", protector: "keyslot 0", by: "new" },
  });
});

test("it has ended once the new version alone opens the volume", () => {
  const state = { step: "tried", slot: 1 } as const;
  assert.deepEqual(planRollover(state, seen({ newOpens: ["keyslot 1"], oldOpens: [] }), "forward"), {
    state: { step: "removed", slot: 1 },
    task: { do: "nothing" },
  });
});

test("a new version that somebody removed is added again, and one that was added twice stays once", () => {
  assert.deepEqual(planRollover({ step: "tried", slot: 1 }, seen({}), "forward"), {
    state: { step: "copied", slot: 1 },
    task: { do: "add", slot: 1 },
  });
  const twice = seen({ newOpens: ["keyslot 1", "keyslot 3"], oldOpens: [] });
  assert.deepEqual(planRollover({ step: "tried", slot: 1 }, twice, "forward"), {
    state: { step: "tried", slot: 1 },
    task: { do: "remove", protector: "keyslot 3", by: "new" },
  });
});

test("a format that numbers no keyslots is never full", () => {
  assert.deepEqual(planRollover(copied, seen({ freeSlots: null }), "forward"), {
    state: { step: "copied", slot: null },
    task: { do: "add", slot: null },
  });
});

test("nothing follows where neither version opens the volume, and no way back where the new one alone does", () => {
  for (const aim of ["forward", "back"] as const)
    assert.equal(planRollover(copied, seen({ oldOpens: [] }), aim), "lost");
  assert.equal(planRollover(copied, seen({ newOpens: ["keyslot 1"], oldOpens: [] }), "back"), "only the new");
});

test("back: the new version is removed, where it is, and the old one stays", () => {
  assert.deepEqual(planRollover({ step: "tried", slot: 1 }, seen({ newOpens: ["keyslot 1"] }), "back"), {
    state: { step: "tried", slot: 1 },
    task: { do: "remove", protector: "keyslot 1", by: "old" },
  });
  assert.deepEqual(planRollover({ step: "tried", slot: 1 }, seen({}), "back"), {
    state: { step: "abandoned", slot: 1 },
    task: { do: "nothing" },
  });
});

type Opener = "old" | "new" | "other";

/** A LUKS1 header, as far as a rollover goes: who opens which of its eight keyslots. */
class ModelVolume {
  readonly slots = new Map<number, Opener>([
    [0, "old"],
    [5, "old"],
  ]);

  seen(): HeaderSeen {
    const by = (opener: Opener): string[] =>
      [...this.slots].filter(([, each]) => each === opener).map(([slot]) => `keyslot ${slot}`);
    const freeSlots = [0, 1, 2, 3, 4, 5, 6, 7].filter((slot) => !this.slots.has(slot));
    return { newOpens: by("new"), oldOpens: by("old"), freeSlots };
  }

  /** As cryptsetup does it: it fills no keyslot that is in use, and empties one only where the secret it gets opens another. */
  do(task: RolloverTask): void {
    if (task.do === "add" && task.slot !== null && !this.slots.has(task.slot)) this.slots.set(task.slot, "new");
    if (task.do !== "remove") return;
    const slot = Number(task.protector.replace("keyslot ", ""));
    if ([...this.slots].some(([each, opener]) => each !== slot && opener === task.by)) this.slots.delete(slot);
  }

  count(opener: Opener): number {
    return [...this.slots.values()].filter((each) => each === opener).length;
  }
}

type Event =
  /** A look, and its task, or not: the process was killed before it. */
  | { readonly kind: "step"; readonly done: boolean; readonly aim: RolloverAim }
  /** Somebody else fills or empties a keyslot. */
  | { readonly kind: "other"; readonly slot: number };

const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("step" as const), done: fc.boolean(), aim: aims() }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("other" as const), slot: fc.nat(7) }) },
  ),
  { maxLength: 30 },
);

function aims(): fc.Arbitrary<RolloverAim> {
  return fc.constantFrom("forward", "forward", "forward", "back");
}

function step(volume: ModelVolume, state: RolloverState, aim: RolloverAim, done: boolean): RolloverState {
  const plan = planRollover(state, volume.seen(), aim);
  if (typeof plan === "string") return state;
  const held = volume.count("old") + volume.count("new");
  const others = volume.count("other");
  if (done) volume.do(plan.task);
  assert.ok(volume.count("old") + volume.count("new") >= Math.min(held, 1), "there is a way in that we hold");
  assert.equal(volume.count("other"), others, "what is somebody else's stays");
  assert.ok(volume.count("new") <= 1, "no keyslot is filled twice");
  return plan.state;
}

test("killed anywhere, done twice, with others at work: there is a way in at each moment, and no keyslot too many at the end", () => {
  fc.assert(
    fc.property(events, (all) => {
      const volume = new ModelVolume();
      let state = copied;
      for (const event of all) {
        if (event.kind === "step") state = step(volume, state, event.aim, event.done);
        else if (volume.slots.has(event.slot)) volume.slots.delete(event.slot);
        else volume.slots.set(event.slot, "other");
      }
      for (let left = 0; left < 6; left++) state = step(volume, state, "forward", true);
      if (state.step === "removed" && volume.count("new") > 0) {
        assert.deepEqual([volume.count("old"), volume.count("new")], [0, 1]);
      } else {
        const end = planRollover(state, volume.seen(), "forward");
        assert.ok(end === "lost" || end === "full", JSON.stringify(end));
      }
    }),
    { numRuns: 2000 },
  );
});
