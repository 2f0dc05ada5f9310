"""What a board signs with, and what its log was opened with: the content of its key file.

A *key* has `algorithm`, `public`, `sign_steps(message)`, a generator that returns the 64 bytes, and
`disclosure_seed(label)`, 16 bytes that are always the same and that nobody else can know. A board with a secure element
brings its own; the one here is for boards without.

A *key store*, which the board brings, has `identity`, `save(identity)`, which is durable wholly or not at all, and
`new_key_steps()`, a generator that returns a fresh key. Randomness is the board's.

The steps in which a key or a log changes are states of the identity: each start sees from it what is to be finished.
"""

from binascii import crc32
from hashlib import sha256

from logger.core import cbor, ed25519, entries
from logger.core.blinding import HMAC, SEED_BYTES
from logger.core.cose import ED25519
from logger.core.merkle import leaf_hash

LABEL_BYTES = 16
LOG_ID_BYTES = 16
_VERSION = 1
_CRC_BYTES = 4
_TYPES = (int, bytes, bytes, bytes, (bytes, type(None)), int)  # version, seed, disclosure seed, genesis, next seed, seq


class Ed25519Key:
    """A key in the microcontroller."""

    algorithm = ED25519

    def __init__(self, seed, public=None):
        """seed: 32 random bytes, secret; public: what belongs to it, where that is known already."""
        self.seed = seed
        self.public = public or ed25519.public_key(seed)

    def sign_steps(self, message):
        signature = None
        for signature in ed25519.sign_steps(self.seed, self.public, message):
            if signature is None:
                yield
        return signature

    def disclosure_seed(self, label):
        return HMAC(self.seed).digest(b"packseal/disclosure/1" + label)[:SEED_BYTES]


class Identity:
    """Which log is this board's, and which key signs for it.

    Its genesis and disclosure seed stay what they are when the key changes. `next_key` is set from the order to change
    the key until the old key's last checkpoint is safe; the KEY entry with `next_key` has the number `next_seq`.
    """

    def __init__(self, key, genesis, disclosure_seed, next_key=None, next_seq=0):
        self.key = key
        self.genesis = genesis
        self.disclosure_seed = disclosure_seed
        self.next_key = next_key
        self.next_seq = next_seq
        self.log_id = leaf_hash(genesis)[:LOG_ID_BYTES]  # docs/record.md section 2, KEY

    @property
    def previous_id(self):
        """The log that this one goes on from, None where there is none."""
        previous = self._body().get(6)
        return previous and previous[0]

    def rotating(self, next_key, next_seq):
        return Identity(self.key, self.genesis, self.disclosure_seed, next_key, next_seq)

    def rotated(self):
        return Identity(self.next_key, self.genesis, self.disclosure_seed)

    def succeeded(self, size, root):
        """The identity of the log that goes on from this one, which ends with a SEAL at this size and root."""
        label = sha256(self._body()[4] + root).digest()[:LABEL_BYTES]
        return opened(self.key, label, [self.log_id, size, root])

    def _body(self):
        return cbor.decode(self.genesis)[4]

    def to_bytes(self):
        """Of Ed25519 keys."""
        next_seed = self.next_key and self.next_key.seed
        content = cbor.encode([_VERSION, self.key.seed, self.disclosure_seed, self.genesis, next_seed, self.next_seq])
        return content + crc32(content).to_bytes(_CRC_BYTES, "little")

    @staticmethod
    def from_bytes(content):
        """Raises ValueError for what to_bytes has not written."""
        if crc32(content[:-_CRC_BYTES]) != int.from_bytes(content[-_CRC_BYTES:], "little"):
            raise ValueError("its CRC differs")
        version, seed, disclosure_seed, genesis, next_seed, next_seq = cbor.items(
            cbor.decode(content[:-_CRC_BYTES]), _TYPES
        )
        if version != _VERSION:
            raise ValueError("of another version")
        next_key = next_seed and Ed25519Key(next_seed)
        return Identity(Ed25519Key(seed), genesis, disclosure_seed, next_key, next_seq)


def opened(key, label, previous=None):
    """The identity of a log that this key opens. label: 16 random bytes; previous as entries.genesis has it."""
    disclosure_seed = key.disclosure_seed(label)
    genesis = entries.genesis(key.algorithm, key.public, label, disclosure_seed, previous)
    return Identity(key, genesis, disclosure_seed)
