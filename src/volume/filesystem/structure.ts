import type { Place } from "#volume/source/source.ts";

/** What a structure's bytes say of themselves. "shows nothing": the format does not keep it right at all times. */
export type Judgement = "right" | "wrong" | "shows nothing";

/** A part of a file system that can be told to be right by itself, at the place that the format gives it. */
export type Structure = {
  readonly place: Place;
  /** @param bytes  what is at the place; shorter where the volume ends, and then wrong */
  readonly judge: (bytes: Uint8Array) => Judgement | Promise<Judgement>;
};

/** Structures of one kind, by their numbers from 0: a file system may have millions. */
export type StructureFamily = { readonly count: number; readonly at: (index: number) => Structure };
