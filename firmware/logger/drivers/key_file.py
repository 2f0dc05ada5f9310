"""The board's secret in a file: the key store of logger/core/keys.py.

It is read here and nowhere else; nothing prints it, and no order and no frame asks for it.
"""

import os
from errno import ENOENT

from logger.core import ed25519, keys


class KeyFile:
    """Readable attributes: `identity`; `is_new`, whether there was no file and one was made."""

    def __init__(self, path):
        """Raises ValueError for a damaged file, OSError for one that cannot be opened: none takes its place."""
        self._path = path
        self.is_new = False
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError as error:
            if error.errno != ENOENT:
                raise
            self.is_new = True
            seed = os.urandom(ed25519.SEED_BYTES)
            self.save(keys.opened(keys.Ed25519Key(seed), os.urandom(keys.LABEL_BYTES)))
        else:
            self.identity = keys.Identity.from_bytes(content)

    def save(self, identity):
        """Wholly or not at all."""
        with open(self._path + ".new", "wb") as file:
            file.write(identity.to_bytes())
        os.rename(self._path + ".new", self._path)
        self.identity = identity

    def new_key_steps(self):
        seed = os.urandom(ed25519.SEED_BYTES)
        public = yield from ed25519.public_key_steps(seed)
        return keys.Ed25519Key(seed, public)
