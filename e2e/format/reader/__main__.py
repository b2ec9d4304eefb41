"""Reads a Lockstep vault of format version 1, opened by a key file. Written from docs/format alone.

    reader points  VAULT KEYFILE                      the points of every machine, as JSON
    reader digests VAULT KEYFILE                      the SHA-256 of every disk of every point, as JSON
    reader write   VAULT KEYFILE POINT DISK FILE      one disk of one point, to a new sparse file

It reads every log from its first entry, and checks every tag, hash, MAC and bound that the pages name, apart from
fingerprints, which a reader need not. Debian: python3-cryptography, python3-zstandard.
"""

import json
import sys

sys.dont_write_bytecode = True

from disk import Disk
from keyring import parse_key_file
from machines import machines, read_body
from objects import Vault
from refusal import Missing, Refused


def points(vault):
    for machine, fold in machines(vault):
        for point in fold.summary()["points"]:
            yield machine, fold, point


def list_points(vault):
    return {
        point["point"]: {
            "machine": fold.machine["name"], "capturedAt": point["capturedAt"], "consistency": point["consistency"],
            "deleted": point["deleted"] is not None, "dateDoubtful": point["dateDoubtful"],
            "disks": [
                {"name": disk["name"], "sizeBytes": disk["sizeBytes"], "unreadable": more["unreadable"], "torn": more["torn"]}
                for disk, more in zip(point["disks"], read_body(vault, machine, point)["disks"])
            ],
        }
        for machine, fold, point in points(vault)
    }  # fmt: skip


def digests(vault):
    return {
        point["point"]: {disk["name"]: Disk(vault, machine, fold, point, disk).digest() for disk in point["disks"]}
        for machine, fold, point in points(vault)
    }


def write(vault, wanted, name, path):
    for machine, fold, point in points(vault):
        for disk in point["disks"]:
            if (point["point"], disk["name"]) == (wanted, name):
                Disk(vault, machine, fold, point, disk).write(path)
                return {"written": path}
    raise Missing(f"the vault has no disk {name} in a point {wanted}")


def main(command, vault_path, key_path, *rest):
    with open(key_path, "rb") as file:
        vault = Vault(vault_path, parse_key_file(file.read(16 * 1024 + 1)))
    print(json.dumps({"points": list_points, "digests": digests, "write": write}[command](vault, *rest), indent=2))
    for warning in vault.keyring.warnings:
        print(f"warning: {warning}", file=sys.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("points", "digests", "write"):
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except Refused as error:
        sys.exit(f"{type(error).__name__}: {error}")
