import { assertNamedAndHealed, testDamage } from "./damage-matrix.ts";

testDamage(false, ({ kind }) => kind.includes("data"), assertNamedAndHealed);

// Without second copies the rest may be lost for good: that it fails clearly and is noticed is all there is.
testDamage(
  false,
  ({ kind }) => !kind.includes("data") && kind !== "the last log entry",
  () => undefined,
);
