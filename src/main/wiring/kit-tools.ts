import { receiptText } from "#api/needs.ts";
import { base32Bytes, base32Groups, groupCount, mistypedGroups } from "#bytes/base32-text.ts";
import type { Secret } from "#bytes/secret.ts";
import { fromBase64, utf8 } from "#bytes/text.ts";
import type { App } from "#cli/app/app.ts";
import type { FoundCopies, KitTools, NewKit, OpenedKit } from "#cli/app/kit-tools.ts";
import { ED25519_PUBLIC_BYTES, isSignedBy } from "#crypto/ed25519.ts";
import { LockstepError } from "#errors/errors.ts";
import { findCopies } from "#keys/copies/copy-search.ts";
import type { CopySearch } from "#keys/copies/copy-search.ts";
import { isCheckWord, newCheckWord } from "#keys/kit/check-word.ts";
import { kitPage } from "#keys/kit/kit-page.ts";
import { kitCopiesIdentity, kitSetId, kitVaultKey, kitWayLabel, newKitSecret } from "#keys/kit/kit-secret.ts";
import type { CopiesIdentity } from "#keys/kit/kit-secret.ts";
import { parseShare } from "#keys/kit/kit-share.ts";
import { combineShares, splitKit } from "#keys/kit/kit-shares.ts";
import { versionsInCopies } from "#keys/recovery/recover-store.ts";
import { signedBytes } from "#keys/store/key-ring.ts";
import { hideMemory } from "#linux/libc.ts";
import { tryInProcess } from "#main/wiring/kit-process.ts";

type Means = Pick<App, "random" | "now" | "signal">;

/** The search behind each result that `findCopies` gave. */
const searches = new WeakMap<FoundCopies, CopySearch>();

/** Whatever works with a kit's secret. This process' memory is kept from others from now on. */
export function kitToolsOf(means: Means): KitTools {
  hideMemory();
  return {
    make: (custodians, threshold) => makeKit(means, custodians, threshold),
    parseShare,
    tryKit: (shares, targets) => tryInProcess(shares, targets, means.signal),
    combine: async (shares) => openKit(await combineShares(shares), means),
    parseSigningKey,
    isReceiptSigned: (receipt, key) => {
      const { signature, ...signed } = receipt;
      const bytes = signedBytes("receipt", utf8(receiptText(signed)));
      return isSignedBy(key, bytes, fromBase64(signature) ?? new Uint8Array());
    },
    versionsIn: (found) => versionsInCopies(searchOf(found).chain),
    groupsOf: base32Groups,
  };
}

/** All that was found, of which `found` tells. @throws {LockstepError} COPY_REJECTED: nothing good */
export function searchOf(found: FoundCopies): CopySearch & { readonly chain: NonNullable<CopySearch["chain"]> } {
  const search = searches.get(found);
  if (search === undefined) throw new Error("copies that nobody searched for");
  if (search.chain !== null) return { ...search, chain: search.chain };
  const why = search.refused[0] ?? "there is none";
  throw new LockstepError("COPY_REJECTED", `looking for copies of the key store: no good one is there: ${why}`, {
    hint: "Name another place that copies went to by --place.",
  });
}

async function makeKit(means: Means, custodians: readonly string[], threshold: number): Promise<NewKit> {
  const { random, now } = means;
  using secret = newKitSecret(random);
  const shares = await splitKit(secret, { threshold, shares: custodians.length });
  const key = kitVaultKey(secret);
  const { recipient } = await kitCopiesIdentity(secret);
  const id = kitSetId(secret);
  return {
    id,
    threshold,
    custodians,
    recipient,
    way: { label: kitWayLabel(id), secret: { kind: "keyfile", key } },
    shares,
    pages: ({ storeId, signingKey, vaults }) =>
      shares.map((share, at) => {
        const custodian = custodians[at] ?? "";
        const checkWord = newCheckWord(random);
        const facts = {
          custodian,
          share,
          shares: shares.length,
          checkWord,
          madeAt: now(),
          storeId,
          signingKey,
          vaults,
        };
        return { custodian, html: kitPage(facts), isCheckWord: (typed) => isCheckWord(checkWord, typed) };
      }),
    [Symbol.dispose]: () => {
      key.wipe();
      for (const { part } of shares) part.wipe();
    },
  };
}

/** @param secret  wiped */
async function openKit(secret: Secret, { signal }: Means): Promise<OpenedKit> {
  using taken = secret;
  const key = kitVaultKey(taken);
  const identity: CopiesIdentity = await kitCopiesIdentity(taken);
  return {
    id: kitSetId(taken),
    vaultSecret: { kind: "keyfile", key },
    findCopies: async (places, signingKey) => {
      const search = await findCopies(identity, places, signingKey, signal);
      const found = { newest: newestOf(search), refused: search.refused, cut: search.cut };
      searches.set(found, search);
      return found;
    },
    [Symbol.dispose]: () => key.wipe(),
  };
}

function newestOf({ chain }: CopySearch): FoundCopies["newest"] {
  if (chain === null) return null;
  const { store, epoch, number, at } = (chain.copies.at(-1) ?? chain.copies[0]).header;
  return { storeId: store, epoch, number, at, signingKey: chain.signingKey };
}

function parseSigningKey(text: string): Uint8Array {
  const groups =
    text
      .normalize("NFKC")
      .replaceAll(/[\s-]/g, "")
      .match(/.{1,5}/gsu) ?? [];
  const count = groupCount(ED25519_PUBLIC_BYTES);
  const wrong =
    groups.length === count
      ? mistypedGroups(groups, ED25519_PUBLIC_BYTES).map((group) => `group ${group} is mistyped`)
      : [`it has ${groups.length} groups of five, and there are ${count}`];
  if (wrong.length === 0) return base32Bytes(groups, ED25519_PUBLIC_BYTES);
  throw new LockstepError("KIT_INVALID", `reading the copy-signing key: ${wrong.join(", ")}`, {
    hint: "Type it as the page of the kit prints it.",
  });
}
