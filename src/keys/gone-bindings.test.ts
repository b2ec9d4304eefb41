import assert from "node:assert/strict";
import { test } from "node:test";

import { act } from "#keys/act.ts";
import { retireBinding, saveBinding } from "#keys/bindings.ts";
import type { Binding, NewBinding } from "#keys/bindings.ts";
import { goneBindings } from "#keys/gone-bindings.ts";
import { itself } from "#keys/model.ts";
import { NeedsWorld, digestOf } from "#testing/needs-world.ts";

const place = { machine: "web01", disk: "root", volume: "2" };

function seen(more: Partial<NewBinding> = {}): NewBinding {
  return {
    version: "version" as NewBinding["version"],
    protector: digestOf("slot 0"),
    volumeIdentity: digestOf("root"),
    protectorId: "keyslot 0",
    protectorKind: "passphrase",
    volumeFormat: "luks2",
    volumeUuid: "3f6b0f3e-8d0c-4a52-9d0c-6f1f3c1f9b11",
    place: null,
    source: "live",
    boundBy: "ann",
    ...more,
  };
}

test("gone are bindings to protectors that the header lacks, and of another volume in its place", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const version = world.version("web01").id;
  const saved = (more: Partial<NewBinding>): Binding =>
    act(store, itself, { act: "test", subject: "" }, () => saveBinding(store, seen({ version, ...more })));
  saved({});
  const slot1 = saved({ protector: digestOf("slot 1") });
  const before = saved({ volumeIdentity: digestOf("before the re-encryption"), place });
  saved({ volumeIdentity: digestOf("elsewhere"), place: { ...place, machine: "db01" } });
  const facts = { identity: digestOf("root"), protectors: [{ fingerprint: digestOf("slot 0") }] };
  const gone = (where: typeof place | null): string[] => goneBindings(store, facts, where).map(({ id }) => id);
  assert.deepEqual(new Set(gone(place)), new Set([slot1.id, before.id]));
  assert.deepEqual(gone(null), [slot1.id]);
  act(store, itself, { act: "test", subject: "" }, () => retireBinding(store, slot1.id));
  assert.deepEqual(gone(place), [before.id]);
});
