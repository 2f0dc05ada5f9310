"""Key files: the 32-byte seed of an Ed25519 key, readable by its owner alone."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from nacl.signing import SigningKey

from packseal.errors import ConfigError
from packseal.io.files import create_private, read_owned

SEED_BYTES = 32
READER_KEY_BYTES = 32
READER_KEY_PREFIX = "packseal-reader-"  # by which a search for leaked secrets finds it


class Signer:
    """Signs with a key that never leaves this object."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_key = bytes(key.verify_key)

    def __call__(self, message: bytes) -> bytes:
        return self._key.sign(message).signature

    def secret(self, label: bytes) -> bytes:
        """32 bytes that nobody without this key can know, the same ones each time."""
        return hmac.digest(bytes(self._key), label, hashlib.sha256)


def load_key(path: Path) -> Signer:
    """The signer of the seed in path. Raises ConfigError."""
    seed = read_owned(path, SEED_BYTES)
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{path}: a key file has {SEED_BYTES} bytes, this one {len(seed)}; restore it from a backup")
    return Signer(SigningKey(seed))


def load_or_make_key(path: Path) -> Signer:
    """The signer of the seed in path; a new one is made where there is no file. Raises ConfigError."""
    if not path.exists():
        try:
            create_private(path, bytes(SigningKey.generate()))
        except FileExistsError:
            pass  # another process was quicker: its key is the key
        except OSError as error:
            raise ConfigError(f"{path}: the key cannot be made: {error.strerror}") from None
    return load_key(path)


def new_reader_key() -> tuple[str, bytes]:
    """A key of 256 random bits for a reader of passports, as it is sent, and its SHA-256, which is all that is kept."""
    key = READER_KEY_PREFIX + secrets.token_urlsafe(READER_KEY_BYTES)
    return key, hashlib.sha256(key.encode()).digest()
