import type { ReplyOf } from "#api/routes.ts";
import type { SealFacts, storeRoutes } from "#api/store.ts";
import { base64 } from "#bytes/text.ts";
import { act } from "#keys/access/act.ts";
import { loadPolicy } from "#keys/access/policy.ts";
import { signHead } from "#keys/audit/audit-heads.ts";
import { addSeal, removableSeal, removeSeal } from "#keys/seal/change-seals.ts";
import { rekey } from "#keys/seal/rekey.ts";
import type { Rewrapped } from "#keys/seal/rewrap.ts";
import type { Seal } from "#keys/store/seal.ts";
import type { Answers } from "#server/handler.ts";
import { instantText } from "#server/instants.ts";
import { secretOf } from "#server/secret-input.ts";

export const storeAnswers: Answers<keyof typeof storeRoutes> = {
  "store.show": {
    subject: () => "store",
    handle: ({ store, user }) => {
      const { id, createdMs, epoch, frozen, signingPublic } = store.facts();
      const counted = store.db
        .prepare(
          `SELECT (SELECT count(*) FROM keys) AS keys, (SELECT count(*) FROM versions) AS versions,
             (SELECT count(*) FROM identities WHERE role = 'custodian' AND revoked_ms IS NULL) AS custodians`,
        )
        .get();
      return {
        id,
        createdAt: instantText(createdMs),
        epoch,
        frozen,
        sealed: store.isSealed,
        seals: store.seals().map(sealFacts),
        signingKey: base64(signingPublic),
        proofIntervalDays: loadPolicy(store).proofIntervalDays,
        keys: Number(counted?.["keys"]),
        versions: Number(counted?.["versions"]),
        custodians: Number(counted?.["custodians"]),
        user,
      };
    },
  },
  "store.unseal": {
    subject: ({ kind }) => kind,
    handle: async ({ store }, _caller, { kind, secret: text }, signal) => {
      using secret = secretOf(text);
      await store.unseal({ kind, secret }, signal);
      return {};
    },
  },
  "store.seal": {
    subject: () => "store",
    audits: true,
    handle: ({ store, proofs }, caller) => {
      proofs.endAll();
      // Its entry, then the signed head that covers it: once the store is sealed, nothing can be signed. It is sealed even where neither
      // can be written.
      try {
        act(store, caller, { act: "store.seal", subject: "store" }, () => undefined);
        signHead(store);
      } finally {
        store.seal();
      }
      return {};
    },
  },
  "store.rekey": {
    subject: () => "store",
    audits: true,
    handle: async ({ store }, caller) => {
      return rewrapFacts(await rekey(store, caller, { act: "store.rekey", subject: "store" }, store.seals()));
    },
  },
  "store.addSeal": {
    subject: ({ label }) => label,
    audits: true,
    handle: async ({ store }, caller, { kind, label, secret: text }, signal) => {
      using secret = secretOf(text);
      return { seal: sealFacts(await addSeal(store, caller, { label, secret: { kind, secret } }, signal)) };
    },
  },
  "store.removeSeal": {
    subject: ({ seal }) => seal,
    before: ({ store }, { seal }) => void removableSeal(store, seal),
    audits: true,
    handle: async ({ store }, caller, { seal: named }) => {
      const { seal, rewrapped } = await removeSeal(store, caller, named);
      return { seal: sealFacts(seal), ...rewrapFacts(rewrapped) };
    },
  },
};

function rewrapFacts({ values, damaged, notErased }: Rewrapped): ReplyOf<"store.rekey"> {
  return { values, damaged: [...damaged], notErased };
}

function sealFacts({ id, kind, label, createdMs }: Seal): SealFacts {
  return { id, kind, label, createdAt: instantText(createdMs) };
}
