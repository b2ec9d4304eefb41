"""Reads a Lockstep vault of format version 1, opened by a key file. Written from docs/format alone.

    reader.py points  VAULT KEYFILE                      the points of every machine, as JSON
    reader.py digests VAULT KEYFILE                      the SHA-256 of every disk of every point, as JSON
    reader.py write   VAULT KEYFILE POINT DISK FILE      one disk of one point, to a new sparse file

It reads every log from its first entry and never trusts a summary: where there is one, it must be what the entries
fold to. It checks every tag, hash, MAC and bound that the pages name, apart from fingerprints, which no reader needs.
Debian: python3-cryptography, python3-zstandard.
"""

import base64
import datetime
import hashlib
import hmac
import json
import os
import re
import struct
import sys
import unicodedata

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIB, MIB = 1024, 1024 * 1024
U32 = 2**32 - 1


class Refused(Exception):
    """What is there cannot be used. The subclasses say why."""


class Corrupt(Refused):
    """It is not what was written."""


class Newer(Refused):
    """A later version of the format wrote it."""


class Missing(Refused):
    """It is not there, or not any more."""


class Denied(Refused):
    """The key file does not open it."""


def need(condition, message, kind=Corrupt):
    if not condition:
        raise kind(message)


# Cryptography: keyring.md, "Terms"


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def unseal(key, sealed, associated, nonce=bytes(12)):
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise Corrupt("a tag does not fit what it seals") from error


def unzstd(frame, most):
    """One frame that unpacks to at most so many bytes."""
    worker = zstandard.ZstdDecompressor(max_window_size=128 * MIB).decompressobj()
    try:
        plain = worker.decompress(frame)
    except zstandard.ZstdError as error:
        raise Corrupt(f"zstd: {error}") from error
    need(worker.eof and not worker.unused_data and len(plain) <= most, "not one whole zstd frame of the length expected")
    return plain


# JSON values: a check is a function that raises when the value is not one


def parse_json(data):
    try:
        return json.loads(data.decode("utf-8"))
    except ValueError as error:
        raise Corrupt(f"not JSON in UTF-8: {error}") from error


def integer(low, high):
    def check(value):
        need(type(value) is int and low <= value <= high, f"{value!r} is not an integer from {low} to {high}")

    return check


def matching(pattern):
    whole = re.compile(pattern)

    def check(value):
        need(isinstance(value, str) and whole.fullmatch(value), f"{value!r} does not match {pattern}")

    return check


