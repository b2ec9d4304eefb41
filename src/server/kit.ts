import type { KitFacts, kitRoutes } from "#api/kit.ts";
import { LockstepError } from "#errors/errors.ts";
import { act } from "#keys/access/act.ts";
import { loadChain } from "#keys/copies/stored-copies.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { adoptKit, currentKit, kitSurroundings, noteKitChecked, whyStale } from "#keys/kit/kits.ts";
import type { Kit } from "#keys/kit/kits.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull } from "#server/instants.ts";

export const kitAnswers: Answers<keyof typeof kitRoutes> = {
  "kit.show": {
    subject: () => "kit",
    handle: ({ store }) => {
      const kit = currentKit(store);
      return { kit: kit === null ? null : shownKit(store, kit) };
    },
  },
  "kit.adopt": {
    subject: ({ id }) => `kit ${id}`,
    audits: true,
    handle: ({ store }, caller, { id, threshold, custodians, recipient, vaults }) => {
      if (threshold > custodians.length) {
        throw new LockstepError("ARGUMENT_INVALID", `a kit of ${custodians.length} shares cannot need ${threshold}`);
      }
      const detail = { threshold, shares: custodians.length };
      act(store, caller, { act: "kit.adopt", subject: `kit ${id}`, detail }, () =>
        adoptKit(store, { id, threshold, custodians, recipient, vaults }),
      );
      return {};
    },
  },
  "kit.checked": {
    subject: ({ id }) => `kit ${id}`,
    audits: true,
    handle: ({ store }, caller, { id, epoch, number, vaults }) => {
      act(store, caller, { act: "kit.checked", subject: `kit ${id}`, detail: { epoch, number } }, () => {
        const kit = refuseOther(store, id, epoch, number);
        refuseUntried(store, kit, vaults);
        noteKitChecked(store, kit, enrolled(store, vaults));
      });
      const kit = currentKit(store);
      if (kit === null) throw new Error("the kit that was checked is gone");
      return { kit: shownKit(store, kit) };
    },
  },
};

/**
 * Only the kit in use can be said to have been checked, and only by the newest full copy, or one that goes on from it: others may be written
 * while it is tried, and they are for the same kit.
 */
function refuseOther(store: KeyStore, id: string, epoch: number, number: number): Kit {
  const kit = currentKit(store);
  const [full] = loadChain(store);
  if (kit?.id !== id) {
    throw new LockstepError(
      "KIT_REJECTED",
      `the kit ${id} is not the one in use${kit === null ? "" : `, which is ${kit.id}`}`,
      {
        hint: "Use the pages of the newest kit, and destroy older ones.",
      },
    );
  }
  if (full === undefined || full.kit !== id || epoch !== store.facts().epoch || number < full.number) {
    throw new LockstepError("KIT_REJECTED", `the kit ${id} was not tried on the newest copy of the key store`, {
      hint: "`lockstep copy make` writes one; then check the kit again.",
    });
  }
  return kit;
}

/** Those of some vaults that the key store knows. */
function enrolled(store: KeyStore, vaults: readonly string[]): readonly string[] {
  const known = new Set(kitSurroundings(store).vaults.map(({ id }) => id));
  return vaults.filter((id) => known.has(id));
}

/** A vault that is enrolled and that the kit is for has to be among those that it opened. */
function refuseUntried(store: KeyStore, kit: Kit, opened: readonly string[]): void {
  const untried = kitSurroundings(store).vaults.find(({ id }) => kit.vaults.includes(id) && !opened.includes(id));
  if (untried === undefined) return;
  throw new LockstepError("KIT_REJECTED", `the kit ${kit.id} was not tried on the vault ${untried.name}`, {
    hint: "Name it by --also-vault. Where it is gone, a custodian retires it: `lockstep vault retire`.",
  });
}

function shownKit(store: KeyStore, kit: Kit): KitFacts {
  return {
    id: kit.id,
    createdAt: instantText(kit.createdMs),
    threshold: kit.threshold,
    custodians: [...kit.custodians],
    vaults: [...kit.vaults],
    checkedAt: instantTextOrNull(kit.checkedMs),
    stale: whyStale(kit, kitSurroundings(store)),
  };
}
