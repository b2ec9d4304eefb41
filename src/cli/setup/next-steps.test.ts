import assert from "node:assert/strict";
import { test } from "node:test";

import { nextSteps } from "#cli/setup/next-steps.ts";
import { commandTable } from "#cli/program/command-table.ts";

const commands = (setting: Parameters<typeof nextSteps>[0]): readonly string[] =>
  nextSteps(setting)
    .slice(1)
    .map((line) => /^ {2}lockstep ((?:[a-z]+ ?)+)/.exec(line)?.[1]?.trim() ?? line);

test("after a vault is made, each thing that is left to do is named by its command", () => {
  const all = ["scan", "key import", "protect", "backup", "place add", "kit check", "status"];
  assert.deepEqual(commands({ keyStore: true, kitUnchecked: true }), all);
  const known = new Set(commandTable.map(({ words }) => words.join(" ")));
  assert.deepEqual(
    all.filter((command) => !known.has(command)),
    [],
  );
});

test("nothing is named that is done, or that there is nothing for", () => {
  assert.ok(!commands({ keyStore: true, kitUnchecked: false }).includes("kit check"));
  assert.deepEqual(commands({ keyStore: false, kitUnchecked: false }), ["scan", "protect", "backup", "status"]);
});