def text(most, least=0):
    def check(value):
        need(isinstance(value, str), f"{value!r} is not text")
        need(least <= len(value.encode("utf-16-le", "surrogatepass")) // 2 <= most, f"{value!r} is too short or too long")
        need(all(unicodedata.category(one) != "Cc" for one in value), f"{value!r} has control characters")

    return check


def one_of(*values):
    def check(value):
        need(value in values and type(value) is not bool, f"{value!r} is none of {values}")

    return check


def nullable(inner):
    return lambda value: None if value is None else inner(value)


def array(inner, most, least=0):
    def check(value):
        need(isinstance(value, list) and least <= len(value) <= most, f"not an array of {least} to {most}")
        for one in value:
            inner(one)

    return check


def record(fields, optional=None, unknown=Newer):
    def check(value):
        need(isinstance(value, dict), f"{value!r} is not an object")
        for name in value:
            need(name in fields or name in (optional or {}), f"the field {name} is not known", unknown)
        for name, inner in fields.items():
            need(name in value, f"the field {name} is missing")
            inner(value[name])
        for name, inner in (optional or {}).items():
            if name in value:
                inner(value[name])

    return check


def boolean(value):
    need(type(value) is bool, f"{value!r} is not a boolean")


def base64_bytes(length):
    def check(value):
        try:
            data = base64.b64decode(value, validate=True)
        except (ValueError, TypeError) as error:
            raise Corrupt(f"{value!r} is not base64") from error
        need(length in (None, len(data)) and base64.b64encode(data).decode() == value, f"{value!r} is not {length} bytes")

    return check


def nanoseconds(value):
    """A date as nanoseconds since 1970."""
    parts = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z", value if isinstance(value, str) else "")
    need(parts, f"{value!r} is not a date")
    try:
        second = datetime.datetime.fromisoformat(parts[1]) - datetime.datetime(1970, 1, 1)
    except ValueError as error:
        raise Corrupt(f"{value!r} is not a date") from error
    return (second.days * 86400 + second.seconds) * 10**9 + int((parts[2] or "").ljust(9, "0"))


def date(value):
    nanoseconds(value)


# The store: a folder, where the object KEY is the file KEY


class Folder:
    def __init__(self, path):
        self.path = path

    def get(self, key, longest):
        try:
            with open(os.path.join(self.path, key), "rb") as file:
                data = file.read(longest + 1)
        except FileNotFoundError as error:
            raise Missing(f"{key} is missing") from error
        need(len(data) <= longest, f"{key} is longer than {longest} bytes")
        return data

    def names(self, prefix):
        try:
            return sorted(os.listdir(os.path.join(self.path, prefix)))
        except FileNotFoundError:
            return []

    def first_good(self, key, longest, read):
        """What `read` makes of the object, or else of its second copy. Fails as the object itself did."""
        try:
            return read(self.get(key, longest))
        except (Corrupt, Missing) as first:
            try:
                return read(self.get("copies/" + key, longest))
            except (Corrupt, Missing):
                raise type(first)(f"{key}: {first}") from first


# keyring.md

ID, HASH, HEX8 = matching("[0-9a-f]{32}"), matching("[0-9a-f]{64}"), re.compile("[0-9a-f]{8}")
SUITE = "x25519-hkdf-sha256-aes256gcm"
MAC_TAIL = re.compile(rb',\n  "mac": "([0-9a-f]{64})"\n}\n')
LABEL = matching("(?! )[^\\u0000-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]+(?<! )")
WAY = {
    "id": ID, "kind": one_of("keyfile"), "label": LABEL, "createdAt": date, "publicKey": base64_bytes(32),
    "rootMac": base64_bytes(32), "ephemeralKey": base64_bytes(32), "wrappedKey": base64_bytes(48),
}  # fmt: skip
PASSPHRASE_WAY = WAY | {
    "kind": one_of("passphrase"), "kdf": one_of("argon2id"), "memoryKiB": integer(8, MIB), "passes": integer(1, 16),
    "lanes": integer(1, 16), "salt": base64_bytes(16), "wrappedPrivateKey": base64_bytes(48),
}  # fmt: skip


def check_way(way):
    need(isinstance(way, dict), "an unlock way is not an object")
    need(way.get("kind") in ("keyfile", "passphrase"), f"an unlock way of kind {way.get('kind')!r}", Newer)
    if way["kind"] == "keyfile":
        return record(WAY, unknown=Corrupt)(way)
    need(way.get("kdf") == "argon2id", f"passphrases by {way.get('kdf')!r}", Newer)
    record(PASSPHRASE_WAY, unknown=Corrupt)(way)
    need(way["memoryKiB"] >= 8 * way["lanes"], "memoryKiB is below 8 × lanes")


GENERATION = record(
    {
        "format": one_of("lockstep keyring"), "version": integer(1, 1), "suite": one_of(SUITE), "vault": ID,
        "generation": integer(1, U32), "previous": nullable(HASH), "createdAt": date,
        "ways": array(check_way, 64, 1), "sealed": base64_bytes(None), "mac": HASH,
    },
    unknown=Corrupt,
)  # fmt: skip


def parse_key_file(data):
    need(len(data) <= 16 * KIB, "the key file is too long")
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    need(len(lines) == 1, "the key file must have one line with a key")
    parts = re.fullmatch("LOCKSTEP-KEY-1-([0-9A-F]{64})-([0-9A-F]{8})", lines[0].upper())
    need(parts, "the key file holds no key")
    secret = bytes.fromhex(parts[1])
    need(sha256(b"lockstep v1 key file check" + secret)[:4].hex() == parts[2].lower(), "the key file has a wrong digit")
    return secret


def parse_vault_file(data):
    value = parse_json(data)
    need(isinstance(value, dict) and value.get("format") == "lockstep vault", "vault.json is not of a vault")
    integer(1, U32)(value.get("version"))
    need(value["version"] == 1, f"the vault has format version {value['version']}", Newer)
    array(text(U32), U32)(value.get("incompatible"))
    array(text(U32), U32)(value.get("compatible"))
    need(not value["incompatible"], f"the vault needs {value['incompatible']}", Newer)
    ID(value.get("id"))
    HASH(value.get("rootCommitment"))
    date(value.get("createdAt"))
    return value


def parse_generation(data, vault_id, number):
    value = parse_json(data)
    need(isinstance(value, dict) and value.get("format") == "lockstep keyring", "not a generation of a keyring")
    need(type(value.get("version")) is int and value["version"] >= 1, "a generation's version")
    need(value["version"] == 1 and value.get("suite") == SUITE, "a generation of a newer format", Newer)
    GENERATION(value)
    need(MAC_TAIL.fullmatch(data[-80:]), "the MAC is not where it must be")
    need(value["vault"] == vault_id and value["generation"] == number, "the generation belongs elsewhere")
    need((value["previous"] is None) == (number == 1), "previous is null in generation 1 and only there")
    for name in ("id", "label", "publicKey"):
        need(len({way[name] for way in value["ways"]}) == len(value["ways"]), f"two ways have the same {name}")
    need(all(len(way["label"].encode()) <= 128 for way in value["ways"]), "a label is too long")
    work = sum(way["memoryKiB"] * way["passes"] for way in value["ways"] if way["kind"] == "passphrase")
    need(work <= MIB * 16, "the passphrases ask for too much work")
    return value


def open_generation(value, vault, secret):
    """The root key and data keys of a generation; None when no way of it is the key file's."""
    salt = bytes.fromhex(vault["id"])
    private = hkdf(secret, salt, b"lockstep v1 key file")
    key_pair = X25519PrivateKey.from_private_bytes(private)
    public = key_pair.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    number = struct.pack("<I", value["generation"])
    for way in value["ways"]:
        if way["kind"] != "keyfile" or base64.b64decode(way["publicKey"]) != public:
            continue
        root_mac = hmac_sha256(hkdf(private, salt, b"lockstep v1 unlock way root"), salt + bytes.fromhex(vault["rootCommitment"]))
        need(hmac.compare_digest(root_mac, base64.b64decode(way["rootMac"])), "rootMac is wrong")
        ephemeral = base64.b64decode(way["ephemeralKey"])
        try:
            shared = key_pair.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        except ValueError as error:
            raise Corrupt("the ephemeral key gives zeros") from error
        info = f"lockstep v1 keyring {SUITE}".encode() + number + way["id"].encode() + ephemeral + public
        generation_key = unseal(hkdf(shared, salt, info), base64.b64decode(way["wrappedKey"]), b"")
        contents = unseal(generation_key, base64.b64decode(value["sealed"]), b"lockstep v1 keyring contents" + salt + number)
        need(len(contents) >= 36, "the contents are too short")
        (count,) = struct.unpack_from("<I", contents, 32)
        need(1 <= count <= 8192 and len(contents) == 36 + 32 * count, "the contents have another length")
        return contents[:32], [contents[at : at + 32] for at in range(36, len(contents), 32)]
    return None


class Vault:
    """An opened vault: its id and keys, and the objects they open."""

    def __init__(self, path, key_file):
        self.folder = Folder(path)
        self.file = self.folder.first_good("vault.json", 64 * KIB, parse_vault_file)
        self.salt = bytes.fromhex(self.file["id"])
        self.warnings = []
        with open(key_file, "rb") as file:
            self.open_keyring(parse_key_file(file.read(16 * KIB + 1)))

    def open_keyring(self, secret):
        # Copies are listed before primaries, keyring.md "Objects".
        found = self.folder.names("copies/keyring") + self.folder.names("keyring")
        numbers = sorted({int(name, 16) for name in found if HEX8.fullmatch(name)})
        root = next(filter(None, (self.root_by(number, secret) for number in reversed(numbers))), None)
        need(root, "the key file opens no generation of the keyring", Denied)
        mac_key = hkdf(root, self.salt, b"lockstep v1 keyring mac")
        self.generation, self.keyring_hash, self.data_keys = 0, None, []
        below, opens, broken = (0, None), False, False
        for number in numbers:
            try:
                data, value = self.folder.first_good(
                    f"keyring/{number:08x}", MIB, lambda data: (data, self.genuine(data, number, mac_key))
                )
                if below[0] == number - 1 and value["previous"] != below[1] and below[0] > 0:
                    raise Corrupt("previous is not the hash of the generation below")
                below = (number, sha256(data).hex())
                inside = open_generation(value, self.file, secret)
                if inside:
                    need(inside[0] == root, "another root key")
                    need(inside[1][: len(self.data_keys)] == self.data_keys, "data keys of before are missing")
                    self.data_keys = inside[1]
            except (Corrupt, Missing) as error:
                self.warnings.append(f"keyring generation {number}: {error}")
                broken = broken or below[0] == number or "previous" in str(error)
                continue
            if not broken:
                self.generation, self.keyring_hash, opens = number, below[1], inside is not None
        need(opens, "the way of this key file was removed", Denied)

    def root_by(self, number, secret):
        """The root key, where the key file fits a way of this generation."""

        def read(data):
            value = parse_generation(data, self.file["id"], number)
            inside = open_generation(value, self.file, secret)
            if inside is None:
                return None
            commitment = sha256(b"lockstep v1 root commitment" + self.salt + inside[0])
            need(commitment.hex() == self.file["rootCommitment"], "the root key is not the vault's")
            self.genuine(data, number, hkdf(inside[0], self.salt, b"lockstep v1 keyring mac"))
            return inside[0]

        try:
            return self.folder.first_good(f"keyring/{number:08x}", MIB, read)
        except (Corrupt, Missing, Newer):
            return None

    def genuine(self, data, number, mac_key):
        tail = MAC_TAIL.fullmatch(data[-80:])
        need(tail and hmac.compare_digest(hmac_sha256(mac_key, data[:-80]).hex().encode(), tail[1]), "the MAC is wrong")
        return parse_generation(data, self.file["id"], number)

    # Object headers and small objects: vault.md

    def parse_header(self, data, kind, flags_known):
        need(len(data) >= 64 and data[:12] == b"LOCKSTEP" + kind, f"not an object of kind {kind.decode()}")
        version, _, incompatible, _, epoch = struct.unpack_from("<HHIII", data, 12)
        need(version == 1, f"an object of version {version}", Newer)
        need(incompatible & ~flags_known == 0, f"an object with flags {incompatible:#x}", Newer)
        need(1 <= epoch <= len(self.data_keys), f"the data key of epoch {epoch} is not in the keyring")
        object_id = data[32:48]
        key = hkdf(self.data_keys[epoch - 1], self.salt, b"lockstep v1 " + kind + object_id)
        return incompatible, object_id, struct.unpack_from("<Q", data, 48)[0], key

    def open_small(self, key, kind, data, most=256 * MIB):
        flags, _, length, object_key = self.parse_header(data, kind, 1)
        need(length <= most and len(data) == 64 + length + 16, "the length is not what the header says")
        plain = unseal(object_key, data[64:], data[:64] + key.encode())
        return unzstd(plain, most) if flags & 1 else plain

    def read_small(self, key, kind, longest):
        """The object's bytes and payload."""
        return self.folder.first_good(key, longest, lambda data: (data, self.open_small(key, kind, data)))

    def read_segment(self, key, kind):
        """The slots of a generation of a segment: a function from a number to the content."""
        return self.folder.first_good(key, 80 * MIB, lambda data: self.open_segment(key, kind, data))

    def open_segment(self, key, kind, data):
        _, object_id, length, object_key = self.parse_header(data, kind, 0)
        name = key.rsplit(".", 1)[1]
        born = sha256(b"lockstep v1 first generation" + key.encode())[:16]
        need(object_id == (born if name == "0" else bytes.fromhex(name[-32:])), "the object id is not the generation's")
        need(length == 0 and len(data) >= 4096 + 16 + 16 and data[-8:] == b"LKSTPEND", "the segment has no end")
        count, table_bytes = struct.unpack_from("<II", data, len(data) - 16)
        need(count <= 65536 and table_bytes == 24 * count + 16, "the footer is impossible")
        table_at = len(data) - 16 - table_bytes
        need(table_at >= 4096, "the segment is cut short")
        associated = data[:64] + key.encode()
        table = unseal(object_key, data[table_at:-16], associated, struct.pack("<I8x", U32))
        rows, at = [], 4096
        for number in range(count):
            stored, plain, tag = struct.unpack_from("<II16s", table, 24 * number)
            need(stored <= plain and (stored > 0 or plain == 0), f"slot {number} has impossible lengths")
            rows.append((at, stored, plain, tag))
            at += stored
        need(at == table_at, "the slots are not as long as their rows say")

        def slot(number, most):
            need(number < count and rows[number][1] > 0, f"slot {number} is not in {key}", Missing)
            start, stored, plain, tag = rows[number]
            need(plain <= most, f"slot {number} of {key} is longer than it may be")
            content = unseal(object_key, data[start : start + stored] + tag, associated, struct.pack("<I8x", number))
            content = content if stored == plain else unzstd(content, plain)
            need(len(content) == plain, f"slot {number} of {key} unpacks to another length")
            return content

        return slot


# log.md, "Types" and "Entries"

COUNT, SEQ = integer(0, 2**53 - 1), integer(1, U32)
SESSION = matching("[0-9a-f]{8}-[0-9a-f]{16}")
SEGMENT = matching("[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{8}")
NEXT_GENERATION = "[0-9a-f]{8}-[0-9a-f]{16}-[0-9a-f]{32}"
GENERATION_NAME = matching(f"0|{NEXT_GENERATION}")
KIND, LANE = one_of("data", "nodes"), one_of("backup", "maintenance")
SLOTS = array(integer(0, 65535), 65536)
KEYRING = record({"generation": COUNT, "hash": HASH})


def root(value):
    need(value is None or (isinstance(value, str) and len(value) <= 128), "a root is too long")
    nullable(base64_bytes(None))(value)


def ranges(value):
    array(array(integer(0, 65536), 2, 2), 32768, 1)(value)
    free = 0
    for at, (first, count) in enumerate(value):
        need(count >= 1 and first >= free + (at > 0) and first + count <= 65536, "ranges overlap, touch or are out of order")
        free = first + count


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
        "kind": KIND, "segment": SEGMENT, "from": GENERATION_NAME, "to": GENERATION_NAME, "heals": SLOTS,
    }, {"drops": SLOTS}), 65536)},
    "damaged": {"disk": ID, "items": array(record({
        "kind": KIND, "segment": SEGMENT, "generation": GENERATION_NAME, "slots": ranges,
    }), 65536)},
    "keyring": {"generation": COUNT, "hash": HASH},
    "clock": {"confirmedAt": date},
}  # fmt: skip
COMMON = {
    "seq": SEQ, "previous": nullable(HASH), "at": date, "host": text(255), "program": text(64), "keyring": KEYRING,
    "type": text(64),
}  # fmt: skip
ENTRIES = {name: record(COMMON | fields) for name, fields in TYPES.items()}


