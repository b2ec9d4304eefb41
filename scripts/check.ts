import { spawn } from "node:child_process";
import process from "node:process";

/** Unit tests share a process, since one for each file would take longer to start than to run; two use two cores. */
const SHARDS = [1, 2];

const unitTests = (shard: number): string[] => [
  process.execPath,
  "--test",
  "--test-isolation=none",
  "--test-reporter=dot",
  `--test-shard=${shard}/${SHARDS.length}`,
  "src/**/*.test.ts",
];

const steps: readonly (readonly string[])[] = [
  ["npm", "run", "-s", "check:types"],
  ["npm", "run", "-s", "check:lint"],
  ["npm", "run", "-s", "check:format"],
  ...SHARDS.map(unitTests),
];

/** Runs a command to its end, and gives its output. */
async function run([program = "", ...words]: readonly string[]): Promise<{ isGood: boolean; said: string }> {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const keep = (text: Buffer): void => void (said += text.toString());
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { isGood: status === 0, said };
}

const results = await Promise.all(
  steps.map(async (step) => {
    const { isGood, said } = await run(step);
    process.stdout.write(`${isGood ? "passed" : "FAILED"}  ${step.join(" ")}\n${isGood ? "" : said}`);
    return isGood;
  }),
);
process.exitCode = results.includes(false) ? 1 : 0;
