import assert from "node:assert/strict";
import { test } from "node:test";

import { act } from "#keys/access/act.ts";
import { mergedBinding, retireBinding, saveBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { itself } from "#keys/store/model.ts";
import type { BindingId } from "#keys/store/model.ts";
import { NeedsWorld } from "#testing/keys/needs-world.ts";
import { someBinding, somePlace } from "#testing/keys/some-binding.ts";

const old = (more: Partial<Binding>): Binding => ({
  ...someBinding(),
  id: "id" as BindingId,
  boundMs: 1,
  retiredMs: null,
  ...more,
});

test("a binding that was made from a point becomes a live one, and never the other way round", () => {
  const point = old({ source: "point", boundBy: "bob", place: somePlace });
  const live = mergedBinding(point, { ...someBinding(), boundMs: 9 });
  assert.deepEqual([live.source, live.boundBy, live.boundMs, live.place], ["live", "ann", 9, somePlace]);
  const again = mergedBinding(old({ boundBy: "bob" }), {
    ...someBinding({ source: "point", place: somePlace }),
    boundMs: 9,
  });
  assert.deepEqual([again.source, again.boundBy, again.boundMs, again.place], ["live", "bob", 1, somePlace]);
});

test("a retired binding counts again once its protector is seen live, not when a point has it", () => {
  const retired = old({ retiredMs: 5 });
  assert.equal(mergedBinding(retired, { ...someBinding(), boundMs: 9 }).retiredMs, null);
  assert.equal(mergedBinding(retired, { ...someBinding({ source: "import" }), boundMs: 9 }).retiredMs, null);
  assert.equal(mergedBinding(retired, { ...someBinding({ source: "point" }), boundMs: 9 }).retiredMs, 5);
});

test("retiring twice keeps the first date; a binding that is not there cannot be retired", async () => {
  using world = await NeedsWorld.make();
  const { store } = world;
  const version = world.version("web01").id;
  const inAct = <T>(work: () => T): T => act(store, itself, { act: "test", subject: "" }, work);
  const { id } = inAct(() => saveBinding(store, someBinding({ version })));
  const first = inAct(() => retireBinding(store, id));
  world.leap(1);
  assert.deepEqual(
    inAct(() => retireBinding(store, id)),
    first,
  );
  assert.throws(() => inAct(() => retireBinding(store, "none")), { code: "NAME_UNKNOWN" });
});