def parse_entry(data):
    entry = parse_json(data)
    need(isinstance(entry, dict), "an entry is not an object")
    kind = entry.get("type")
    if isinstance(kind, str) and kind in ENTRIES:
        ENTRIES[kind](entry)
    else:
        record(COMMON)({name: entry[name] for name in COMMON if name in entry})
        need(entry.get("compatible") is True, f"an entry of type {kind!r}", Newer)
    return entry


# log.md, "Folding"


class Fold:
    def __init__(self):
        self.seq, self.hash, self.machine, self.keyring = 0, None, None, None
        self.points, self.open = {}, {"backup": None, "maintenance": None}
        self.generations, self.damaged = {}, {}
        self.trusted_at, self.doubtful_since = None, None

    def current(self, segment):
        return self.generations.get(segment, "0")

    def is_open(self, session):
        return any(lane and lane["id"] == session for lane in self.open.values())

    def add(self, entry, own_hash):
        need(entry["seq"] == self.seq + 1, f"entry {self.seq + 1} says it is entry {entry['seq']}")
        need(entry["previous"] == self.hash, f"entry {entry['seq']} does not follow the one before")
        need(entry["seq"] > 1 or entry["type"] == "machine", "entry 1 is not of type machine")
        self.seq, self.hash = entry["seq"], own_hash
        doubtful = self.note_clock(entry)
        self.note_keyring(entry["keyring"])
        step = getattr(self, "add_" + entry["type"], None) if entry["type"] in TYPES else None
        if step:
            step(entry, doubtful)

    def note_keyring(self, keyring):
        if self.keyring is None or keyring["generation"] > self.keyring["generation"]:
            self.keyring = {"generation": keyring["generation"], "hash": keyring["hash"]}

    def note_clock(self, entry):
        """Takes note of the entry's date; true when it is doubtful."""
        if entry["seq"] == 1:
            self.trusted_at = entry["at"]
        elif entry["type"] != "clock":
            ahead = nanoseconds(entry["at"]) // 10**6 - nanoseconds(self.trusted_at) // 10**6
            if ahead < -3600_000 or ahead > 168 * 3600_000:
                self.doubtful_since = self.doubtful_since or entry["seq"]
                return True
            if ahead > 0:
                self.trusted_at = entry["at"]
        return False

    def add_clock(self, entry, _):
        self.trusted_at, self.doubtful_since = entry["at"], None
        for one in [*self.points.values(), *filter(None, self.open.values())]:
            one["dateDoubtful"] = False

    def add_keyring(self, entry, _):
        self.note_keyring(entry)

    def add_machine(self, entry, _):
        self.machine = entry["machine"]

    def add_opened(self, entry, doubtful):
        before, adopted = self.open[entry["lane"]], None
        if entry["closes"] != (before and before["id"]):
            return
        if entry["lane"] == "maintenance" and (entry["base"] or entry["adopts"]):
            return
        if entry["base"] is not None and entry["base"] not in self.points:
            return
        if entry["adopts"] is not None:
            adopted = before and (before["checkpoint"] or before["adopted"])
            if not adopted or entry["adopts"] != {"session": before["id"], "checkpointSeq": adopted["seq"]}:
                return
        self.open[entry["lane"]] = {
            "id": f"{entry['seq']:08x}-{entry['nonce']}", "lane": entry["lane"], "seq": entry["seq"],
            "openedAt": entry["at"], "host": entry["host"], "base": entry["base"], "adopted": adopted,
            "checkpoint": None, "dateDoubtful": doubtful,
        }  # fmt: skip

    def in_lane(self, lane, session):
        return self.open[lane] is not None and self.open[lane]["id"] == session

    def add_checkpoint(self, entry, doubtful):
        if self.in_lane("backup", entry["session"]):
            self.open["backup"]["checkpoint"] = {name: entry[name] for name in ("seq", "at", "disks")}
            self.open["backup"]["dateDoubtful"] |= doubtful

    def add_closed(self, entry, _):
        for lane in self.open:
            if self.in_lane(lane, entry["session"]):
                self.open[lane] = None

    def add_point(self, entry, doubtful):
        if self.in_lane("backup", entry["session"]) and entry["point"] not in self.points:
            self.points[entry["point"]] = {name: entry[name] for name in POINT_FIELDS} | {
                "seq": entry["seq"], "deleted": None, "dateDoubtful": doubtful or self.open["backup"]["dateDoubtful"],
            }  # fmt: skip
            self.open["backup"] = None

    def add_deleted(self, entry, _):
        point = self.points.get(entry["point"])
        if point and not point["deleted"] and not (entry["by"] == "rule" and self.doubtful_since):
            point["deleted"] = {name: entry[name] for name in ("seq", "at", "by", "reason")}

    def deleted_by(self, entry):
        point = self.points.get(entry["point"])
        return point and point["deleted"] and point["deleted"]["seq"] == entry["deletion"]

    def add_undeleted(self, entry, _):
        if self.deleted_by(entry):
            self.points[entry["point"]]["deleted"] = None

    def add_purged(self, entry, _):
        backup = self.open["backup"]
        if not self.in_lane("maintenance", entry["session"]) or not self.deleted_by(entry) or self.doubtful_since:
            return
        if not backup or backup["base"] != entry["point"]:
            del self.points[entry["point"]]

    def add_replaced(self, entry, _):
        for item in entry["items"] if self.is_open(entry["session"]) else []:
            segment = (entry["disk"], item["kind"], item["segment"])
            ours = item["to"] != "0" and item["to"].startswith(entry["session"] + "-")
            if ours and item["from"] == self.current(segment) and not self.is_open(item["segment"][:25]):
                self.generations[segment] = item["to"]
                whole = self.damaged.get(segment, set()) - {*item["heals"], *item.get("drops", [])}
                self.set_damaged(segment, whole)

    def add_damaged(self, entry, _):
        for item in entry["items"]:
            segment = (entry["disk"], item["kind"], item["segment"])
            if item["generation"] == self.current(segment):
                more = {slot for first, count in item["slots"] for slot in range(first, first + count)}
                self.set_damaged(segment, self.damaged.get(segment, set()) | more)

    def set_damaged(self, segment, slots):
        self.damaged.pop(segment, None)
        if slots:
            self.damaged[segment] = slots

    def summary(self):
        """log.md, "Summaries"."""
        return {
            "seq": self.seq, "hash": self.hash, "machine": self.machine,
            "points": sorted(self.points.values(), key=lambda point: point["seq"]),
            "backup": self.open["backup"], "maintenance": self.open["maintenance"],
            "generations": by_disk(self.generations), "damaged": by_disk(self.damaged, as_ranges), "keyring": self.keyring,
            "clock": {"trustedAt": self.trusted_at, "doubtfulSinceSeq": self.doubtful_since},
        }  # fmt: skip


