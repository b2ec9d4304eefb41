import { testEveryCall } from "./every-call.ts";

testEveryCall(
  "a first backup",
  "an incremental backup",
  "a backup that goes on with another's work",
  "a backup that heals",
);
