"""A key store in memory whose power can be cut when it saves, as one more operation of the flash beside it."""

from hashlib import sha256

from memory_flash import ALL, GARBAGE, PowerCutError

from logger.core import ed25519, keys


class MemoryKeys:
    """Carries its content over a restart: `MemoryKeys(flash, content)`. Its keys are no secret."""

    def __init__(self, flash, content=None):
        self._flash = flash
        self.content = content
        self._keys_made = 0
        if content:
            self.identity = keys.Identity.from_bytes(content)
        else:
            self._set(keys.opened(keys.Ed25519Key(bytes(range(1, 33))), bytes(16)))

    def save(self, identity):
        flash = self._flash
        flash.operations += 1
        is_cut = flash.operations - 1 == flash.cut_at
        if not is_cut or flash.tear in (ALL, GARBAGE):
            self._set(identity)
        if is_cut:
            raise PowerCutError

    def new_key_steps(self):
        self._keys_made += 1
        seed = sha256(self.content + bytes([self._keys_made])).digest()
        public = yield from ed25519.public_key_steps(seed)
        return keys.Ed25519Key(seed, public)

    def _set(self, identity):
        self.identity = identity
        self.content = identity.to_bytes()