def by_disk(segments, shown=lambda value: value):
    groups = {}
    for (disk, kind, segment), value in sorted(segments.items()):
        groups.setdefault((disk, kind), []).append([segment, shown(value)])
    return [{"disk": disk, "kind": kind, "segments": those} for (disk, kind), those in groups.items()]


def as_ranges(slots):
    joined = []
    for slot in sorted(slots):
        if joined and sum(joined[-1]) == slot:
            joined[-1][1] += 1
        else:
            joined.append([slot, 1])
    return joined


def machines(vault):
    """Machines with an entry 1; a place in the roster without one is passed over."""
    for machine in sorted({*vault.folder.names("copies/roster"), *vault.folder.names("roster")}):
        key = f"roster/{machine}"
        _, payload = vault.read_small(key, b"rost", 4 * KIB)
        need(payload == b'{"machine":"%s"}' % machine.encode(), f"{key} names another machine")
        fold = read_log(vault, machine)
        if fold.seq > 0:
            yield machine, fold


def read_log(vault, machine):
    fold = Fold()
    place = f"machines/{machine}"
    listed = [*vault.folder.names(f"copies/{place}/log"), *vault.folder.names(f"{place}/log")]
    last = max([int(name, 16) for name in [*listed, *vault.folder.names(f"{place}/summaries")] if HEX8.fullmatch(name)] or [0])
    while True:
        key = f"{place}/log/{fold.seq + 1:08x}"

        def read(data):
            entry = parse_entry(vault.open_small(key, b"entr", data))
            need(entry["previous"] == fold.hash, f"{key} does not follow the entry before")
            return entry, sha256(data).hex()

        try:
            entry, own_hash = vault.folder.first_good(key, 16 * MIB, read)
        except Missing:
            need(fold.seq >= last, f"{key} is missing, though there are later ones")
            break
        fold.add(entry, own_hash)
        compare_summary(vault, machine, fold)
    if fold.keyring and fold.keyring["generation"] > vault.generation:
        vault.warnings.append(f"{machine}: its log knows keyring generation {fold.keyring['generation']}")
    return fold


