import { assertNamedAndHealed, testDamage } from "./damage-matrix.ts";

for (const singleDisk of [true, false])
  testDamage(singleDisk, ({ kind }) => kind.includes("data"), assertNamedAndHealed);
