"""Machines, their logs and their points: log.md, "Reading a log", and vault.md, "Points"."""

import re

from entries import definition, parse_entry
from fold import Fold
from primitives import sha256
from refusal import Missing, Refused, need
from values import ID, array, base64_bytes, integer, nullable, one_of, parse_json, record, text

MIB = 1024 * 1024


def piece(value):
    """An offset, and base64."""
    need(isinstance(value, list) and len(value) == 2, "not an offset and bytes")
    integer(0, 2**53 - 1)(value[0])
    base64_bytes(None)(value[1])


VOLUMES = record({
    "format": integer(1, 2**53 - 1), "map": lambda value: None, "failure": nullable(text(4096)),
    "headers": array(record({"volume": text(512), "ranges": array(piece, 1024)}), 1024),
})  # fmt: skip
BODY = record({
    "point": ID, "machine": definition,
    "disks": array(record({
        "disk": ID, "changes": one_of("scan", "ranges"), "torn": nullable(text(4096)),
        "unreadable": array(array(integer(0, 2**53 - 1), 2, 2), 1_000_000),
    }, {"volumes": VOLUMES}), 256),
})  # fmt: skip


def machines(vault):
    """The machines' ids and folds. A place in the roster without a log is a creation that never finished."""
    names = {*vault.folder.names("copies/roster"), *vault.folder.names("roster")}
    for machine in sorted(name for name in names if re.fullmatch("[0-9a-f]{32}", name)):
        fold = read_log(vault, machine)
        if fold.seq > 0:
            check_place(vault, machine)
            vault.keyring.compare(fold.keyring, machine)
            yield machine, fold


def check_place(vault, machine):
    """Warns of a damaged place in the roster: its key names the machine all the same."""
    key = f"roster/{machine}"
    try:
        payload = vault.folder.first_good(key, 4096, lambda data: vault.open_small(key, b"rost", data))
        need(payload == b'{"machine":"%s"}' % machine.encode(), f"{key} names another machine")
    except Refused as error:
        vault.keyring.warnings.append(str(error))


def read_log(vault, machine):
    """The fold of all entries. Summaries are compared with it where there are some, and not believed."""
    fold, place, folder = Fold(), f"machines/{machine}", vault.folder
    names = folder.names(f"copies/{place}/log") + folder.names(f"{place}/log") + folder.names(f"{place}/summaries")
    last = max([int(name, 16) for name in names if re.fullmatch("[0-9a-f]{8}", name)], default=0)

    def read(data):
        entry = parse_entry(vault.open_small(key, b"entr", data))
        need(entry["seq"] == fold.seq + 1 and entry["previous"] == fold.hash, "it does not follow the entry before")
        return entry, sha256(data).hex()

    while True:
        key = f"{place}/log/{fold.seq + 1:08x}"
        try:
            entry, own_hash = folder.first_good(key, 16 * MIB, read)
        except Missing:
            need(fold.seq >= last, f"{key} is missing, and later entries are there")
            return fold
        fold.add(entry, own_hash)
        compare_summary(vault, machine, fold)


def compare_summary(vault, machine, fold):
    key = f"machines/{machine}/summaries/{fold.seq:08x}"
    try:
        data = vault.folder.get(key, 256 * MIB)
    except Missing:
        return
    found = parse_json(vault.open_small(key, b"summ", data))
    need(found == as_known(fold.summary(), found), f"{key} is not what the entries fold to")


def as_known(summary, found):
    """A summary as the program wrote it that wrote `found`, which may have passed over some types of entries: log.md, "Summaries"."""
    if "keyStore" in found:
        return summary
    if "receipts" in found:
        return {name: value for name, value in summary.items() if name != "keyStore"}
    dropped = {"volumes", "shown", "checkedAt", "hurt", "keyStore", "receipts", "checks"}
    points = [{name: value for name, value in point.items() if name not in dropped} for point in summary["points"]]
    return {name: value for name, value in summary.items() if name not in dropped} | {"points": points}


def read_body(vault, machine, point):
    key = f"machines/{machine}/points/{point['session']}-{point['point']}"

    def read(data):
        need(sha256(data).hex() == point["body"]["sha256"], "it is not the body that the log names")
        return parse_json(vault.open_small(key, b"body", data))

    body = vault.folder.first_good(key, 64 * MIB, read)
    BODY(body)
    need(body["point"] == point["point"], f"{key} is of another point")
    need([disk["disk"] for disk in body["disks"]] == [disk["disk"] for disk in point["disks"]], f"{key} has other disks")
    return body
