import assert from "node:assert/strict";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Trial } from "../cli/trial.ts";

/** What people read off the pages of a kit. */
export type PrintedKit = {
  /** In the order of the pages. */
  readonly shares: readonly string[];
  readonly signingKey: string;
};

/** Reads the pages of a kit as a person would: the groups in the frames. */
export function readKit(folder: string): PrintedKit {
  const names = readdirSync(folder).toSorted();
  return readPages(names.map((name) => readFileSync(join(folder, name), "utf8")));
}

export function readPages(pages: readonly string[]): PrintedKit {
  const groups = (page: string, from: string): string => {
    const [, block = ""] = /<pre>([^]*?)<\/pre>/.exec(page.slice(page.indexOf(from))) ?? [];
    return block
      .replaceAll(/<i>.*?<\/i>/g, "")
      .split(/\s+/)
      .filter((group) => group !== "")
      .join(" ");
  };
  const [first = ""] = pages;
  assert.notEqual(first, "", "the kit has no page");
  return {
    shares: pages.map((page) => groups(page, '<div class="share">')),
    signingKey: groups(first, '<div class="public">'),
  };
}

/** Writes shares to files of a trial, and gives the options that name them. */
export function shareOptions(trial: Trial, shares: readonly string[]): string {
  return shares
    .map((share, at) => {
      const path = trial.path(`share-${at}`);
      writeFileSync(path, `${share}\n`, { mode: 0o600 });
      return `--share-file ${path}`;
    })
    .join(" ");
}
