"""Lives of a whole logger with a simulated clock, flash in memory and a tiny gateway; prints what came of one as JSON.

The clock moves on by a fixed time with every step of the logger, as if each took a slow board that long.
"""

import json
import sys
from hashlib import sha256

from memory_flash import MemoryFlash

from logger.core import cbor, cose, ed25519
from logger.core.cbor import NULL
from logger.core.link import CHECKPOINT, ENTRY, HELLO, RECEIPT, STATUS, WANT, BoardLink, FrameReceiver, encode_frame
from logger.core.logger import Key, Logger
from logger.core.merkle import Edge, leaf_hash
from logger.core.sectorlog import SectorLog
from logger.drivers.simulator import SimulatedPack

SERVICE_SEED = bytes(range(32))
SERVICE_KEY = ed25519.public_key(SERVICE_SEED)
KEY = Key(bytes(range(1, 33)), bytes(16))
LOG_ID = leaf_hash(KEY.genesis)[:16]
KINDS = {1: "BOOT", 2: "WINDOW", 3: "SOH", 5: "GAP", 6: "KEY"}


class Board:
    def __init__(self, flash, sample_ms, window_ms, checkpoint_every, step_ms, start_ms=0):
        self.now_ms = start_ms
        self.start_ms = start_ms
        self.step_ms = step_ms
        config = {"rated_capacity_mah": 10000, "cell_blocks": 12, "strings": 2, "clock_rate": 1}
        config.update({"sample_ms": sample_ms, "window_ms": window_ms, "checkpoint_every": checkpoint_every})
        config["service_public_key"] = SERVICE_KEY
        pack = SimulatedPack(lambda: self.now_ms, 12, 2, 10000, 9100, 1)
        self.logger = Logger(config, SectorLog(flash, LOG_ID), KEY, pack, bytes(32), 1)
        self.link = BoardLink(self.logger)

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


class Gateway:
    """Checks all that a board says as it comes, and answers every checkpoint with a receipt."""

    def __init__(self):
        self._receiver = FrameReceiver()
        self.edge = Edge()
        self.entries = []
        self.checkpoints = []
        self.statuses = 0
        self.is_receipting = True

    def receive(self, content):
        answers = b""
        for kind, body in self._receiver.feed(content):
            if kind == HELLO:
                assert cbor.decode(body)[6] == KEY.genesis
                answers += self._want(1)
            elif kind == ENTRY:
                self._take_entry(body)
                answers += self._want(0)
            elif kind == CHECKPOINT:
                answers += self._take_checkpoint(body)
            else:
                assert kind == STATUS
                self.statuses += 1
        return answers

    def _want(self, rewind):
        return encode_frame(WANT, cbor.encode([self.edge.size, 8, rewind]))

    def _take_entry(self, body):
        entry = cbor.decode(body)
        assert entry[1] == self.edge.size
        assert not self.entries or entry[2:4] >= self.entries[-1][2:4]
        self.edge.append(leaf_hash(body))
        self.entries.append(entry)

    def _take_checkpoint(self, body):
        _, _, payload, signature = cbor.decode(body).parts
        ed25519.verify(KEY.public, cose.checkpoint_message(payload), signature)
        _, log_id, size, root, _, _, _, _ = cbor.decode(payload)
        assert (log_id, size, root) == (LOG_ID, self.edge.size, self.edge.root())
        self.checkpoints.append(size)
        return encode_frame(RECEIPT, receipt_of(size, root)) if self.is_receipting else b""


def receipt_of(size, root, log_id=LOG_ID, seed=SERVICE_SEED):
    public = ed25519.public_key(seed)
    protected = cbor.encode({1: -19, 4: sha256(public).digest()[:8]})
    payload = cbor.encode([1, log_id, size, root, 0, 1])
    message = cbor.encode(["Signature1", protected, b"packseal/receipt/1", payload])
    return cbor.encode(cbor.Sign1([protected, {}, payload, ed25519.sign(seed, public, message)]))


def summary(board, gateway):
    counts = {}
    for entry in gateway.entries:
        kind = KINDS[entry[0]]
        counts[kind] = counts.get(kind, 0) + 1
    return {
        "slots_missed": board.logger.slots_missed,
        "windows_lost": board.logger.windows_lost,
        "receipts_refused": board.logger.receipts_refused,
        "frames_refused": board.link.frames_refused,
        "checkpoints": len(gateway.checkpoints),
        "samples": sum([entry[4][2] for entry in gateway.entries if entry[0] == 2]),
        "gap_windows": [entry[4][2] for entry in gateway.entries if entry[0] == 5],
        "boots": [entry[2] for entry in gateway.entries if entry[0] == 1],
        "counts": counts,
        "is_all_receipted": board.logger.log.receipted_size == gateway.checkpoints[-1],
    }


def sampling():
    """10 Hz, a signature for every window of a second, 4 ms a step."""
    board, gateway = Board(MemoryFlash(16, 4096), 100, 1000, 1, 4), Gateway()
    board.run(60000, gateway)
    return summary(board, gateway)


def slow():
    """A step takes longer than a slot, a signature longer than a window: what passes is counted, the log goes on."""
    board, gateway = Board(MemoryFlash(16, 4096), 100, 1000, 2, 250), Gateway()
    board.run(120000, gateway)
    result = summary(board, gateway)
    result["slots_missed_in_windows"] = sum([entry[4].get(3, 0) for entry in gateway.entries if entry[0] == 2])
    return result


