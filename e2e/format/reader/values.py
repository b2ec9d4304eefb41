"""What JSON values must look like: log.md, "Types". A check is a function that raises when a value is not one."""

import base64
import datetime
import json
import re
import unicodedata

from refusal import Corrupt, Newer, need

U32 = 2**32 - 1


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
    """So many UTF-16 code units without control characters."""

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
    """An object with these fields; `unknown` is what another field makes it."""

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
    """The canonical base64 of so many bytes; None: of any number."""

    def check(value):
        try:
            data = base64.b64decode(value, validate=True)
        except (ValueError, TypeError) as error:
            raise Corrupt(f"{value!r} is not base64") from error
        need(length in (None, len(data)) and base64.b64encode(data).decode() == value, f"{value!r} is not {length} bytes")

    return check


def nanoseconds(value):
    """A date as nanoseconds since 1970."""
    parts = re.fullmatch("([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.]([0-9]{1,9}))?Z", value if isinstance(value, str) else "")
    need(parts, f"{value!r} is not a date")
    try:
        second = datetime.datetime.fromisoformat(parts[1]) - datetime.datetime(1970, 1, 1)
    except ValueError as error:
        raise Corrupt(f"{value!r} is not a date") from error
    return (second.days * 86400 + second.seconds) * 10**9 + int((parts[2] or "").ljust(9, "0"))


def date(value):
    nanoseconds(value)


ID, HASH = matching("[0-9a-f]{32}"), matching("[0-9a-f]{64}")
