import type { ReplyOf } from "#api/routes.ts";
import { finding } from "#ops/doctor/doctor.ts";
import type { Finding } from "#ops/doctor/doctor.ts";
import { hasKitWay } from "#ops/keys/kit-way.ts";
import { whatThaws } from "#policy/frozen.ts";
import type { WayInfo } from "#vault/keyring/unlock-way.ts";

/** What a key side that answered says of itself, and who runs what. */
export type KeySideFacts = {
  readonly store: Pick<ReplyOf<"store.show">, "sealed" | "frozen" | "custodians" | "user">;
  readonly copies: Pick<ReplyOf<"copy.list">, "domains" | "damaged"> & {
    readonly places: readonly Pick<ReplyOf<"copy.list">["places"][number], "place" | "domain" | "failure">[];
  };
  readonly kit: Pick<NonNullable<ReplyOf<"kit.show">["kit"]>, "id" | "stale"> | null;
  /** The unlock ways of the vault; null where it was not opened. */
  readonly vaultWays: readonly Pick<WayInfo, "label">[] | null;
  /** Who has the key store's folder, by number; null: it is not on this host. */
  readonly keyOwner: number | null;
  /** Who has the vault's folder, or what this host keeps for it. */
  readonly backupOwner: number;
};

/** What of a key side is not as it should be. */
export function keySideFindings({
  store,
  copies,
  kit,
  vaultWays,
  keyOwner,
  backupOwner,
}: KeySideFacts): readonly Finding[] {
  const found: Finding[] = [];
  if (store.sealed) found.push(finding("KEY_STORE_SEALED", "the key store is sealed", "`lockstep keystore unseal`"));
  if (store.frozen !== null) {
    found.push(finding("KEY_STORE_FROZEN", `the key store is frozen: ${store.frozen}`, whatThaws(store.frozen)));
  }
  if (keyOwner === backupOwner) {
    const what = `not isolated: key side and backup side are the same user, ${store.user}`;
    found.push(finding("NOT_ISOLATED", what, "`lockstep setup system` makes two users of them: docs/system.md."));
  }
  if (store.custodians < 2) {
    const what = store.custodians === 1 ? "there is one custodian only" : "there is no custodian";
    found.push(finding("ONE_CUSTODIAN", what, "`lockstep identity add NAME --role custodian`, for another person."));
  }
  return [...found, ...copyFindings(copies), ...kitFindings(kit, vaultWays)];
}

function copyFindings({ domains, places, damaged }: KeySideFacts["copies"]): Finding[] {
  const found: Finding[] = [];
  const names = new Set(places.map(({ domain }) => domain));
  const working = new Set(places.filter(({ failure }) => failure === null).map(({ domain }) => domain));
  if (domains < 2 && working.size >= 2) {
    const what = `what changed last is in ${domains} of 2 places that do not fail together: it goes there within seconds`;
    found.push(finding("COPIES_FEW", what, "Ask again; `lockstep copy make` does it at once, and says what keeps it."));
  } else if (domains < 2) {
    const [only] = names;
    const what =
      names.size === 1 && places.length > 1
        ? `all ${places.length} places of copies of the key store fail together: ${only}`
        : `${domains} of 2 places that do not fail together have all of the key store`;
    const next =
      "`lockstep place add FOLDER --domain NAME`, somewhere else; `lockstep place list` shows what each has.";
    found.push(finding("COPIES_FEW", what, next));
  }
  for (const { place, failure } of places) {
    if (failure === null) continue;
    const next = "Mend it, or `lockstep place remove`; `lockstep copy make` tries again.";
    found.push(finding("COPY_FAILED", `the copy of the key store in ${place} failed: ${failure}`, next));
  }
  for (const version of damaged) {
    const what = `the value of ${version} is damaged in the key store's database, and copies since then lack it`;
    found.push(finding("VALUE_DAMAGED", what, `\`lockstep key heal ${version}\`: docs/keys.md.`));
  }
  return found;
}

function kitFindings(kit: KeySideFacts["kit"], vaultWays: KeySideFacts["vaultWays"]): Finding[] {
  if (kit === null) return [finding("KIT_MISSING", "there is no kit", "`lockstep kit create`")];
  const found: Finding[] = [];
  if (vaultWays !== null && !hasKitWay(vaultWays, kit.id)) {
    const what = `the kit ${kit.id} does not open the vault`;
    found.push(finding("KIT_WITHOUT_VAULT", what, "`lockstep vault enrol --kit` lets it, and asks for its shares."));
  }
  if (kit.stale !== null) {
    found.push(
      finding(
        "KIT_STALE",
        `the kit is stale: ${kit.stale}`,
        "docs/kit.md says what makes a kit stale, and what ends it.",
      ),
    );
  }
  return found;
}
