"""The cryptography: keyring.md, "Terms"."""

import hashlib
import hmac

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from refusal import Corrupt, need


def sha256(data):
    return hashlib.sha256(data).digest()


def hmac_sha256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(key, salt, info):
    return HKDF(hashes.SHA256(), 32, salt, info).derive(key)


def unseal(key, sealed, associated, nonce=bytes(12)):
    """Opens AES-256-GCM: ciphertext, then tag."""
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError) as error:
        raise Corrupt("a tag does not fit what it seals") from error


def x25519_public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def x25519(private, public):
    try:
        return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(public))
    except ValueError as error:
        raise Corrupt("an X25519 exchange gives zeros") from error


def unzstd(frame, most):
    """One frame, of at most so many bytes."""
    try:
        plain = zstandard.ZstdDecompressor().stream_reader(frame).read(most + 1)
    except zstandard.ZstdError as error:
        raise Corrupt(f"zstd: {error}") from error
    need(len(plain) <= most, f"a zstd frame unpacks to more than {most} bytes")
    return plain
