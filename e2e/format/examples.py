"""Makes every example value of docs/format anew, from the pages' words, and compares: another program's arithmetic.

    examples.py DOCS_FORMAT_FOLDER

Prints how many values it compared, and what it could not. Debian: python3-cryptography, python3-zstandard; python3-argon2
and b3sum for the values that need argon2id and BLAKE3.
"""

import base64
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "reader"))

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from entries import parse_entry
from keyring import has_mac, key_file_private, open_generation, parse_generation, parse_key_file, parse_vault_file
from keyring import SUITE
from objects import Vault
from primitives import hkdf, hmac_sha256, sha256, unseal, x25519, x25519_public

compared, left_out = [], []


def same(what, computed, shown):
    if computed != shown:
        sys.exit(f"{what}: the page says {shown!r}, it should be {computed!r}")
    compared.append(what)


def read(folder, page):
    with open(os.path.join(folder, page), encoding="utf-8") as file:
        return file.read()


def fenced(text, language=""):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


class Opened:
    """A keyring that has one data key."""

    def __init__(self, vault_id, data_key):
        self.salt, self.data_keys = vault_id, [data_key]


def vault_page(text):
    rows = re.findall(r"^- (.*?):\n  (.*)$", re.search("<!-- example -->(.*?)<!-- /example -->", text, re.DOTALL)[1], re.M)
    # "its object key" is said twice: of the roster's object, then of the segment.
    object_keys = [bytes.fromhex(value) for name, value in rows if name == "its object key"]
    shown = {name: value.strip("`") for name, value in rows}
    machine, disk, segment = shown["machine id"], shown["disk id"], shown["segment"]
    vault_id, root, data_key = (bytes.fromhex(shown[name]) for name in ("vault id", "root key", "data key of epoch 1"))
    vault = Vault.__new__(Vault)
    vault.keyring = Opened(vault_id, data_key)

    roster, data = f"roster/{machine}", bytes.fromhex(shown["the object"])
    object_id = bytes.fromhex(shown[f"`{roster}`, object id"])
    same("roster: object key", hkdf(data_key, vault_id, b"lockstep v1 rost" + object_id), object_keys[0])
    header = struct.pack("<8s4sH2xIII4x16sQ8x", b"LOCKSTEP", b"rost", 1, 0, 0, 1, object_id, len(data) - 64 - 16)
    same("roster: header", header, data[:64])
    same("roster: payload", vault.open_small(roster, b"rost", data), b'{"machine":"%s"}' % machine.encode())

    key = f"machines/{machine}/disks/{disk}/data/{segment}.0"
    same("segment: name", f"{shown['session']}-00000000", segment)
    same("segment: key", key, shown["key of its first generation"])
    born = sha256(b"lockstep v1 first generation" + key.encode())[:16]
    header = struct.pack("<8s4sH2xIII4x16sQ8x", b"LOCKSTEP", b"segd", 1, 0, 0, 1, born, 0)
    same("segment: header", header.hex(), shown["its header"])
    same("segment: object key", hkdf(data_key, vault_id, b"lockstep v1 segd" + born), object_keys[1])
    plain = bytes.fromhex(shown["slot 0, plaintext"])
    whole = header + bytes(4096 - 64) + bytes.fromhex(shown["the object from byte 4096 (decimal) on"])
    same("segment: slot 0", vault.open_segment(key, b"segd", whole)(0, 4096), plain)

    fingerprint_key = hkdf(root, vault_id, b"lockstep v1 fingerprint " + disk.encode())
    same("fingerprint key", fingerprint_key.hex(), shown["fingerprint key of the disk"])
    node = bytes.fromhex(shown["node of level 1 with block 3 in slot 0"])
    number, nonce = shown["session"].split("-")
    pointer = struct.pack("<I8sIHH", int(number, 16), bytes.fromhex(nonce), 0, 0, 0)
    same("node", struct.pack("<B3xI", 1, 1 << 3) + pointer, node[:-16])
    if shutil.which("b3sum") is None:
        left_out.append("fingerprint: b3sum is missing")
        return
    path = f"/dev/fd/{pipe_of(plain)}"
    sum_of = ["b3sum", "--keyed", "--no-mmap", "--no-names", "--length", "16", path]
    done = subprocess.run(sum_of, input=fingerprint_key, capture_output=True, check=True, close_fds=False)
    same("fingerprint", done.stdout.strip().decode(), node[-16:].hex())


def pipe_of(data):
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    os.set_inheritable(reading, True)
    return reading


