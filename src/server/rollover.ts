import type { RolloverFacts, SharedVolumeFacts, rolloverRoutes } from "#api/rollover.ts";
import { base64 } from "#bytes/text.ts";
import { ensureVersionCopied } from "#keys/copies/copies.ts";
import { compromiseVersion, sharedVolumes } from "#keys/rollovers/compromise.ts";
import type { SharedVolume } from "#keys/rollovers/compromise.ts";
import { abandonRollover } from "#keys/rollovers/rollover-abandon.ts";
import { beginRollover } from "#keys/rollovers/rollover-begin.ts";
import { nextOfRollover } from "#keys/rollovers/rollover-next.ts";
import { findHandable, rolloverValues } from "#keys/rollovers/rollover-values.ts";
import { loadRollovers } from "#keys/rollovers/rollovers.ts";
import type { Rollover } from "#keys/rollovers/rollovers.ts";
import { versionName } from "#keys/versions/versions.ts";
import { bindingFacts } from "#server/binding-facts.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull } from "#server/instants.ts";
import { versionFacts } from "#server/key-facts.ts";
import { presentedHeader } from "#server/presented-header.ts";
import { piecesSource } from "#volume/source/pieces-source.ts";
import type { VolumeSource } from "#volume/source/source.ts";

export const rolloverAnswers: Answers<keyof typeof rolloverRoutes> = {
  "rollover.begin": {
    subject: ({ binding }) => `binding ${binding}`,
    audits: true,
    handle: async (side, caller, { header, ...given }, signal) => ({
      rollover: rolloverFacts(await beginRollover(side, caller, { ...given, header: sourceOf(header) }, signal)),
    }),
  },
  "rollover.next": {
    subject: ({ rollover }) => `rollover ${rollover}`,
    audits: true,
    handle: async (side, caller, { header, ...given }, signal) => {
      const next = await nextOfRollover(side, caller, { ...given, header: sourceOf(header) }, signal);
      return { rollover: rolloverFacts(next.rollover), task: next.task, notTried: [...next.notTried] };
    },
  },
  "rollover.values": {
    subject: ({ rollover }) => `rollover ${rollover}`,
    before: ({ store }, { rollover }) => void findHandable(store, rollover),
    audits: true,
    handle: async (side, caller, { rollover }, signal) => {
      const { store } = side;
      await ensureVersionCopied(side, findHandable(store, rollover).newVersion, signal);
      const values = rolloverValues(store, caller, rollover);
      using old = values.old;
      using made = values.new;
      return { old: base64(old.bytes), new: base64(made.bytes) };
    },
  },
  "rollover.list": {
    subject: () => "rollovers",
    handle: ({ store }) => ({ rollovers: loadRollovers(store).map(rolloverFacts) }),
  },
  "rollover.abandon": {
    subject: ({ rollover }) => `rollover ${rollover}`,
    audits: true,
    handle: ({ store }, caller, { rollover, reason }) => ({
      rollover: rolloverFacts(abandonRollover(store, caller, rollover, reason)),
    }),
  },
  "key.compromise": {
    subject: ({ version }) => version,
    audits: true,
    handle: ({ store }, caller, { version: name, why }) => {
      const version = compromiseVersion(store, caller, name, why);
      return { version: versionFacts(version), volumes: sharedVolumes(store, version.id).map(volumeFacts) };
    },
  },
};

function sourceOf(header: Parameters<typeof presentedHeader>[0]): VolumeSource {
  const { size, pieces } = presentedHeader(header);
  return piecesSource(size, pieces);
}

function rolloverFacts(rollover: Rollover): RolloverFacts {
  const { id, step, executor, slot, binding, oldVersion, newVersion, begunBy } = rollover;
  return {
    id,
    step,
    executor,
    slot,
    oldVersion: versionName(oldVersion),
    newVersion: versionName(newVersion),
    binding: bindingFacts(binding, versionName(oldVersion)),
    begunBy,
    begunAt: instantText(rollover.begunMs),
    changedAt: instantText(rollover.changedMs),
    endedAt: instantTextOrNull(rollover.endedMs),
    provenAt: instantTextOrNull(rollover.provenMs),
  };
}

function volumeFacts({ live, points, ...volume }: SharedVolume): SharedVolumeFacts {
  return {
    ...volume,
    live: live.map(({ binding, version }) => bindingFacts(binding, version)),
    points: points.map(({ capturedMs, ...point }) => ({ ...point, capturedAt: instantText(capturedMs) })),
  };
}
