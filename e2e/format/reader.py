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
    public = key_pair.public_key().public_bytes_raw() if hasattr(key_pair, "public_bytes_raw") else raw(key_pair.public_key())
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


def raw(public_key):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return public_key.public_bytes(Encoding.Raw, PublicFormat.Raw)