def full():
    """No gateway until the log is full and more; then one comes."""
    board, gateway = Board(MemoryFlash(8, 2048), 500, 1000, 5, 4), Gateway()
    board.run(250000)
    assert board.logger.windows_lost > 20
    size = board.logger.log.size
    board.run(20000)
    assert board.logger.log.size == size, "a full log was written to"
    assert board.logger.log.checkpointed_size == size, "what is not signed can never be freed"
    lost = board.logger.windows_lost
    board.run(30000, gateway)
    result = summary(board, gateway)
    result["lost_while_full"] = lost
    return result


def full_restart():
    """The log fills, the power goes, and the board starts with a log that has no room for its BOOT entry."""
    flash, gateway = MemoryFlash(8, 2048), Gateway()
    Board(flash, 500, 1000, 5, 4).run(250000)
    board = Board(flash, 500, 1000, 5, 4, 300000)
    board.run(20000)
    board.run(30000, gateway)
    return summary(board, gateway)


def restarts():
    """Restarts with a gateway that goes on: counters, boots and uptime never fall (Gateway checks the latter)."""
    flash, gateway = MemoryFlash(8, 4096), Gateway()
    counters = []
    for start in range(5):
        board = Board(flash, 1000, 10000, 4, 4, 400000 * (start + 1))
        board.run(200000, gateway)
        counters.append(board.logger.log.progress.counters)
    assert counters == sorted(counters)
    assert counters[-1][1] > 500
    return summary(board, gateway)


def hostile():
    """Receipts that are not this service's for this log, and frames of nonsense: counted, and nothing is freed."""
    board, gateway = Board(MemoryFlash(8, 4096), 1000, 10000, 4, 4), Gateway()
    gateway.is_receipting = False
    board.run(100000, gateway)
    size = gateway.checkpoints[-1]
    root = cose.checkpoint_root(board.logger.log.checkpoint_of(size))
    good = receipt_of(size, root)
    bad = [receipt_of(size, bytes(32)), receipt_of(size, root, bytes(16)), receipt_of(size, root, seed=bytes(32))]
    bad += [receipt_of(size + 1, root), good[:-1], good[:-1] + bytes([good[-1] ^ 1]), b"", b"\x00"]
    protected, _, _, signature = cbor.decode(good).parts
    for other in ({1: 2}, {}, [NULL], [], None, 1, "", "123456", cbor.Sign1([])):
        bad.append(cbor.encode(cbor.Sign1([protected, {}, other, signature])))
    for receipt in bad:
        board.link.feed(encode_frame(RECEIPT, receipt))
        board.run(2000, gateway)
    assert board.logger.log.receipted_size == 0
    for want in ([0, 1], [-1, 1, 1], [0, 1, 2], [0, 1, None], b"\0\1\1", {0: 1, 1: 1, 5: 1}, "011", 0, None):
        board.link.feed(encode_frame(WANT, cbor.encode(want)))
    board.link.feed(encode_frame(WANT) + encode_frame(99))
    board.link.feed(encode_frame(RECEIPT, good))
    board.run(2000, gateway)
    assert board.logger.log.receipted_size == size
    return summary(board, gateway)


def late_receipt():
    """A smaller receipt comes while a larger one is verified: receipted_size after each."""
    board, gateway = Board(MemoryFlash(8, 4096), 1000, 10000, 4, 4), Gateway()
    gateway.is_receipting = False
    board.run(100000, gateway)
    log, sizes = board.logger.log, []
    for size in (gateway.checkpoints[-1], gateway.checkpoints[0]):
        board.link.feed(encode_frame(RECEIPT, receipt_of(size, cose.checkpoint_root(log.checkpoint_of(size)))))
        board.logger.step(board.now_ms - board.start_ms)
    while board.logger.receipts_settled < 2:
        board.run(4)
        if log.receipted_size not in sizes:
            sizes.append(log.receipted_size)
    return {"receipted": sizes, "checkpoints": gateway.checkpoints}


def credit():
    """What leaves after each WANT, as kinds of frames and seqs of entries (docs/link.md clauses 3 to 5)."""
    board = Board(MemoryFlash(8, 4096), 1000, 10000, 3, 4)
    board.run(85000)
    said = [drained(board)]
    for next_seq, entries, rewind in ((0, 3, 1), (0, 3, 0), (3, 2, 0), (1, 2, 1), (0, 0, 1), (2, 1, 1), (0, 99, 0)):
        board.link.feed(encode_frame(WANT, cbor.encode([next_seq, entries, rewind])))
        said.append(drained(board))
    return said


def drained(board):
    receiver, said = FrameReceiver(), []
    frame = board.link.next_frame()
    while frame:
        for kind, body in receiver.feed(frame):
            if kind == ENTRY:
                said.append(cbor.decode(body)[1])
            elif kind != STATUS:
                said.append({HELLO: "hello", CHECKPOINT: "checkpoint"}[kind])
        frame = board.link.next_frame()
    return said


lives = {"sampling": sampling, "slow": slow, "full": full, "full_restart": full_restart}
lives.update({"restarts": restarts, "hostile": hostile, "late_receipt": late_receipt, "credit": credit})
if __name__ == "__main__":
    print(json.dumps(lives[sys.argv[1]]()))
