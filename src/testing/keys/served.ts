import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout } from "node:timers/promises";

import { Idle } from "#server/idle.ts";
import { keyServer, listenAt } from "#server/key-server.ts";
import type { KeySide } from "#server/key-side.ts";
import { testKeySide } from "#testing/keys/key-side.ts";
import type { TestKeySide } from "#testing/keys/key-side.ts";

type Served = { readonly keys: TestKeySide; readonly idle: Idle; readonly socket: string; readonly log: string };

/**
 * A key side that listens on a socket in a folder of its own, until the test ends.
 *
 * @param parts      in the place of its own
 * @param receiveMs  how long a request may take until it is there
 */
export async function served(t: TestContext, parts: Partial<KeySide> = {}, receiveMs?: number): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-server-"));
  const [socket, log] = [join(folder, "socket"), join(folder, "log")];
  const keys = await testKeySide();
  const idle = new Idle(() => performance.now());
  const server = keyServer({ ...keys.side, ...parts }, idle, log, receiveMs);
  await listenAt(server, socket);
  t.after(async () => {
    await server.close();
    await idle.quiet();
    keys[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  return { keys, idle, socket, log };
}

/** The first lines about requests in a server's log, once there are so many: it is written beside the answers. */
export async function loggedLines(log: string, count: number): Promise<Readonly<Record<string, unknown>>[]> {
  for (;;) {
    const lines = readFileSync(log, "utf8").split("\n").slice(0, -1);
    const all = lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => "route" in line);
    if (all.length >= count) return all;
    await setTimeout(10);
  }
}
