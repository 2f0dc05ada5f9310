"""What a log is, short of its bytes: its tree's edge, where its entries leave off, what is signed, receipted and lost.

The head of a segment has all of it, so that a start reads heads and replays one segment.
"""

import struct

from logger.core import cbor, entries
from logger.core.blinding import leaf_of
from logger.core.losses import LOSS_BYTES, Losses
from logger.core.merkle import HASH_BYTES, Edge, edge_bytes
from logger.core.sectors import CHECKPOINT, ENTRY, LEAF, LOSS, RECEIPT, WrongLogError

_SPAN = "<QQ"
LEAF_BYTES = HASH_BYTES + 16
_SIZES = "<II"
_SIZES_BYTES = 8
_PARITY_AT = _SIZES_BYTES + LOSS_BYTES + entries.Progress.BYTES
_EDGE_AT = _PARITY_AT + HASH_BYTES


class State:
    """`parity`: of all leaves of the log. Each checkpoint's record repeats it, so that between two of them the leaf of
    one entry that can no longer be read follows from the others'."""

    def __init__(self, disclosure_seed):
        self.edge = Edge()
        self.progress = entries.Progress()
        self.losses = Losses()
        self.receipted_size = 0
        self.checkpointed_size = 0
        self.parity = bytes(HASH_BYTES)
        self._disclosure_seed = disclosure_seed

    def leaf_of(self, entry):
        return leaf_of(entry, self._disclosure_seed)

    def note_entry(self, entry, leaf):
        self.note_leaf(leaf)
        self.progress.note(entry)
        if self.progress.last_kind == entries.GAP:
            self.losses.settle(cbor.decode(entry)[4][2])

    def note_leaf(self, leaf):
        """The next entry of the log, by its leaf alone."""
        self.edge.append(leaf)
        self.parity = xor_of(self.parity, leaf)

    def note_bare(self, leaf, first_ms, last_ms):
        """A window of which there is no more than this, from first_ms to last_ms of uptime."""
        self.losses.note_bare(self.edge.size, first_ms, last_ms)
        self.note_leaf(leaf)

    def note(self, kind, number, payload):
        """Takes over a record of the log; an entry is the next one."""
        if kind == ENTRY:
            self.note_entry(payload, self.leaf_of(payload))
        elif kind == CHECKPOINT:
            self.checkpointed_size = number
        elif kind == RECEIPT:
            self.receipted_size = number
            self.checkpointed_size = max(self.checkpointed_size, number)  # it may have been held
        elif kind == LEAF:
            self.note_bare(payload[:HASH_BYTES], *struct.unpack(_SPAN, payload[HASH_BYTES:]))
        elif kind == LOSS and number > self.losses.serial:
            self.losses = Losses.from_bytes(payload)

    def to_bytes(self):
        sizes = struct.pack(_SIZES, self.receipted_size, self.checkpointed_size)
        return sizes + self.losses.to_bytes() + self.progress.to_bytes() + self.parity + self.edge.to_bytes()

    @staticmethod
    def from_bytes(content, disclosure_seed):
        """Raises WrongLogError when another version of the firmware wrote it and had more or less to say."""
        if len(content) != _EDGE_AT + edge_bytes(size_of(content)):
            raise WrongLogError("the log on the flash was written by another version of the firmware")
        state = State(disclosure_seed)
        state.receipted_size, state.checkpointed_size = struct.unpack(_SIZES, content[:_SIZES_BYTES])
        state.losses = Losses.from_bytes(content[_SIZES_BYTES : _SIZES_BYTES + LOSS_BYTES])
        state.progress = entries.Progress.from_bytes(content[_SIZES_BYTES + LOSS_BYTES : _PARITY_AT])
        state.parity = content[_PARITY_AT:_EDGE_AT]
        state.edge = edge_of(content)
        return state


def leaf_payload(leaf, first_ms, last_ms):
    """Of a LEAF record."""
    return leaf + struct.pack(_SPAN, first_ms, last_ms)


def edge_of(content):
    """The edge in the bytes of a State."""
    return Edge.from_bytes(content[_EDGE_AT:])


def size_of(content):
    """The size of the log in the bytes of a State."""
    return int.from_bytes(content[_EDGE_AT : _EDGE_AT + 4], "little")


def xor_of(one, other):
    """Of two hashes."""
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(HASH_BYTES, "big")
