"""Copies of a key store: docs/format/keystore-copy.md."""

import base64
import hashlib
import json
import os
import re
import subprocess
import tempfile

from shares import Refused


class Copies:
    """The copies in some places, opened by a kit."""

    def __init__(self, places, identity, signing_key):
        self.places = places
        self.identity = identity
        self.signing_key = signing_key

    def newest(self):
        """(header, rows by table): the newest state that is good, and why newer copies were refused."""
        refused = []
        for epoch, number in sorted(self.names(), reverse=True):
            try:
                return self.state(epoch, number), refused
            except Refused as why:
                refused.append(f"copy {number} of epoch {epoch}: {why}")
        raise Refused("; ".join(refused) or "no copy is there")

    def names(self):
        found = set()
        for place in self.places:
            for name in os.listdir(os.path.join(place, "keystore")):
                if re.fullmatch("[0-9a-f]{8}-[0-9a-f]{8}", name):
                    found.add((int(name[:8], 16), int(name[9:], 16)))
        return found

    def state(self, epoch, number):
        chain = [self.good(epoch, number, None)]
        while chain[0][0]["kind"] == "increment":
            header = chain[0][0]
            chain.insert(0, self.good(epoch, header["previousNumber"], header["previous"]))
        tables = {"keys": {}, "versions": {}}
        for _, rows in chain:
            for row in rows:
                table = tables.get(row["table"])
                if table is None:
                    continue
                if "gone" in row:
                    table.pop(row["gone"][0], None)
                    continue
                row = row["row"]
                before = table.get(row["id"], {})
                if row.get("damaged_ms") is not None and row.get("value") is None:
                    row["value"] = before.get("value")
                table[row["id"]] = row
        return chain[-1][0], {name: list(rows.values()) for name, rows in tables.items()}

    def good(self, epoch, number, digest):
        """(header, rows) of a copy that is signed, from any place."""
        why = "it is in no place"
        for place in self.places:
            path = os.path.join(place, "keystore", f"{epoch:08x}-{number:08x}")
            if not os.path.exists(path):
                continue
            with open(path, "rb") as file:
                if digest is not None and hashlib.sha256(file.read()).hexdigest() != digest:
                    why = "it is another than the next one goes on from"
                    continue
            try:
                return self.parsed(self.decrypted(path), epoch, number)
            except Refused as reason:
                why = str(reason)
        raise Refused(f"copy {number}: {why}")

    def decrypted(self, path):
        opened = subprocess.run(
            ["age", "--decrypt", "--identity", "-", path], input=self.identity.encode(), capture_output=True
        )
        if opened.returncode != 0:
            raise Refused("age does not open it")
        return opened.stdout

    def parsed(self, plain, epoch, number):
        end = plain.rfind(b"\n", 0, len(plain) - 1) + 1
        lines = [json.loads(line) for line in plain[:end].splitlines()]
        header, rows = lines[0], lines[1:]
        if header["format"] != "lockstep key-store copy" or header["version"] != 1:
            raise Refused("it is of another format")
        if (header["epoch"], header["number"], header["rows"]) != (epoch, number, len(rows)):
            raise Refused("it is not what it says")
        signature = base64.b64decode(json.loads(plain[end:])["signature"])
        if base64.b64decode(header["signingKey"]) != self.signing_key or not self.is_signed(plain[:end], signature):
            raise Refused("it is not signed by the key store")
        return header, rows

    def is_signed(self, lines, signature):
        der = bytes.fromhex("302a300506032b6570032100") + self.signing_key
        pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
        with tempfile.TemporaryDirectory() as folder:
            files = {"key": pem, "signed": b"lockstep v1 copy\n" + lines, "signature": signature}
            for name, content in files.items():
                with open(os.path.join(folder, name), "wb") as file:
                    file.write(content)
            words = "openssl pkeyutl -verify -pubin -inkey key -rawin -in signed -sigfile signature"
            return subprocess.run(words.split(), cwd=folder, capture_output=True).returncode == 0

