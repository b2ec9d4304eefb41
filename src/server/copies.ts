import type { copiesRoutes } from "#api/copies.ts";
import { act } from "#keys/access/act.ts";
import { ensureCopied, tryPlace } from "#keys/copies/copies.ts";
import { shownPlaces } from "#keys/copies/place-facts.ts";
import { addPlace, removePlace } from "#keys/copies/places.ts";
import { allCopies, saveFound } from "#keys/copies/stored-copies.ts";
import { damagedVersions } from "#keys/versions/damage.ts";
import type { Answers } from "#server/handler.ts";
import { instantText, instantTextOrNull } from "#server/instants.ts";

export const copiesAnswers: Answers<keyof typeof copiesRoutes> = {
  "copy.list": {
    subject: () => "copies",
    handle: ({ store }) => {
      const places = shownPlaces(store);
      return {
        epoch: store.facts().epoch,
        domains: new Set(places.filter(({ complete }) => complete).map(({ domain }) => domain)).size,
        places: places.map(({ addedMs, newest, keepsMs, ...place }) => ({
          ...place,
          addedAt: instantText(addedMs),
          newest: newest === null ? null : { number: newest.number, writtenAt: instantText(newest.writtenMs) },
          keepsSince: instantTextOrNull(keepsMs),
        })),
        damaged: [...damagedVersions(store)],
      };
    },
  },
  "copy.all": {
    subject: () => "copies",
    handle: ({ store }) => ({
      copies: allCopies(store).map(({ writtenMs, places, ...copy }) => ({
        ...copy,
        writtenAt: instantText(writtenMs),
        places: [...places],
      })),
    }),
  },
  "copy.make": {
    subject: ({ full }) => (full ? "full copy" : "copies"),
    handle: async (side, _caller, { full }, signal) => {
      const { written, places } = await ensureCopied(side, signal, full ? "full" : "all");
      return { written, places: [...places] };
    },
  },
  "place.add": {
    subject: ({ place }) => place,
    audits: true,
    handle: async (side, caller, { place, domain }, signal) => {
      const named = await tryPlace(side, place, signal);
      act(side.store, caller, { act: "place.add", subject: place, detail: { domain } }, () =>
        saveFound(side.store, addPlace(side.store, { place, domain }), named),
      );
      return {};
    },
  },
  "place.remove": {
    subject: ({ place }) => place,
    audits: true,
    handle: ({ store }, caller, { place }) => {
      act(store, caller, { act: "place.remove", subject: place }, () => removePlace(store, place));
      return {};
    },
  },
};
