"""What opens a vault: keyring.md."""

import base64
import hmac
import re
import struct

from primitives import hkdf, hmac_sha256, sha256, unseal, x25519, x25519_public
from refusal import Corrupt, Denied, Missing, Newer, need
from values import HASH, ID, U32, array, base64_bytes, date, integer, matching, nullable, one_of, parse_json, record

SUITE = "x25519-hkdf-sha256-aes256gcm"
MAC_TAIL = re.compile(rb',\n  "mac": "([0-9a-f]{64})"\n}\n')
MOST_WORK = 1048576 * 16

WAY = {
    "id": ID, "kind": one_of("keyfile"), "createdAt": date, "publicKey": base64_bytes(32),
    "label": matching("(?! )[^\\u0000-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]+(?<! )"),
    "rootMac": base64_bytes(32), "ephemeralKey": base64_bytes(32), "wrappedKey": base64_bytes(48),
}  # fmt: skip
PASSPHRASE_WAY = WAY | {
    "kind": one_of("passphrase"), "kdf": one_of("argon2id"), "memoryKiB": integer(8, 1048576), "passes": integer(1, 16),
    "lanes": integer(1, 16), "salt": base64_bytes(16), "wrappedPrivateKey": base64_bytes(48),
}  # fmt: skip


def check_way(way):
    need(isinstance(way, dict), "an unlock way is not an object")
    need(way.get("kind") in ("keyfile", "passphrase"), f"an unlock way of kind {way.get('kind')!r}", Newer)
    need(way.get("kdf", "argon2id") == "argon2id", f"passphrases by {way.get('kdf')!r}", Newer)
    record(WAY if way["kind"] == "keyfile" else PASSPHRASE_WAY, unknown=Corrupt)(way)
    need(len(way["label"].encode()) <= 128, "a label is too long")
    need(way.get("memoryKiB", 0) >= 8 * way.get("lanes", 0), "memoryKiB is below 8 × lanes")


GENERATION = record({
    "format": one_of("lockstep keyring"), "version": integer(1, 1), "suite": one_of(SUITE), "vault": ID,
    "generation": integer(1, U32), "previous": nullable(HASH), "createdAt": date, "ways": array(check_way, 64, 1),
    "sealed": base64_bytes(None), "mac": HASH,
}, unknown=Corrupt)  # fmt: skip


def parse_key_file(data):
    need(len(data) <= 16 * 1024, "the key file is too long")
    lines = [line.strip().upper() for line in data.decode("utf-8", "replace").split("\n")]
    keys = [line for line in lines if line and not line.startswith("#")]
    need(len(keys) == 1, "the key file must have one line with a key")
    parts = re.fullmatch("LOCKSTEP-KEY-1-([0-9A-F]{64})-([0-9A-F]{8})", keys[0])
    need(parts, "the key file holds no key")
    secret = bytes.fromhex(parts[1])
    need(sha256(b"lockstep v1 key file check" + secret)[:4] == bytes.fromhex(parts[2]), "the key has a wrong character")
    return secret


def parse_vault_file(data):
    value = parse_json(data)
    need(isinstance(value, dict) and value.get("format") == "lockstep vault", "vault.json is not of a vault")
    integer(1, U32)(value.get("version"))
    need(value["version"] == 1, f"the vault has format version {value['version']}", Newer)
    need(isinstance(value.get("incompatible"), list) and isinstance(value.get("compatible"), list), "features")
    need(not value["incompatible"], f"the vault needs {value['incompatible']}", Newer)
    for check, name in ((ID, "id"), (HASH, "rootCommitment"), (date, "createdAt")):
        check(value.get(name))
    return value


def parse_generation(data, vault_id, number):
    value = parse_json(data)
    need(isinstance(value, dict) and value.get("format") == "lockstep keyring", "not a generation of a keyring")
    integer(1, U32)(value.get("version"))
    need(value["version"] == 1 and value.get("suite") == SUITE, "a generation of a newer format", Newer)
    GENERATION(value)
    need(value["vault"] == vault_id and value["generation"] == number, "the generation belongs elsewhere")
    need((value["previous"] is None) == (number == 1), "previous is null in generation 1 and only there")
    for name in ("id", "label", "publicKey"):
        need(len({way[name] for way in value["ways"]}) == len(value["ways"]), f"two ways have the same {name}")
    work = sum(way.get("memoryKiB", 0) * way.get("passes", 0) for way in value["ways"])
    need(work <= MOST_WORK, "the passphrases ask for too much work")
    return value


def parse_contents(contents):
    """The root key, and the data keys from epoch 1 on."""
    need(len(contents) >= 36, "the contents are too short")
    (count,) = struct.unpack_from("<I", contents, 32)
    need(1 <= count <= 8192 and len(contents) == 36 + 32 * count, "the contents have another length")
    return contents[:32], [contents[at : at + 32] for at in range(36, len(contents), 32)]


