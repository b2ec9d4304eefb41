import type { BoundFacts, bindingRoutes } from "#api/bindings.ts";
import type { BindingFacts } from "#api/values.ts";
import { act } from "#keys/access/act.ts";
import { bindVersion } from "#keys/bindings/bind-version.ts";
import type { BoundVersion } from "#keys/bindings/bind-version.ts";
import { retireBinding } from "#keys/bindings/bindings.ts";
import type { Binding } from "#keys/bindings/bindings.ts";
import { findAlikeIds, findVersions } from "#keys/bindings/find-versions.ts";
import { goneFromNewestPoint } from "#keys/bindings/gone-bindings.ts";
import { matchVersions } from "#keys/bindings/match-versions.ts";
import { healVersion } from "#keys/custody/heal-version.ts";
import { importSecrets } from "#keys/custody/import-secrets.ts";
import type { KeyStore } from "#keys/key-store.ts";
import { requireReporter } from "#keys/vaults/vaults.ts";
import { loadVersion, versionName } from "#keys/versions/versions.ts";
import { bindingFacts } from "#server/binding-facts.ts";
import type { Answers } from "#server/handler.ts";
import { versionFacts } from "#server/key-facts.ts";
import { presentedHeader } from "#server/presented-header.ts";
import { secretOf } from "#server/secret-input.ts";

export const bindingAnswers: Answers<keyof typeof bindingRoutes> = {
  "key.bind": {
    subject: ({ version }) => version,
    audits: true,
    handle: async (side, caller, { header, ...request }, signal) => {
      const bound = await bindVersion(side, caller, { ...request, header: presentedHeader(header) }, signal);
      return boundFacts(side.store, bound);
    },
  },
  "key.heal": {
    subject: ({ version }) => version,
    audits: true,
    handle: async (side, caller, { header, version: name, value: given }, signal) => {
      using value = secretOf(given);
      const request = { version: name, value, header: presentedHeader(header) };
      const { version, protector } = await healVersion(side, caller, request, signal);
      return { version: versionName(version), protector: protector.id };
    },
  },
  "key.match": {
    subject: ({ place }) => place?.machine ?? "a volume",
    audits: true,
    handle: async (side, caller, { header, ...request }, signal) => {
      const match = await matchVersions(side, caller, { ...request, header: presentedHeader(header) }, signal);
      return {
        bound: match.bound === null ? null : boundFacts(side.store, match.bound),
        known: match.known.map((each) => named(side.store, each)),
        planned: match.planned,
        tried: match.tried,
        notTried: [...match.notTried],
      };
    },
  },
  "key.import": {
    subject: () => "keys",
    audits: true,
    handle: async ({ store }, caller, { secrets }) => {
      using values = new DisposableStack();
      const given = secrets.map(({ name, kind, value, note }) => {
        return { keyName: name, kind, value: values.use(secretOf(value)), note };
      });
      const results = await importSecrets(store, caller, given);
      return {
        results: results.map(({ version, isNew, failure }) => {
          return { version: version === null ? null : versionFacts(version), isNew, failure };
        }),
      };
    },
  },
  "key.find": {
    subject: ({ wanted }) => wanted,
    handle: ({ store }, _caller, { wanted }) => {
      const found = findVersions(store, wanted).map(({ version, bindings }) => ({
        version: versionFacts(version),
        bindings: bindings.map((binding) => bindingFacts(binding, versionName(version))),
      }));
      const alike = found.length > 0 ? [] : findAlikeIds(store, wanted);
      return { found, alike: alike.map(({ id, version }) => ({ id, version: versionName(version) })) };
    },
  },
  "binding.gone": {
    subject: ({ vault, machine }) => `vault ${vault}, machine ${machine}`,
    handle: ({ store }, caller, { vault, machine }) => {
      requireReporter(store, caller, vault);
      const gone = goneFromNewestPoint(store, { vault, machine }).map((each) => named(store, each));
      return { gone: caller.role === "backup" ? gone.map((each) => ({ ...each, boundBy: null })) : gone };
    },
  },
  "binding.retire": {
    subject: ({ binding }) => binding,
    audits: true,
    handle: ({ store }, caller, { binding: id, reason }) =>
      act(store, caller, { act: "binding.retire", subject: id, detail: { reason } }, () => ({
        binding: named(store, retireBinding(store, id)),
      })),
  },
};

function boundFacts(store: KeyStore, { version, binding, isNew, gone }: BoundVersion): BoundFacts {
  return {
    binding: bindingFacts(binding, versionName(version)),
    isNew,
    gone: gone.map((each) => named(store, each)),
  };
}

function named(store: KeyStore, binding: Binding): BindingFacts {
  return bindingFacts(binding, versionName(loadVersion(store, binding.version)));
}
