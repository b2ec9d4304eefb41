import process from "node:process";

import { run } from "#main/run.ts";

process.exit(await run());
