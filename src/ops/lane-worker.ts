import { parentPort } from "node:worker_threads";

import type { ToLane } from "#ops/lane-protocol.ts";
import { startLane } from "#ops/lane.ts";

/* The entry point of a lane's worker thread. */

const port = parentPort;
if (port !== null) {
  const receive = startLane((message) => port.postMessage(message));
  port.on("message", (message: ToLane) => receive(message));
}
