import { testDamage } from "./damage-matrix.ts";

// Without second copies the rest may be lost for good: that it fails clearly and is noticed is all there is.
testDamage(
  false,
  ({ kind }) => !kind.includes("data"),
  () => undefined,
);
