"""The objects of a vault: vault.md, "Objects" to "Segments"."""

import os
import struct

from keyring import open_keyring
from primitives import hkdf, sha256, unseal, unzstd
from refusal import Corrupt, Missing, Newer, need

MIB = 1024 * 1024
TABLE_NONCE = struct.pack("<I8x", 2**32 - 1)


class Folder:
    """A store that is a folder: the object KEY is the file KEY."""

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

    def versions(self, key, longest):
        """What lies there: the object and its second copy, or one of them, or nothing."""
        found = []
        for place in (key, f"copies/{key}"):
            try:
                found.append(self.get(place, longest))
            except (Corrupt, Missing):
                pass
        return found

    def first_good(self, key, longest, read):
        """What `read` makes of the object, or of its second copy. Fails as the object itself did."""
        try:
            return read(self.get(key, longest))
        except (Corrupt, Missing) as error:
            for data in self.versions(key, longest):
                try:
                    return read(data)
                except (Corrupt, Missing):
                    pass
            raise type(error)(f"{key}: {error}") from error


class Vault:
    def __init__(self, path, secret):
        self.folder = Folder(path)
        self.keyring = open_keyring(self.folder, secret)

    def parse_header(self, data, kind, flags_known):
        """Incompatible flags, object id, payload bytes, object key."""
        need(len(data) >= 64 and data[:12] == b"LOCKSTEP" + kind, f"not an object of kind {kind.decode()}")
        version, flags, epoch, object_id, length = struct.unpack_from("<H2xI4xI4x16sQ", data, 12)
        need(version <= 1 and flags & ~flags_known == 0, f"an object of version {version}, flags {flags:#x}", Newer)
        need(version == 1, "an object of version 0")
        keys = self.keyring.data_keys
        need(1 <= epoch <= len(keys), f"the keyring has no data key of epoch {epoch}")
        return flags, object_id, length, hkdf(keys[epoch - 1], self.keyring.salt, b"lockstep v1 " + kind + object_id)

    def open_small(self, key, kind, data):
        flags, _, length, object_key = self.parse_header(data, kind, 1)
        need(len(data) == 64 + length + 16, "the length is not what the header says")
        plain = unseal(object_key, data[64:], data[:64] + key.encode())
        return unzstd(plain, 256 * MIB) if flags & 1 else plain

    def read_segment(self, key, kind):
        """A generation of a segment: each of its versions as a function from a slot's number to its content."""
        opened, fault = [], Missing(f"{key} is missing")
        for data in self.folder.versions(key, 80 * MIB):
            try:
                opened.append(self.open_segment(key, kind, data))
            except Corrupt as error:
                fault = error
        if not opened:
            raise fault
        return opened

    def open_segment(self, key, kind, data):
        _, object_id, length, object_key = self.parse_header(data, kind, 0)
        name = key.rsplit(".", 1)[1]
        first = sha256(b"lockstep v1 first generation" + key.encode())[:16]
        need(object_id == (first if name == "0" else bytes.fromhex(name[-32:])), "the object id is not the generation's")
        need(length == 0 and len(data) >= 4096 + 32 and data[-8:] == b"LKSTPEND", "the segment has no end")
        count, table_bytes = struct.unpack_from("<II", data, len(data) - 16)
        table_at = len(data) - 16 - table_bytes
        need(count <= 65536 and table_bytes == 24 * count + 16 and table_at >= 4096, "the footer is impossible")
        associated = data[:64] + key.encode()
        table = unseal(object_key, data[table_at:-16], associated, TABLE_NONCE)
        rows, at = [], 4096
        for stored, plain, tag in struct.iter_unpack("<II16s", table):
            need(stored <= plain and (stored > 0 or plain == 0), "a slot has impossible lengths")
            rows.append((at, stored, plain, tag))
            at += stored
        need(at == table_at, "the segment is not as long as its rows say")

        def slot(number, most):
            need(number < count and rows[number][1] > 0, f"slot {number} is not in {key}", Missing)
            start, stored, plain, tag = rows[number]
            need(plain <= most, f"slot {number} of {key} is longer than it may be")
            content = unseal(object_key, data[start : start + stored] + tag, associated, struct.pack("<I8x", number))
            content = content if stored == plain else unzstd(content, plain)
            need(len(content) == plain, f"slot {number} of {key} unpacks to another length")
            return content

        return slot
