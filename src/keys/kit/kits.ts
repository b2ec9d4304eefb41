import { LockstepError } from "#errors/errors.ts";
import type { KeyStore } from "#keys/key-store.ts";

/** A kit as the store knows it: everything but its secret. */
export type Kit = {
  /** 8 hex digits: its set of shares. */
  readonly id: string;
  readonly createdMs: number;
  readonly threshold: number;
  /** Who has a share, by name. */
  readonly custodians: readonly string[];
  /** Ids of the custodian identities that there were when it was made. */
  readonly identities: readonly string[];
  /** `age1…`: what copies are encrypted to. */
  readonly recipient: string;
  /** Ids of the vaults that it opens. */
  readonly vaults: readonly string[];
  /** When its shares were last seen to open a copy and its vaults; null: never. */
  readonly checkedMs: number | null;
};

/** A kit must be checked again after this time. */
export const KIT_CHECK_MS = 366 * 24 * 60 * 60 * 1000;

/** The kit in use; null where none was made. */
export function currentKit({ db }: KeyStore): Kit | null {
  const row = db.prepare("SELECT * FROM kits WHERE replaced_ms IS NULL").get();
  if (row === undefined) return null;
  const list = (column: string): string[] => JSON.parse(String(row[column])) as string[];
  return {
    id: String(row["id"]),
    createdMs: Number(row["created_ms"]),
    threshold: Number(row["threshold"]),
    custodians: list("custodians"),
    identities: list("identities"),
    recipient: String(row["recipient"]),
    vaults: list("vaults"),
    checkedMs: row["checked_ms"] === null ? null : Number(row["checked_ms"]),
  };
}

/** Makes a kit the one in use. To be called inside a transaction. @throws {LockstepError} NAME_TAKEN: it is one already, or was */
export function adoptKit(
  store: KeyStore,
  kit: Pick<Kit, "id" | "threshold" | "custodians" | "recipient" | "vaults">,
): void {
  const { db, deps } = store;
  if (db.prepare("SELECT 1 FROM kits WHERE id = ?").get(kit.id) !== undefined) {
    throw new LockstepError("NAME_TAKEN", `adopting the kit ${kit.id}: there is one of this id, or there was`, {
      hint: "Make another one: `lockstep kit create`.",
    });
  }
  const nowMs = deps.now().epochMilliseconds;
  db.prepare("UPDATE kits SET replaced_ms = ? WHERE replaced_ms IS NULL").run(nowMs);
  db.prepare("INSERT INTO kits VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)").run(
    kit.id,
    nowMs,
    kit.threshold,
    JSON.stringify(kit.custodians),
    JSON.stringify(custodianIds(store)),
    kit.recipient,
    JSON.stringify(kit.vaults),
  );
}

/** Notes that the kit in use was seen to open everything, and these vaults. To be called inside a transaction. */
export function noteKitChecked({ db, deps }: KeyStore, { id, vaults }: Kit, opened: readonly string[]): void {
  const all = [...new Set([...vaults, ...opened])];
  db.prepare("UPDATE kits SET checked_ms = ?, vaults = ? WHERE id = ?").run(
    deps.now().epochMilliseconds,
    JSON.stringify(all),
    id,
  );
}

/** What makes a kit stale. */
export type KitSurroundings = {
  readonly nowMs: number;
  /** Ids of the custodian identities that there are. */
  readonly identities: readonly string[];
  /** Ids and names of the vaults that are enrolled and not retired. */
  readonly vaults: readonly { readonly id: string; readonly name: string }[];
};

/** Why a kit must be made or checked again, and by which command, in words; null while all is well. */
export function whyStale(kit: Kit, { nowMs, identities, vaults }: KitSurroundings): string | null {
  if (kit.identities.toSorted().join() !== identities.toSorted().join()) {
    return "the custodians changed since it was made: `lockstep kit create` makes a new one";
  }
  const unopened = vaults.filter(({ id }) => !kit.vaults.includes(id)).map(({ name }) => name);
  if (unopened.length > 0)
    return `it was not seen to open ${unopened.join(", ")}: \`lockstep vault enrol --kit\` lets it; then check it`;
  if (kit.checkedMs === null) return "it was never checked: `lockstep kit check`";
  return nowMs - kit.checkedMs >= KIT_CHECK_MS ? "it was not checked for 12 months: `lockstep kit check`" : null;
}

/** What the store has that decides whether its kit is stale. */
export function kitSurroundings(store: KeyStore): KitSurroundings {
  const vaults = store.db.prepare("SELECT id, name FROM vaults WHERE retired_ms IS NULL ORDER BY name").all();
  return {
    nowMs: store.deps.now().epochMilliseconds,
    identities: custodianIds(store),
    vaults: vaults.map((row) => ({ id: String(row["id"]), name: String(row["name"]) })),
  };
}

function custodianIds({ db }: KeyStore): readonly string[] {
  return db
    .prepare("SELECT id FROM identities WHERE role = 'custodian' AND revoked_ms IS NULL ORDER BY id")
    .all()
    .map(({ id }) => String(id));
}
