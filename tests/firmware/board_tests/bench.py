"""A board with flash in memory and a clock that a test moves on, and a tiny gateway that checks all that it says.

The clock moves on by a fixed time with every step of the logger, as if each took a slow board that long.
"""

from hashlib import sha256

from memory_keys import MemoryKeys

from logger.core import cbor, cose, ed25519, entries
from logger.core.blinding import leaf_of
from logger.core.link import (
    CHECKPOINT,
    ENTRY,
    FRESH_STATE,
    HELLO,
    ORDER,
    POSSESSION,
    RECEIPT,
    STATUS,
    WANT,
    BoardLink,
    FrameReceiver,
    encode_frame,
)
from logger.core.logger import Logger
from logger.core.merkle import Edge, leaf_hash
from logger.core.sectorlog import SectorLog
from logger.drivers.simulator import SimulatedPack

SERVICE_SEED = bytes(range(32))
SERVICE_KEY = ed25519.public_key(SERVICE_SEED)
OPERATOR_SEED = bytes(range(32, 64))
OPERATOR_KEY = ed25519.public_key(OPERATOR_SEED)
SETTINGS_DIGEST = bytes(range(64, 96))
UNIX_MS = 1700000000000


class Pack(SimulatedPack):
    """The simulated one, whose meters can be unplugged."""

    is_silent = False

    def read(self, sample):
        super().read(sample)
        if self.is_silent:
            sample.current_ma = sample.pack_mv = None


class Board:
    def __init__(self, flash, sample_ms, window_ms, checkpoint_every, step_ms, start_ms=0, keys=None, **more):
        self.now_ms = start_ms
        self.start_ms = start_ms
        self.step_ms = step_ms
        config = {"rated_capacity_mah": 10000, "cell_blocks": 12, "strings": 2, "clock_rate": 1}
        config.update({"sample_ms": sample_ms, "window_ms": window_ms, "checkpoint_every": checkpoint_every})
        config["time_every_ms"] = 600000
        config.update({"service_public_key": SERVICE_KEY, "operator_public_key": OPERATOR_KEY})
        config.update({"settings_digest": SETTINGS_DIGEST})  # type: ignore[dict-item]  # numbers and bytes
        config.update(more)
        self.pack = Pack(lambda: self.now_ms, config["cell_blocks"], 2, 10000, 9100, 1)
        self.flash = flash
        self.keys = keys or MemoryKeys(flash)
        identity = self.keys.identity
        log = SectorLog(flash, identity.log_id, identity.disclosure_seed, identity.previous_id)
        self.logger = Logger(config, log, self.keys, self.pack, bytes(32), 1)
        self.link = BoardLink(self.logger)

    @property
    def log(self):
        return self.logger.log

    def run(self, duration_ms, gateway=None):
        """With a gateway, each step's bytes reach it and what it answers comes back."""
        end_ms = self.now_ms + duration_ms
        while self.now_ms < end_ms:
            is_busy = self.logger.step(self.now_ms - self.start_ms)
            if gateway:
                frame = self.link.next_frame()
                self.link.feed(gateway.receive(frame) if frame else b"")
                is_busy = is_busy or frame
            self.now_ms += self.step_ms if is_busy else max(self.logger.ms_to_next_slot(), 1)


class LogSeen:
    """What a gateway knows of one log."""

    def __init__(self, genesis, seed):
        body = cbor.decode(genesis)[4]
        assert body[5] == sha256(seed).digest()
        self.genesis = genesis
        self.log_id = leaf_hash(genesis)[:16]
        self.seed = seed
        self.previous = body.get(6)
        self.keys = [(1, (body[1], body[2]))]  # (the smallest size it signs, (algorithm, public key))
        self.edge = Edge()
        self.entries = []
        self.bare = []  # the numbers of those of which only the leaf has come
        self.told = 0  # how many of them GAP entries name
        self.checkpoints = []
        self.roots = {}  # size: root, of every checkpoint ever heard
        self.nonces = []  # (nonce, size) of those that had one

    @property
    def key(self):
        return self.keys[-1][1]

    @property
    def rotations(self):
        """The sizes whose checkpoint is the last of a key."""
        return [least - 1 for least, _ in self.keys[1:]]

    def key_of(self, size):
        return [key for least, key in self.keys if least <= size][-1]

    def take_entry(self, content):
        entry = cbor.decode(content)
        if len(entry) == 2:  # a bare leaf
            assert entry[1] == self.edge.size
            self.edge.append(entry[0])
            self.bare.append(entry[1])
            return
        assert entry[1] == self.edge.size
        assert not self.entries or self.entries[-1][0] != entries.SEAL, "an entry behind the end of the log"
        assert not self.entries or entry[2:4] >= self.entries[-1][2:4], "time runs back"
        if entry[0] == entries.KEY and entry[1]:
            self._check_possession(entry[4])
        if entry[0] == entries.GAP and 4 in entry[4]:
            self.told += entry[4][4][2]
        self.edge.append(leaf_of(content, self.seed))
        self.entries.append(entry)

    def _check_possession(self, body):
        payload = cbor.encode([1, body[1], body[2], self.log_id])
        message = cbor.encode(["Signature1", cbor.encode({1: body[1]}), b"packseal/rotation/1", payload])
        verify((body[1], body[2]), message, body[7])

    def take_checkpoint(self, content):
        """(size, root). The last entry may be a change of key, and no other one of what is new."""
        protected, unprotected, payload, signature = cbor.decode(content).parts
        _, log_id, size, root, boot, uptime_ms, nonce, _ = cbor.decode(payload)
        assert (log_id, size, root) == (self.log_id, self.edge.size, self.edge.root())
        key = self.key_of(size)
        assert (protected, unprotected) == (cbor.encode({1: key[0]}), {})
        verify(key, cbor.encode(["Signature1", protected, b"packseal/checkpoint/1", payload]), signature)
        assert self.roots.setdefault(size, root) == root, "two roots for one size"
        assert self.told == len(self.bare), "a leaf without a GAP behind it"
        last = self.entries[-1]
        assert [boot, uptime_ms] >= last[2:4]
        covered = self.entries[self.checkpoints[-1] if self.checkpoints else 1 :]
        assert not [entry for entry in covered[:-1] if entry[0] == entries.KEY], "entries behind a change of key"
        if last[0] == entries.KEY and size > 1 and size not in self.rotations:
            self.keys.append((size + 1, (last[4][1], last[4][2])))
        self.checkpoints.append(size)
        if nonce is not None:
            self.nonces.append((nonce, size))
        return size, root

    def kinds(self):
        return [entry[0] for entry in self.entries]