def compare_summary(vault, machine, fold):
    key = f"machines/{machine}/summaries/{fold.seq:08x}"
    try:
        payload = vault.open_small(key, b"summ", vault.folder.get(key, 256 * MIB))
    except Missing:
        return
    need(parse_json(payload) == fold.summary(), f"{key} is not what the entries fold to")


# vault.md, "Blocks and pointers" to "Reading a point"


class Disk:
    """One disk of one point, as the log that was read says it is."""

    def __init__(self, vault, machine, fold, point, disk):
        self.vault, self.machine, self.fold, self.point = vault, machine, fold, point
        self.id, self.size = disk["disk"], disk["sizeBytes"]
        self.block_bytes = next(one["blockBytes"] for one in fold.machine["disks"] if one["id"] == self.id)
        self.root = disk["root"] and base64.b64decode(disk["root"])
        self.segments = {}

    def blocks(self):
        """Every stored block, ascending: its offset and content."""
        count = -(-self.size // self.block_bytes)
        levels = 1
        while 32**levels < count:
            levels += 1
        if self.root is not None:
            yield from self.below(self.root, levels, 0, count)

    def below(self, pointer, level, first, count):
        offset = first * self.block_bytes
        if level == 0:
            content = self.slot(pointer, "data", self.block_bytes)
            need(len(content) == min(self.block_bytes, self.size - offset), f"the block at {offset} has another length")
            yield offset, content
            return
        node = self.slot(pointer, "nodes", 8 + 32 * 36)
        need(len(node) >= 8 and node[0] == level, "a node of another level")
        (bitmap,) = struct.unpack_from("<I", node, 4)
        need(len(node) == 8 + 36 * bin(bitmap).count("1"), "a node of another length")
        at = 8
        for place in range(32):
            if bitmap >> place & 1:
                start = first + place * 32 ** (level - 1)
                if start < count:
                    yield from self.below(node[at : at + 36], level - 1, start, count)
                at += 36

    def slot(self, pointer, kind, most):
        need(len(pointer) == 36, "a pointer of another length")
        number, nonce, counter, slot, _ = struct.unpack_from("<I8sIHH", pointer)
        need(number > 0, "a pointer to nothing")
        segment = f"{number:08x}-{nonce.hex()}-{counter:08x}"
        while True:
            generation = self.fold.current((self.id, kind, segment))
            key = f"machines/{self.machine}/disks/{self.id}/{kind}/{segment}.{generation}"
            try:
                return self.segment(key, kind)(slot, most)
            except (Corrupt, Missing) as miss:
                self.fold = read_log(self.vault, self.machine)
                need(self.point["point"] in self.fold.points, "the point was purged meanwhile", Missing)
                if self.fold.current((self.id, kind, segment)) == generation:
                    raise Corrupt(f"slot {slot} of {key} is damaged: {miss}") from miss

    def segment(self, key, kind):
        if key not in self.segments:
            while len(self.segments) >= 8:
                self.segments.pop(next(iter(self.segments)))
            self.segments[key] = self.vault.read_segment(key, b"segd" if kind == "data" else b"segn")
        return self.segments[key]

    def digest(self):
        whole, at = hashlib.sha256(), 0
        for offset, content in self.blocks():
            add_zeros(whole, offset - at)
            whole.update(content)
            at = offset + len(content)
        add_zeros(whole, self.size - at)
        return whole.hexdigest()

    def write(self, path):
        with open(path, "xb") as file:
            for offset, content in self.blocks():
                file.seek(offset)
                file.write(content)
            file.truncate(self.size)


def add_zeros(digest, count):
    while count > 0:
        digest.update(bytes(min(count, MIB)))
        count -= MIB


def read_body(vault, machine, point):
    """The point's body: compared with the hash in its entry, and with what the entry says."""
    key = f"machines/{machine}/points/{point['session']}-{point['point']}"
    data, payload = vault.read_small(key, b"body", 256 * MIB)
    need(sha256(data).hex() == point["body"]["sha256"], f"{key} is not the body that the log names")
    body = parse_json(payload)
    need(isinstance(body, dict) and body.get("point") == point["point"], f"{key} is of another point")
    definition(body.get("machine"))
    need([one["disk"] for one in body["disks"]] == [one["disk"] for one in point["disks"]], f"{key} has other disks")
    return body


def points(vault):
    for machine, fold in machines(vault):
        for point in sorted(fold.points.values(), key=lambda point: point["seq"]):
            yield machine, fold, point


def list_points(vault):
    return [
        {
            "machine": fold.machine["name"], "point": point["point"], "capturedAt": point["capturedAt"],
            "consistency": point["consistency"], "deleted": point["deleted"] is not None,
            "disks": {disk["name"]: disk["sizeBytes"] for disk in point["disks"]},
            "unreadable": {disk["disk"]: disk["unreadable"] for disk in read_body(vault, machine, point)["disks"]},
        }
        for machine, fold, point in points(vault)
    ]  # fmt: skip


def digests(vault):
    return {
        point["point"]: {disk["name"]: Disk(vault, machine, fold, point, disk).digest() for disk in point["disks"]}
        for machine, fold, point in points(vault)
    }


def write(vault, wanted, name, path):
    for machine, fold, point in points(vault):
        for disk in point["disks"]:
            if point["point"] == wanted and disk["name"] == name:
                return Disk(vault, machine, fold, point, disk).write(path)
    raise Missing(f"the vault has no disk {name} in a point {wanted}")


def main(command, vault_path, key_file, *rest):
    vault = Vault(vault_path, key_file)
    shown = {"points": list_points, "digests": digests, "write": write}[command](vault, *rest)
    if shown is not None:
        print(json.dumps(shown, indent=2))
    for warning in vault.warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Refused as error:
        sys.exit(f"{type(error).__name__}: {error}")
