import type { WayInfo, WayKind } from "#vault/keyring/unlock-way.ts";

/** What a kind of unlock way is called. */
export const wayWords: Readonly<Record<WayKind, string>> = { passphrase: "passphrase", keyfile: "key file" };

/** An unlock way as JSON shows it. docs/json.md */
export function shownWay({ id, kind, label, createdAt }: WayInfo): {
  readonly id: string;
  readonly kind: WayKind;
  readonly label: string;
  readonly createdAt: string;
} {
  return { id, kind, label, createdAt: createdAt.toString({ smallestUnit: "second" }) };
}
