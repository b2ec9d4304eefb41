import { enableCompileCache } from "node:module";
import { join } from "node:path";
import process from "node:process";

// The program starts three times as fast with what was compiled before. It lies beside the program, where only those can
// write who can change the program itself; where nobody can, there is none.
enableCompileCache(join(import.meta.dirname, "../../node_modules/.cache/lockstep"));

const { run } = await import("#main/run.ts");
process.exit(await run());
