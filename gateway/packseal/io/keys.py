"""Key files: the 32-byte seed of an Ed25519 key, readable by its owner alone."""

from __future__ import annotations

import os
from pathlib import Path

from nacl.signing import SigningKey

from packseal.errors import ConfigError

SEED_BYTES = 32


class Signer:
    """Signs with a key that never leaves this object."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self.public_key = bytes(key.verify_key)

    def __call__(self, message: bytes) -> bytes:
        return self._key.sign(message).signature


def load_or_make_key(path: Path) -> Signer:
    """The signer of the seed in path; a new one is made where there is no file. Raises ConfigError."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _load_key(path)
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be made: {error.strerror}") from None
    key = SigningKey.generate()
    with os.fdopen(descriptor, "wb") as file:
        file.write(bytes(key))
        file.flush()
        os.fsync(descriptor)
    return Signer(key)


def _load_key(path: Path) -> Signer:
    try:
        mode, seed = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigError(f"{path}: others can read this key; run: chmod 600 {path}")
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{path}: a key file has {SEED_BYTES} bytes, this one {len(seed)}; restore it from a backup")
    return Signer(SigningKey(seed))
