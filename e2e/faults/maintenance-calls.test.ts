import { testEveryCall } from "./every-call.ts";

testEveryCall("a prune that closes, deletes, purges, sweeps and rewrites", "a re-keying");
