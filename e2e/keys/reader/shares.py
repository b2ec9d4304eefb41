"""What a kit's shares give: docs/format/kit.md."""

import hashlib
import hmac

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
PART_BYTES = 33
SHARE_BYTES = 1 + 4 + 1 + 1 + PART_BYTES + 4


class Refused(Exception):
    """What was given is not what the format says."""


def hkdf(key, info, length):
    """HKDF-SHA-256 with an empty salt."""
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    output, block, counter = b"", b"", 1
    while len(output) < length:
        block = hmac.new(extracted, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
        counter += 1
    return output[:length]


def times(a, b, polynomial, degree):
    """The product in GF(2^degree)."""
    product = 0
    while b:
        if b & 1:
            product ^= a
        a <<= 1
        if a >> degree:
            a ^= polynomial
        b >>= 1
    return product


def from_text(text, length):
    """The bytes of text for people."""
    plain = "".join(text.lower().replace("-", "").split())
    for seen, meant in ("i1", "l1", "o0"):
        plain = plain.replace(seen, meant)
    bits = ""
    for at in range(0, len(plain), 5):
        group = plain[at : at + 5]
        if len(group) != 5 or any(symbol not in ALPHABET for symbol in group):
            raise Refused(f"group {at // 5 + 1} is mistyped")
        symbols = [ALPHABET.index(symbol) for symbol in group]
        check = at // 5 % 32
        for weight, symbol in enumerate(symbols[:4], start=2):
            check ^= times(symbol, weight, 0b100101, 5)
        if check != symbols[4]:
            raise Refused(f"group {at // 5 + 1} is mistyped")
        bits += "".join(f"{symbol:05b}" for symbol in symbols[:4])
    if len(bits) != -(-length * 8 // 20) * 20 or "1" in bits[length * 8 :]:
        raise Refused("the text has another length")
    return int(bits[: length * 8], 2).to_bytes(length, "big")


def parse_share(text):
    """(set id, threshold, index, part)"""
    share = from_text(text, SHARE_BYTES)
    body, check = share[:-4], share[-4:]
    if hashlib.sha256(b"lockstep v1 kit share" + body).digest()[:4] != check:
        raise Refused("a share is mistyped")
    if body[0] != 1:
        raise Refused(f"a share is of version {body[0]}")
    return body[1:5], body[5], body[6], body[7:]


def inverse(a):
    """1 / a in the field of AES."""
    result = 1
    for _ in range(254):
        result = times(result, a, 0x11B, 8)
    return result


def secret_of(texts):
    """The secret that shares give."""
    shares = [parse_share(text) for text in texts]
    if len({(set_id, threshold) for set_id, threshold, _, _ in shares}) != 1:
        raise Refused("the shares are of several sets")
    set_id, threshold, _, first = shares[0]
    if len({index for _, _, index, _ in shares}) < threshold:
        raise Refused(f"{threshold} shares are needed")
    parts = [part for _, _, _, part in shares[:threshold]]
    if threshold == 1:
        secret = first[:32]
    else:
        secret = bytes(value_at_zero([(part[32], part[at]) for part in parts]) for at in range(32))
    if hkdf(secret, b"lockstep v1 kit set", 4) != set_id:
        raise Refused("the shares do not fit together")
    return secret


def value_at_zero(points):
    """Of the polynomial through the points (Lagrange)."""
    value = 0
    for x, y in points:
        term = y
        for other, _ in points:
            if other != x:
                term = times(term, times(other, inverse(other ^ x), 0x11B, 8), 0x11B, 8)
        value ^= term
    return value


BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def age_identity(secret):
    """The identity that opens the copies, as age writes it."""
    prefix = "age-secret-key-"
    private = int.from_bytes(hkdf(secret, b"lockstep v1 kit copies", 32), "big") << 4
    words = [private >> (5 * at) & 31 for at in range(51, -1, -1)]
    expanded = [ord(letter) >> 5 for letter in prefix] + [0] + [ord(letter) & 31 for letter in prefix]
    check = 1
    for word in expanded + words + [0] * 6:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ word
        for at, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            if top >> at & 1:
                check ^= generator
    check ^= 1
    words += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return (prefix + "1" + "".join(BECH32[word] for word in words)).upper()
