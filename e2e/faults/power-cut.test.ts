import { test } from "node:test";

import { cutEverywhere, vaultOnDisk } from "./power-cut-rig.ts";

test("a power cut at any file operation of a backup and a prune loses nothing that was answered", async () => {
  await cutEverywhere(
    await vaultOnDisk(),
    async (whole, allow) => {
      allow({ unanswered: whole.content });
      const client = await whole.open();
      await whole.backUp(client, { checkpointEvery: { minutes: 60, bytes: 16 * 1024 } });
      allow({});
      for (const { point } of (await whole.prune(client)).purged) whole.expected.delete(point);
    },
    { step: 1, outcomes: 2 },
  );
});
