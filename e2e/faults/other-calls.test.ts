import { testEveryCall } from "./every-call.ts";

testEveryCall(
  "deleting a point",
  "undeleting a point",
  "a check of a sound vault",
  "a check that logs damage",
  "a check that writes anew what reads well again",
  "adding an unlock way",
  "removing an unlock way",
  "reading a point back",
  "creating a machine",
);