def key_file_private(secret, salt):
    return hkdf(secret, salt, b"lockstep v1 key file")


def open_generation(value, vault, private):
    """The root key and data keys of a generation; None when no way of it has that private key."""
    salt, public = bytes.fromhex(vault["id"]), x25519_public(private)
    way = next((way for way in value["ways"] if base64.b64decode(way["publicKey"]) == public), None)
    if way is None:
        return None
    root_mac = hmac_sha256(hkdf(private, salt, b"lockstep v1 unlock way root"), salt + bytes.fromhex(vault["rootCommitment"]))
    need(hmac.compare_digest(root_mac, base64.b64decode(way["rootMac"])), "rootMac is wrong")
    ephemeral, number = base64.b64decode(way["ephemeralKey"]), struct.pack("<I", value["generation"])
    info = b"lockstep v1 keyring " + SUITE.encode() + number + way["id"].encode() + ephemeral + public
    wrapping = hkdf(x25519(private, ephemeral), salt, info)
    generation_key = unseal(wrapping, base64.b64decode(way["wrappedKey"]), b"")
    sealed = base64.b64decode(value["sealed"])
    return parse_contents(unseal(generation_key, sealed, b"lockstep v1 keyring contents" + salt + number))


def has_mac(data, root, salt):
    tail = MAC_TAIL.fullmatch(data[-80:])
    mac = hmac_sha256(hkdf(root, salt, b"lockstep v1 keyring mac"), data[:-80])
    return tail is not None and hmac.compare_digest(mac.hex().encode(), tail[1])


def open_keyring(folder, secret):
    """Opens the keyring by vault.json or, where that does not go, by its copy."""
    opened, faults = None, [Missing("there is no vault.json")]
    for data in folder.versions("vault.json", 64 * 1024):
        try:
            opened = opened or Keyring(folder, parse_vault_file(data), secret)
        except (Corrupt, Denied, Newer) as fault:
            faults.append(fault)
    if opened is None:
        raise faults[min(1, len(faults) - 1)]
    return opened


class Keyring:
    """An opened vault's keyring: the newest good generation, and its data keys."""

    def __init__(self, folder, vault_file, secret):
        self.vault = vault_file
        self.salt = bytes.fromhex(self.vault["id"])
        self.private = key_file_private(secret, self.salt)
        self.warnings, self.hashes = [], {}
        # Copies are listed before primaries, so that a copy alone means a lost primary.
        names = folder.names("copies/keyring") + folder.names("keyring")
        numbers = sorted({int(name, 16) for name in names if re.fullmatch("[0-9a-f]{8}", name)})
        stored = {number: folder.versions(f"keyring/{number:08x}", 1024 * 1024) for number in numbers}
        root = next(filter(None, (self.root_in(stored[number], number) for number in reversed(numbers))), None)
        need(root, "the key file opens no generation of the keyring", Denied)
        self.judge(stored, root)

    def root_in(self, versions, number):
        """The root key, where the key file's way of this generation gives the one of the vault."""
        for data in versions:
            try:
                inside = open_generation(parse_generation(data, self.vault["id"], number), self.vault, self.private)
            except (Corrupt, Newer):
                continue
            if inside and self.is_root(inside[0]) and has_mac(data, inside[0], self.salt):
                return inside[0]
        return None

    def is_root(self, root):
        commitment = sha256(b"lockstep v1 root commitment" + self.salt + root).hex()
        return hmac.compare_digest(commitment, self.vault["rootCommitment"])

    def judge(self, stored, root):
        """From the oldest generation up, to the newest good one: "Opening", steps 3 and 4."""
        self.data_keys, opens = [], False
        for number, versions in stored.items():
            data = next((data for data in versions if has_mac(data, root, self.salt)), None)
            if data is None:
                self.warnings.append(f"keyring generation {number} is damaged or forged")
                continue
            value = parse_generation(data, self.vault["id"], number)
            if value["previous"] != self.hashes.get(number - 1, value["previous"]):
                break
            inside = open_generation(value, self.vault, self.private)
            if inside and (inside[0] != root or inside[1][: len(self.data_keys)] != self.data_keys):
                break
            self.hashes[number], opens = sha256(data).hex(), inside is not None
            self.data_keys = inside[1] if inside else self.data_keys
        need(self.hashes and opens, "the way of this key file was removed from the vault", Denied)
        self.generation = max(self.hashes)
        if self.generation != max(stored):
            self.warnings.append(f"the keyring was damaged or forged above generation {self.generation}")

    def compare(self, named, machine):
        """With the newest generation that a log names: a deleted one leaves no trace but there."""
        known = self.hashes.get(named["generation"], named["hash"])
        if named["generation"] > self.generation or known != named["hash"]:
            self.warnings.append(f"the log of {machine} names another keyring generation {named['generation']}")
