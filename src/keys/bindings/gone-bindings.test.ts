import assert from "node:assert/strict";
import { test } from "node:test";

import { act } from "#keys/access/act.ts";
import { retireBinding, saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding, NewBinding } from "#keys/bindings/bindings.ts";
import { goneBindings, goneFromNewestPoint } from "#keys/bindings/gone-bindings.ts";
import type { ReportedVolume } from "#keys/needs/report-plan.ts";
import { itself } from "#keys/store/model.ts";
import { NeedsWorld, digestOf, idOf, worldPoint, worldVolume } from "#testing/keys/needs-world.ts";
import type { WorldPoint } from "#testing/keys/needs-world.ts";
import { someBinding, somePlace } from "#testing/keys/some-binding.ts";

test("gone are bindings to protectors that the header lacks, and of another volume in its place", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const version = world.version("web01").id;
  const saved = (more: Partial<NewBinding>): Binding =>
    act(store, itself, { act: "test", subject: "" }, () => saveBinding(store, someBinding({ version, ...more })));
  saved({});
  const slot1 = saved({ protector: digestOf("slot 1") });
  const before = saved({ volumeIdentity: digestOf("before the re-encryption"), place: somePlace });
  saved({ volumeIdentity: digestOf("elsewhere"), place: { ...somePlace, machine: "db01" } });
  const facts = { identity: digestOf("root"), protectors: [{ fingerprint: digestOf("slot 0") }] };
  const gone = (where: typeof somePlace | null): string[] => goneBindings(store, facts, where).map(({ id }) => id);
  assert.deepEqual(new Set(gone(somePlace)), new Set([slot1.id, before.id]));
  assert.deepEqual(gone(null), [slot1.id]);
  act(store, itself, { act: "test", subject: "" }, () => retireBinding(store, slot1.id));
  assert.deepEqual(gone(somePlace), [before.id]);
});

test("the newest point of a machine shows what is gone: not what was bound since, nor what is another machine's", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const header = (...slots: readonly string[]): ReportedVolume => worldVolume("root", ...slots);
  const pointOf = (label: string, volume: ReportedVolume): WorldPoint => {
    return { ...worldPoint(label, [volume]), capturedMs: store.deps.now().epochMilliseconds };
  };
  const gone = (machine: string): readonly string[] =>
    goneFromNewestPoint(store, { vault: idOf("vault"), machine: idOf(machine) }).map(({ id }) => id);
  assert.deepEqual(gone("web01"), []);

  const old = world.bind(world.version("old"), header("slot 0"), "slot 0", { live: true });
  world.leap(1);
  const before = pointOf("before", header("slot 0"));
  world.report([before]);
  assert.deepEqual(gone("web01"), []);
  world.leap(1);
  const after = pointOf("after", header("slot 1"));
  world.report([before, after]);
  assert.deepEqual(gone("web01"), [old.id]);

  world.leap(1);
  world.bind(world.version("since"), header("slot 2"), "slot 2", { live: true });
  assert.deepEqual(gone("web01"), [old.id]);
  world.report([pointOf("clone", header("slot 3"))], { machine: "web02" });
  assert.deepEqual(gone("web02"), []);
  act(store, itself, { act: "test", subject: "" }, () => retireBinding(store, old.id));
  assert.deepEqual(gone("web01"), []);
});

test("what another vault's machine or volume may have is none of this vault's", async () => {
  const [old, since] = [worldVolume("root", "slot 0"), worldVolume("root", "slot 1")];
  const other = { vault: "other", machine: "web01" };
  for (const { reported, found } of [
    { reported: null, found: 1 },
    { reported: [worldVolume("another volume", "slot 2")], found: 0 }, // a machine of the same name
    { reported: [old], of: { vault: "other", machine: "db01" }, found: 0 }, // the same volume
    { reported: [worldVolume("another volume", "slot 2")], of: { vault: "other", machine: "db01" }, found: 1 },
  ].map((each) => ({
    ...each,
    reported: each.reported === null ? null : { volumes: each.reported, of: each.of ?? other },
  }))) {
    using world = await NeedsWorld.make();
    world.enrol("other");
    world.bind(world.version("old"), old, "slot 0", { live: true });
    world.leap(1);
    const capturedMs = world.store.deps.now().epochMilliseconds;
    world.report([{ ...worldPoint("after", [since]), capturedMs }]);
    if (reported !== null) world.report([worldPoint("theirs", reported.volumes)], reported.of);
    const gone = goneFromNewestPoint(world.store, { vault: idOf("vault"), machine: idOf("web01") });
    assert.equal(gone.length, found);
  }
});
