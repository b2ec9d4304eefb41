import { isLockstepError } from "#errors/errors.ts";
import { JsonAt } from "#volume/luks2/json-at.ts";
import { isObject } from "#volume/luks2/json.ts";
import type { JsonObject } from "#volume/luks2/json.ts";
import type { Luks2Config, Luks2Digest, Luks2Keyslot, Luks2Metadata, Luks2Token } from "#volume/luks2/metadata.ts";
import { parseConversionKeyslot, parseVolumeKeyslot } from "#volume/luks2/parse-keyslot.ts";
import { parseSegment } from "#volume/luks2/parse-segment.ts";

/**
 * Parses the JSON of a header. Checks that each member is there and of its type (for digests see `fault`);
 * does not check whether they fit one another: see `checkLuks2Rules`. Members that are not known are passed over.
 *
 * @param json  see `parseJsonArea`
 * @param what  the header's name, for messages
 * @throws {LockstepError} HEADER_CORRUPT: a member is missing, or of another type, by its path
 * @see LUKS2 On-Disk Format Specification 1.1, section 3
 */
export function parseLuks2Metadata(json: JsonObject, what: string): Luks2Metadata {
  const root = new JsonAt(json, what);
  return {
    config: parseConfig(root.member("config")),
    tokens: root
      .member("tokens")
      .numbered()
      .map(([number, at]) => parseToken(number, at)),
    digests: root
      .member("digests")
      .numbered()
      .map(([number, at]) => parseDigest(number, at)),
    segments: root
      .member("segments")
      .numbered()
      .map(([number, at]) => parseSegment(number, at)),
    keyslots: root
      .member("keyslots")
      .numbered()
      .map(([number, at]) => parseKeyslot(number, at)),
  };
}

function parseConfig(at: JsonAt): Luks2Config {
  at.optional("flags")?.texts();
  const requirements = at.optional("requirements");
  requirements?.members();
  return {
    jsonBytes: at.member("json_size").u64(),
    keyslotsBytes: at.member("keyslots_size").u64(),
    requirements: requirements?.optional("mandatory")?.texts() ?? [],
  };
}

function parseToken(number: number, at: JsonAt): Luks2Token {
  return { number, type: at.member("type").text(), keyslots: references(at.member("keyslots")) };
}

function parseDigest(number: number, at: JsonAt): Luks2Digest {
  const type = at.member("type").text();
  return {
    number,
    type,
    keyslots: references(at.member("keyslots")),
    segments: references(at.member("segments")),
    ...(type === "pbkdf2" ? parsePbkdf2(at) : { pbkdf2: null, fault: null }),
    json: objectOf(at),
  };
}

function parsePbkdf2(at: JsonAt): Pick<Luks2Digest, "pbkdf2" | "fault"> {
  try {
    const iterations = at.member("iterations").integer();
    const [hash, salt, digest] = [at.member("hash").text(), at.member("salt").text(), at.member("digest").text()];
    return { pbkdf2: { hash, iterations, salt, digest }, fault: null };
  } catch (error) {
    if (isLockstepError(error, "HEADER_CORRUPT")) return { pbkdf2: null, fault: error };
    throw error;
  }
}

function parseKeyslot(number: number, at: JsonAt): Luks2Keyslot {
  const type = at.member("type").text();
  const area = at.member("area");
  return {
    number,
    type,
    keyBytes: at.member("key_size").u32(),
    priority: priorityOf(at.optional("priority")),
    area: {
      type: area.member("type").text(),
      offsetBytes: area.member("offset").u64(),
      lengthBytes: area.member("size").u64(),
    },
    content:
      type === "luks2"
        ? parseVolumeKeyslot(at)
        : type === "reencrypt"
          ? parseConversionKeyslot(at)
          : { kind: "unknown" },
    json: objectOf(at),
  };
}

/** As cryptsetup takes it: what is neither 1 nor 2 is tried on request only. */
function priorityOf(at: JsonAt | null): Luks2Keyslot["priority"] {
  if (at === null || at.json === 1n) return "normal";
  return at.json === 2n ? "prefer" : "ignore";
}

/** Numbers of keyslots or segments, in the order as written. */
function references(at: JsonAt): readonly number[] {
  return at.texts().map((text, index) => {
    // Whether a keyslot or segment of this number exists is for the rules to check.
    if (!/^(?:0|[1-9][0-9]{0,8})$/.test(text)) throw at.corrupt(`entry ${index} is not the number of one`);
    return Number(text);
  });
}

function objectOf(at: JsonAt): JsonObject {
  if (isObject(at.json)) return at.json;
  throw at.corrupt("it is not an object");
}
