import { segmentId } from "#vault/object/ids.ts";
import type { SegmentId, SessionId } from "#vault/object/ids.ts";

/** Gives the segments of one session their names; each name once. */
export class SegmentNames {
  readonly #session: SessionId;
  #next = 0;

  constructor(session: SessionId) {
    this.#session = session;
  }

  next(): SegmentId {
    return segmentId(this.#session, this.#next++);
  }
}
