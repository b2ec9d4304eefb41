"""The entries of a log: log.md, "Entries"."""

from refusal import Newer, need
from values import HASH, ID, U32, array, base64_bytes, boolean, date, integer, matching, nullable, one_of, parse_json
from values import record, text

COUNT, SEQ = integer(0, 2**53 - 1), integer(1, U32)
SESSION = matching("[0-9a-f]{8}-[0-9a-f]{16}")
SEGMENT = matching("[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{8}")
GENERATION = matching("0|[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{32}")
KIND, LANE = one_of("data", "nodes"), one_of("backup", "maintenance")
SLOTS = array(integer(0, 65535), 65536)
KEYRING = record({"generation": COUNT, "hash": HASH})


def root(value):
    need(value is None or (isinstance(value, str) and len(value) <= 128), "a root is too long")
    nullable(base64_bytes(None))(value)


def ranges(value):
    array(array(integer(0, 65536), 2, 2), 32768, 1)(value)
    free = 0
    for first, count in value:
        need(first >= free and count >= 1 and first + count <= 65536, "ranges overlap, touch or are out of order")
        free = first + count + 1


def hours(value):
    need(type(value) in (int, float) and 0 < value <= 100000, f"{value!r} is not a number of hours")


def definition(value):
    DEFINITION(value)
    need(len({disk["id"] for disk in value["disks"]}) == len(value["disks"]), "two disks have the same id")


IDENTITY = record({
    "kind": matching("[a-z][a-z0-9-]{0,31}"), "stableId": nullable(text(512)), "sizeBytes": COUNT,
    "layoutHash": nullable(matching("[0-9a-f]{1,128}")),
})  # fmt: skip
DEFINITION = record({
    "name": text(64, 1),
    "disks": array(record({
        "id": ID, "name": text(64, 1), "path": text(4096, 1), "host": text(255),
        "blockBytes": one_of(*(2**power for power in range(12, 23))), "identity": IDENTITY, "addedAt": date,
    }, {"removedAt": date}), 256),
    "keep": text(512), "everyHours": hours, "timeZone": text(64, 1), "protected": boolean,
})  # fmt: skip
DISK_VOLUMES = array(record({
    "disk": ID, "unknown": array(text(512), 4096),
    "encrypted": nullable(array(record({
        "name": text(512), "format": one_of("luks1", "luks2", "bitlocker"), "identity": HASH, "headerDigest": HASH,
        "protectors": array(HASH, 1024),
    }), 4096)),
}), 256)  # fmt: skip
VERDICT_FIELDS = {
    "disk": ID, "volume": text(512), "verdict": text(64), "version": nullable(text(256)), "at": date,
    "derivedAt": nullable(date), "unproven": boolean,
}  # fmt: skip
RECEIPT = record({
    "store": ID, "epoch": COUNT, "at": date, "auditSeq": COUNT, "auditHash": HASH, "copy": COUNT,
    "signature": base64_bytes(64),
})  # fmt: skip

KEY_STORE = {"store": ID, "signingKey": base64_bytes(32), "proofDays": integer(1, 366)}


def signed_text(value):
    need(isinstance(value, str) and len(value) <= 16384, "a signed text is too long")


def part(value):
    array(integer(1, 100), 2, 2)(value)
    need(value[0] <= value[1], f"there is no part {value[0]} of {value[1]}")


def pair(*inner):
    def check(value):
        need(isinstance(value, list) and len(value) == len(inner), f"{value!r} is not {len(inner)} values")
        for one, of in zip(value, inner):
            of(one)

    return check


POINT_FIELDS = {
    "session": SESSION, "point": ID, "capturedAt": date, "base": nullable(ID), "body": record({"sha256": HASH}),
    "consistency": one_of("offline", "application", "crash", "torn"),
    "disks": array(record({
        "disk": ID, "name": text(64), "sizeBytes": COUNT, "root": root, "capturedFrom": date, "capturedTo": date,
        "dataBytes": COUNT,
    }), 256, 1),
    "readBytes": COUNT, "newBytes": COUNT, "storedBytes": COUNT, "unreadableBytes": COUNT,
}  # fmt: skip
TYPES = {
    "machine": {"machine": definition},
    "opened": {
        "lane": LANE, "nonce": matching("[0-9a-f]{16}"), "base": nullable(ID), "closes": nullable(SESSION),
        "adopts": nullable(record({"session": SESSION, "checkpointSeq": SEQ})),
    },
    "checkpoint": {"session": SESSION, "disks": array(record({"disk": ID, "sizeBytes": COUNT, "root": root}), 256)},
    "closed": {"session": SESSION},
    "point": POINT_FIELDS,
    "deleted": {"point": ID, "by": one_of("rule", "person"), "reason": text(1024)},
    "undeleted": {"point": ID, "deletion": SEQ},
    "purged": {"point": ID, "deletion": SEQ, "session": SESSION},
    "replaced": {"session": SESSION, "disk": ID, "items": array(record({
        "kind": KIND, "segment": SEGMENT, "from": GENERATION, "to": GENERATION, "heals": SLOTS,
    }, {"drops": SLOTS}), 65536)},
    "damaged": {"disk": ID, "items": array(record({
        "kind": KIND, "segment": SEGMENT, "generation": GENERATION, "slots": ranges,
    }), 65536)},
    "swept": {"session": SESSION, "disk": ID, "items": array(pair(KIND, SEGMENT), 65536)},
    "volumes": {"items": array(record({"point": ID, "disks": DISK_VOLUMES}), 65536)},
    "verdict": {"items": array(record({"point": ID} | VERDICT_FIELDS | {
        "signed": signed_text, "signature": base64_bytes(64),
    }), 65536)},
    "keystore": KEY_STORE,
    "receipt": {"receipt": RECEIPT},
    "checked": {
        "points": nullable(array(ID, 100_000)), "upTo": SEQ, "part": nullable(part), "startedAt": date,
        "hurt": array(ID, 100_000),
    },
    "keyring": {"generation": COUNT, "hash": HASH},
    "clock": {"confirmedAt": date},
}  # fmt: skip
COMMON = {
    "seq": SEQ, "previous": nullable(HASH), "at": date, "host": text(255), "program": text(64), "keyring": KEYRING,
    "type": text(64),
}  # fmt: skip
COMPATIBLE = {"swept", "volumes", "verdict", "keystore", "receipt", "checked"}


def true(value):
    need(value is True, f"{value!r} is not true")


ENTRIES = {
    name: record(COMMON | fields | ({"compatible": true} if name in COMPATIBLE else {})) for name, fields in TYPES.items()
}


def parse_entry(data):
    """An entry that keeps to the format. One of an unknown type, and harmless, gives what all have in common."""
    entry = parse_json(data)
    need(isinstance(entry, dict), "an entry is not an object")
    kind = entry.get("type")
    if isinstance(kind, str) and kind in ENTRIES:
        ENTRIES[kind](entry)
    else:
        entry, compatible = {name: entry[name] for name in COMMON if name in entry}, entry.get("compatible")
        record(COMMON)(entry)
        need(compatible is True, f"an entry of type {kind!r}", Newer)
    return entry
