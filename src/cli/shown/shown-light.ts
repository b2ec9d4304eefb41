import type { PointLight } from "#ops/points/point-light.ts";

/** A point's light as JSON shows it. docs/json.md, "A light" */
export function shownLight({ light, reasons, versions, openedAt, carriedOver, lost }: PointLight): object {
  return {
    light,
    reasons: reasons.map(({ light: of, code, words }) => ({ light: of, code, words })),
    openedWith: versions,
    openedAt: openedAt?.toString() ?? null,
    carriedOver,
    lost: lost.map((each) => ({ where: each.where, openedAt: each.openedAt.toString(), verdict: each.verdict })),
  };
}
