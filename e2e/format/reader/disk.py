"""The disks of a point: vault.md, "Blocks and pointers" to "Reading a point"."""

import base64
import hashlib
import struct

from machines import read_log
from refusal import Corrupt, Missing, need

MIB = 1024 * 1024
KINDS = {"data": b"segd", "nodes": b"segn"}
FAN_OUT, POINTER_BYTES = 32, 36


class Disk:
    """A disk of a point, to be read as the machine's log says."""

    def __init__(self, vault, machine, fold, point, disk):
        self.vault, self.machine, self.fold, self.point = vault, machine, fold, point["point"]
        self.id, self.size = disk["disk"], disk["sizeBytes"]
        self.root = disk["root"] and base64.b64decode(disk["root"])
        block_bytes = {each["id"]: each["blockBytes"] for each in fold.machine["disks"]}
        need(self.id in block_bytes, f"the machine's definition has no disk {self.id}")
        self.block_bytes = block_bytes[self.id]
        self.segments = {}

    def blocks(self):
        """Every stored block in ascending order: its offset and its content."""
        count = -(-self.size // self.block_bytes)
        levels = 1
        while FAN_OUT**levels < count:
            levels += 1
        if self.root is not None:
            yield from self.below(self.root, levels, 0, count)

    def below(self, pointer, level, first, count):
        """The blocks below a pointer that a node of the level above has, or the root."""
        if level == 0:
            offset = first * self.block_bytes
            content = self.slot(pointer, "data", self.block_bytes)
            need(len(content) == min(self.block_bytes, self.size - offset), f"the block at {offset} has another length")
            yield offset, content
            return
        node = self.slot(pointer, "nodes", 8 + FAN_OUT * POINTER_BYTES)
        need(len(node) >= 8 and node[0] == level, "a node of another level")
        (bitmap,) = struct.unpack_from("<I", node, 4)
        places = [place for place in range(FAN_OUT) if bitmap >> place & 1]
        need(len(node) == 8 + POINTER_BYTES * len(places), "a node of another length")
        for at, place in enumerate(places):
            start = first + place * FAN_OUT ** (level - 1)
            if start < count:
                yield from self.below(node[8 + at * POINTER_BYTES :][:POINTER_BYTES], level - 1, start, count)

    def slot(self, pointer, kind, most):
        """The content that a pointer points to. Every miss is a reason to read the log again."""
        need(len(pointer) == POINTER_BYTES, "a pointer of another length")
        number, nonce, counter, slot = struct.unpack_from("<I8sIH", pointer)
        need(number > 0, "a pointer to nothing")
        segment = f"{number:08x}-{nonce.hex()}-{counter:08x}"
        while True:
            generation = self.fold.current((self.id, kind, segment))
            key = f"machines/{self.machine}/disks/{self.id}/{kind}/{segment}.{generation}"
            try:
                return self.slot_of(key, kind, slot, most)
            except (Corrupt, Missing) as miss:
                self.fold = read_log(self.vault, self.machine)
                need(self.point in self.fold.points, "the point was purged meanwhile", Missing)
                if self.fold.current((self.id, kind, segment)) == generation:
                    raise Corrupt(f"slot {slot} of {key} is damaged: {miss}") from miss

    def slot_of(self, key, kind, slot, most):
        if key not in self.segments:
            if len(self.segments) == 8:
                self.segments.pop(next(iter(self.segments)))
            self.segments[key] = self.vault.read_segment(key, KINDS[kind])
        fault = None
        for version in self.segments[key]:
            try:
                return version(slot, most)
            except (Corrupt, Missing) as error:
                fault = fault or error
        raise fault

    def digest(self):
        """SHA-256 of the whole disk, as hex."""
        whole, at = hashlib.sha256(), 0
        for offset, content in self.blocks():
            add_zeros(whole, offset - at)
            whole.update(content)
            at = offset + len(content)
        add_zeros(whole, self.size - at)
        return whole.hexdigest()

    def write(self, path):
        """Writes the disk to a new file, with holes where it is zeros."""
        with open(path, "xb") as file:
            for offset, content in self.blocks():
                file.seek(offset)
                file.write(content)
            file.truncate(self.size)


def add_zeros(digest, count):
    while count > 0:
        digest.update(bytes(min(count, MIB)))
        count -= MIB
