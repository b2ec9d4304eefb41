import type { WayInfo } from "#vault/keyring/unlock-way.ts";

/** Whether an unlock way of a vault is that of a kit: docs/format/kit.md. */
export function isKitWay({ label }: Pick<WayInfo, "label">): boolean {
  return /^kit [0-9a-f]{8}$/.test(label);
}

/** Whether a vault has the unlock way of a kit, by its label. Does not try it: `kit check` does. @param kit 8 hex digits */
export function hasKitWay(ways: readonly Pick<WayInfo, "label">[], kit: string): boolean {
  return ways.some(({ label }) => label === `kit ${kit}`);
}
