import type { keyRoutes } from "#api/keys.ts";
import { base64 } from "#bytes/text.ts";
import { act } from "#keys/access/act.ts";
import { copiesThatHold } from "#keys/copies/copies-that-hold.ts";
import { ensureCopied } from "#keys/copies/copies.ts";
import { addKeyVersion } from "#keys/custody/add-version.ts";
import { changeVersion } from "#keys/custody/change-version.ts";
import { deleteVersions, recoverVersions } from "#keys/custody/delete-versions.ts";
import { destroyVersions, refuseDestruction } from "#keys/custody/destroy-versions.ts";
import { findRevealable, isOutside, revealVersion } from "#keys/custody/reveal-version.ts";
import { addHold, releaseHold } from "#keys/needs/holds.ts";
import { loadKeys } from "#keys/versions/key-list.ts";
import { findVersion } from "#keys/versions/versions.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, msOrNull } from "#server/instants.ts";
import { certificateFacts, holdingPlaces, versionFacts } from "#server/key-facts.ts";
import { secretOf } from "#server/secret-input.ts";
import { shownKey } from "#server/shown-key.ts";

export const keyAnswers: Answers<keyof typeof keyRoutes> = {
  "key.add": {
    subject: ({ name }) => name,
    audits: true,
    handle: ({ store }, caller, { name, kind, value, note, activatesAt, expiresAt }) => {
      using given = value === null ? null : secretOf(value);
      const version = addKeyVersion(store, caller, {
        keyName: name,
        kind,
        value: given,
        note,
        activatesMs: msOrNull(activatesAt),
        expiresMs: msOrNull(expiresAt),
      });
      return { version: versionFacts(version) };
    },
  },
  "key.list": {
    subject: () => "keys",
    handle: ({ store }) => ({
      keys: loadKeys(store).map(({ id, name, createdMs, current, count }) => ({
        id,
        name,
        createdAt: instantText(createdMs),
        versions: current.map(versionFacts),
        count,
      })),
    }),
  },
  "key.show": {
    subject: ({ name }) => name,
    handle: ({ store }, _caller, { name }) => shownKey(store, name),
  },
  "key.set": {
    subject: ({ version }) => version,
    audits: true,
    handle: ({ store }, caller, { version: name, enabled, activatesAt, expiresAt, note }) => {
      const activatesMs = activatesAt === undefined ? undefined : msOrNull(activatesAt);
      const expiresMs = expiresAt === undefined ? undefined : msOrNull(expiresAt);
      return {
        version: versionFacts(changeVersion(store, caller, name, { enabled, activatesMs, expiresMs, note })),
      };
    },
  },
  "key.reveal": {
    subject: ({ version }) => version,
    before: ({ store }, { version }) => void findRevealable(store, version),
    audits: true,
    handle: async (side, caller, { version: name, reason }, signal) => {
      const { store } = side;
      if (!isOutside(store, findRevealable(store, name))) await ensureCopied(side, signal);
      const { version, value } = revealVersion(store, caller, name, reason);
      using secret = value;
      return { version: versionFacts(version), value: base64(secret.bytes) };
    },
  },
  "key.delete": {
    subject: ({ name }) => name,
    audits: true,
    handle: ({ store }, caller, { name }) => ({
      versions: deleteVersions(store, caller, name).map(versionFacts),
    }),
  },
  "key.recover": {
    subject: ({ name }) => name,
    audits: true,
    handle: ({ store }, caller, { name }) => ({
      versions: recoverVersions(store, caller, name).map(versionFacts),
    }),
  },
  "key.purge": {
    subject: ({ versions }) => versions.join(", "),
    before: ({ store }, { versions }) => refuseDestruction(store, versions),
    audits: true,
    handle: ({ store }, caller, { versions: names }) => {
      const { versions, notErased } = destroyVersions(store, caller, names);
      return {
        versions: versions.map(({ version, certificate }) => ({
          version: versionFacts(version),
          certificate: certificateFacts(certificate),
          copies: holdingPlaces(copiesThatHold(store, version)),
        })),
        notErased,
      };
    },
  },
  "key.hold": {
    subject: ({ version }) => version,
    audits: true,
    handle: ({ store }, caller, { version: name, reason, expectedUntil }) => {
      const what = { act: "key.hold", subject: name, detail: { reason, expectedUntil } };
      return act(store, caller, what, () => {
        const version = findVersion(store, name);
        const hold = addHold(store, {
          version: version.id,
          why: reason,
          heldBy: caller.name,
          expectedUntilMs: msOrNull(expectedUntil),
        });
        return { hold: hold.id, version: versionFacts(version) };
      });
    },
  },
  "key.release": {
    subject: ({ hold }) => hold,
    audits: true,
    handle: ({ store }, caller, { hold }) =>
      act(store, caller, { act: "key.release", subject: hold }, () => {
        releaseHold(store, hold);
        return {};
      }),
  },
};