def tree_costs(text):
    """The table under "What a tree costs", and the other fan-outs in the sentence below it."""
    changed, blocks = 16384, 167772160

    def levels(fan_out):
        nodes = blocks
        while nodes > 1:
            nodes = math.ceil(nodes / fan_out)
            yield nodes, -nodes * math.expm1(changed * math.log1p(-1 / nodes)) if nodes > 1 else 1

    def percent(fan_out):
        size = 8 + fan_out * 36 + 24
        return 100 * sum(written for _, written in levels(fan_out)) * size / 2**30

    table = re.findall(r"^\| (\d) +\| ([\d,]+) +\| ([\d,]+) +\| ([\d,]+) +\|$", text, re.MULTILINE)
    same("levels", sum(1 for _ in levels(32)), len(table))
    for (nodes, written), (level, *numbers) in zip(levels(32), table):
        shown = [int(number.replace(",", "")) for number in numbers]
        same(f"level {level}: nodes", nodes, shown[0])
        same(f"level {level}: written", round(written), shown[1])
        same(f"level {level}: bytes", round(written * 1184 / 1000), shown[2] // 1000)
    total = re.search(r"^\| all +\| +\| ([\d,]+) +\| ([\d,]+) +\|$", text, re.MULTILINE)
    same("all: written", f"{sum(round(written) for _, written in levels(32)):,}", total[1])
    same("all: bytes", round(sum(written for _, written in levels(32)) * 1184 / 10**4), int(total[2].replace(",", "")) // 10**4)
    said = re.search(
        r"That is ([\d.]+) % of.*?fan-out of 16 it would be ([\d.]+) %.*?7 levels.*?with 64 it would be ([\d.]+) %, with 256 (\d+) %",
        text,
        re.DOTALL,
    )
    for fan_out, shown in zip((32, 16, 64, 256), said.groups()):
        same(f"fan-out {fan_out}", f"{percent(fan_out):.{1 if '.' in shown else 0}f}", shown)
    same("fan-out 16: levels", sum(1 for _ in levels(16)), 7)


def keyring_page(text):
    shown = dict(re.findall(r"^\| (.+?) +\| `([0-9a-f]{64})` \|$", text, re.MULTILINE))
    value = {name: bytes.fromhex(digits) for name, digits in shown.items()}
    key_file = next(block for block in fenced(text) if block.startswith("# Opens"))
    vault_text, generation_text = (block.encode() for block in fenced(text, "json"))
    vault = parse_vault_file(vault_text)
    salt, root = bytes.fromhex(vault["id"]), value["root key"]
    generation = parse_generation(generation_text, vault["id"], 1)

    same("SHA-256 of the generation", sha256(generation_text), value["SHA-256 of `keyring/00000001`"])
    same("rootCommitment", sha256(b"lockstep v1 root commitment" + salt + root).hex(), vault["rootCommitment"])
    same("mac", has_mac(generation_text, root, salt), True)
    private = key_file_private(parse_key_file(key_file.encode()), salt)
    same("key file's private key", private, value["private key of the key file's way"])
    contents = (root, [value["data key of epoch 1"]])
    ways = ((generation["ways"][0], "key file"), (generation["ways"][1], "passphrase"))
    for way, name in ways:
        own = value[f"private key of the {name}'s way"]
        ephemeral = value[f"ephemeral private key, {name}'s way"]
        public, ephemeral_public = base64.b64decode(way["publicKey"]), base64.b64decode(way["ephemeralKey"])
        same(f"{name}: publicKey", x25519_public(own), public)
        same(f"{name}: ephemeralKey", x25519_public(ephemeral), ephemeral_public)
        same(f"{name}: shared secret", x25519(own, ephemeral_public), x25519(ephemeral, public))
        same(f"{name}: contents", open_generation(generation, vault, own), contents)
        root_mac = hmac_sha256(hkdf(own, salt, b"lockstep v1 unlock way root"), salt + bytes.fromhex(vault["rootCommitment"]))
        same(f"{name}: rootMac", root_mac, base64.b64decode(way["rootMac"]))
        info = b"lockstep v1 keyring " + SUITE.encode() + struct.pack("<I", 1) + way["id"].encode() + ephemeral_public + public
        wrapping = hkdf(x25519(ephemeral, public), salt, info)
        same(f"{name}: wrappedKey", unseal(wrapping, base64.b64decode(way["wrappedKey"]), b""), value["generation's key"])
    passphrase_way(ways[1][0], salt, value["private key of the passphrase's way"])

    cipher = Cipher(algorithms.AES(sha256(b"docs/format/keyring.md")), modes.CTR(bytes(16))).encryptor()
    stream = cipher.update(bytes(4096))
    drawn = [name for name in value if name != "private key of the key file's way" and not name.startswith("SHA-256")]
    for name, data in [*((name, value[name]) for name in drawn), ("vault's id", salt)]:
        same(f"{name}: drawn from the key stream", data in stream, True)


def passphrase_way(way, salt, private):
    try:
        from argon2.low_level import Type, hash_secret_raw
    except ImportError:
        left_out.append("wrappedPrivateKey: argon2 is missing")
        return
    password = unicodedata.normalize("NFKC", "correct horse").encode()
    cost = {"time_cost": way["passes"], "memory_cost": way["memoryKiB"], "parallelism": way["lanes"]}
    output = hash_secret_raw(password, base64.b64decode(way["salt"]), hash_len=32, type=Type.ID, version=0x13, **cost)
    key = hkdf(output, salt, b"lockstep v1 passphrase " + way["id"].encode())
    opened = unseal(key, base64.b64decode(way["wrappedPrivateKey"]), base64.b64decode(way["publicKey"]))
    same("passphrase: wrappedPrivateKey", opened, private)


def log_page(text):
    (example,) = fenced(text, "json")
    entry = parse_entry(example.encode())
    session = re.search(r"It opens session `(.*?)`", text)[1]
    same("entry: session", f"{entry['seq']:08x}-{entry['nonce']}", session)
    same("entry: segment", f"{session}-00000001", re.search(r"whose first segment is `(.*?)`", text)[1])


def main(folder):
    vault_text = read(folder, "vault.md")
    vault_page(vault_text)
    tree_costs(vault_text)
    keyring_page(read(folder, "keyring.md"))
    log_page(read(folder, "log.md"))
    print(json.dumps({"compared": compared, "leftOut": left_out}))


if __name__ == "__main__":
    main(*sys.argv[1:])
