import { parentPort } from "node:worker_threads";

import type { FromLane, ToLane } from "#ops/lanes/lane-protocol.ts";
import { startLane } from "#ops/lanes/lane.ts";

/* The entry point of a lane's worker thread. */

const port = parentPort;
if (port !== null) {
  const post = (message: FromLane): void => port.postMessage(message);
  const receive = startLane(post);
  port.on("message", (message: ToLane) => receive(message));
  post({ type: "ready" });
}