def verify(key, message, signature):
    """Ed25519; a test on CPython puts another one in its place for other algorithms."""
    assert key[0] == cose.ED25519
    ed25519.verify(key[1], message, signature)


class Gateway:
    """Checks all that a board says as it comes, and answers every checkpoint with a receipt."""

    def __init__(self):
        self._receiver = FrameReceiver()
        self.logs = []
        self.status = None  # the newest
        self.possessions = []
        self.fresh_states = []
        self.receipt_times = {}  # SHA-256: received_unix_ms
        self.is_receipting = True
        self._unix_ms = UNIX_MS

    @property
    def log(self):
        return self.logs[-1]

    @property
    def entries(self):
        return self.log.entries

    @property
    def checkpoints(self):
        return self.log.checkpoints

    def receive(self, content):
        answers = b""
        for kind, body in self._receiver.feed(content):
            if kind == HELLO:
                answers += self._greet(cbor.decode(body))
            elif kind == ENTRY:
                self.log.take_entry(body)
                answers += self._want(0)
            elif kind == CHECKPOINT:
                size, root = self.log.take_checkpoint(body)
                answers += self._receipt(size, root)
            elif kind == POSSESSION:
                self.possessions.append(body)
            elif kind == FRESH_STATE:
                self.fresh_states.append(cbor.decode(body))
            else:
                assert kind == STATUS
                self.status = cbor.decode(body)
        return answers

    def _greet(self, hello):
        genesis, seed = hello[6], hello[8]
        if not self.logs or self.log.genesis != genesis:
            log = LogSeen(genesis, seed)
            if self.logs:
                before = self.log
                assert before.entries[-1][0] == entries.SEAL
                assert log.previous == [before.log_id, before.edge.size, before.edge.root()]
            self.logs.append(log)
        assert hello[1] <= self.log.edge.size
        self._receiver = FrameReceiver()
        return self._want(1)

    def _want(self, rewind):
        return encode_frame(WANT, cbor.encode([self.log.edge.size, 8, rewind]))

    def _receipt(self, size, root):
        if not self.is_receipting:
            return b""
        self._unix_ms += 1000
        receipt = receipt_of(size, root, self.log.log_id, received_unix_ms=self._unix_ms)
        self.receipt_times[sha256(receipt).digest()] = self._unix_ms
        return encode_frame(RECEIPT, receipt)


LOG_ID = MemoryKeys(None).identity.log_id


def receipt_of(size, root, log_id=LOG_ID, seed=SERVICE_SEED, received_unix_ms=1):
    payload = [1, log_id, size, root, 0, received_unix_ms, bytes(16), bytes(32) if size % 2 else None]
    return signed(b"packseal/receipt/1", payload, seed)


def order_of(identity, order, cause, seed=OPERATOR_SEED):
    return signed(b"packseal/order/1", [1, identity.log_id, order, cose.key_id(identity.key.public), cause], seed)


def order_frame(identity, order, cause):
    return encode_frame(ORDER, order_of(identity, order, cause))


def signed(purpose, payload, seed):
    public = ed25519.public_key(seed)
    protected = cbor.encode({1: -19, 4: sha256(public).digest()[:8]})
    payload = cbor.encode(payload)
    message = cbor.encode(["Signature1", protected, purpose, payload])
    return cbor.encode(cbor.Sign1([protected, {}, payload, ed25519.sign(seed, public, message)]))
