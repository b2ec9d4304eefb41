"""The state of a machine, from its log: log.md, "Folding" and "Summaries"."""

from entries import KEY_STORE, POINT_FIELDS, TYPES, VERDICT_FIELDS
from refusal import need
from values import nanoseconds

HOUR_MS = 3_600_000


class Fold:
    def __init__(self):
        self.seq, self.hash, self.machine, self.keyring = 0, None, None, None
        self.points, self.open = {}, {"backup": None, "maintenance": None}
        self.generations, self.damaged = {}, {}
        self.key_store, self.receipts, self.checks = None, {}, {}
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
            now, trusted = nanoseconds(entry["at"]), nanoseconds(self.trusted_at)
            if not -HOUR_MS <= now // 10**6 - trusted // 10**6 <= 240 * HOUR_MS:
                self.doubtful_since = self.doubtful_since or entry["seq"]
                return True
            if now > trusted:
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
                "volumes": None, "shown": [], "checkedAt": None, "hurt": False,
            }  # fmt: skip
            self.open["backup"] = None

    def add_deleted(self, entry, _):
        point = self.points.get(entry["point"])
        if point and not point["deleted"] and not (entry["by"] == "rule" and self.doubtful_since):
            point["deleted"] = {name: entry[name] for name in ("seq", "at", "by", "reason")}
            if nanoseconds(entry["at"]) < nanoseconds(self.trusted_at):
                point["deleted"]["at"] = self.trusted_at

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
                self.set_damaged(segment, self.damaged.get(segment, set()) - {*item["heals"], *item.get("drops", [])})

    def add_damaged(self, entry, _):
        for item in entry["items"]:
            segment = (entry["disk"], item["kind"], item["segment"])
            if item["generation"] == self.current(segment):
                more = {slot for first, count in item["slots"] for slot in range(first, first + count)}
                self.set_damaged(segment, self.damaged.get(segment, set()) | more)

    def add_swept(self, entry, _):
        for kind, segment in entry["items"] if self.in_lane("maintenance", entry["session"]) else []:
            if not self.is_open(segment[:25]):
                self.generations.pop((entry["disk"], kind, segment), None)
                self.damaged.pop((entry["disk"], kind, segment), None)

    def add_volumes(self, entry, _):
        for item in entry["items"]:
            if item["point"] in self.points:
                self.points[item["point"]]["volumes"] = item["disks"]

    def add_verdict(self, entry, _):
        for item in entry["items"]:
            if item["point"] not in self.points:
                continue
            point, place = self.points[item["point"]], (item["disk"], item["volume"])
            before = [one for one in point["shown"] if (one["disk"], one["volume"]) == place]
            opened_at = before[0]["openedAt"] if before else None
            if item["verdict"] in ("reads", "opens"):
                opened_at = item["derivedAt"] or opened_at
            shown = {name: item[name] for name in VERDICT_FIELDS} | {"openedAt": opened_at}
            point["shown"] = [one for one in point["shown"] if one not in before] + [shown]

    def add_keystore(self, entry, _):
        given, known = {name: entry[name] for name in KEY_STORE}, self.key_store
        if not known or known["store"] != given["store"] or known["signingKey"] == given["signingKey"]:
            self.key_store = given
            if known and known["store"] != given["store"]:
                for one in [one for point in self.points.values() for one in point["shown"]]:
                    one.update(verdict="not tried", version=None, derivedAt=None)

    def add_receipt(self, entry, _):
        given = entry["receipt"]
        known = self.receipts.get(given["store"])
        if not known or (given["epoch"], given["auditSeq"]) > (known["epoch"], known["auditSeq"]):
            self.receipts[given["store"]] = given

    def add_checked(self, entry, doubtful):
        for name in self.points if entry["points"] is None else entry["points"]:
            point = self.points.get(name)
            if point is None or point["seq"] > entry["upTo"]:
                continue
            point["hurt"] = name in entry["hurt"]
            if point["hurt"]:
                point["checkedAt"] = None
            elif entry["points"] is not None and entry["part"] == [1, 1] and not doubtful:
                point["checkedAt"] = entry["startedAt"]
        if entry["points"] is None and entry["part"] and not doubtful:
            self.checks[tuple(entry["part"])] = {name: entry[name] for name in ("part", "startedAt", "upTo")}

    def set_damaged(self, segment, slots):
        self.damaged.pop(segment, None)
        if slots:
            self.damaged[segment] = slots

    def summary(self):
        """log.md, "Summaries"."""
        volumes = []
        points = [as_listed(point, volumes) for point in sorted(self.points.values(), key=lambda point: point["seq"])]
        return {
            "seq": self.seq, "hash": self.hash, "machine": self.machine, "points": points,
            "backup": self.open["backup"], "maintenance": self.open["maintenance"],
            "generations": by_disk(self.generations), "damaged": by_disk(self.damaged, as_ranges), "keyring": self.keyring,
            "clock": {"trustedAt": self.trusted_at, "doubtfulSinceSeq": self.doubtful_since}, "volumes": volumes,
            "receipts": [self.receipts[store] for store in sorted(self.receipts)],
            "checks": sorted(self.checks.values(), key=lambda check: check["part"][::-1]),
            "keyStore": self.key_store,
        }  # fmt: skip


def as_listed(point, volumes):
    """A point of a summary; what it has of volumes joins `volumes`, once."""
    if point["volumes"] is not None and point["volumes"] not in volumes:
        volumes.append(point["volumes"])
    place = None if point["volumes"] is None else volumes.index(point["volumes"])
    return point | {"volumes": place, "shown": sorted(point["shown"], key=lambda one: (one["disk"], one["volume"]))}


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
