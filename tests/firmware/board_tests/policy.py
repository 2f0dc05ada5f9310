"""What a board says and when it signs (docs/record.md sections 2 and 5.4); prints what came of a life as JSON."""

import json
import sys

from bench import SETTINGS_DIGEST, Board, Gateway, verify
from memory_flash import MemoryFlash
from orders import run_until_cut

from logger.core import cbor
from logger.core.entries import EVENT, GAP, SOH, TIME, WINDOW
from logger.core.link import CHALLENGE, encode_frame
from logger.core.sectorlog import SectorLog

DAY_MS = 86400000


def lived(duration_ms, window_ms=10000, checkpoint_every=4, **more):
    board = Board(MemoryFlash(16, 4096), 1000, window_ms, checkpoint_every, 4, **more)
    gateway = Gateway()
    board.run(duration_ms, gateway)
    return board, gateway


def next_signed(gateway, kind):
    """For each entry of a kind, how many entries behind it are below the first checkpoint that covers it."""
    sizes = sorted(gateway.log.roots)
    return [
        min([size for size in sizes if size > seq]) - seq - 1
        for seq, entry in enumerate(gateway.entries)
        if entry[0] == kind and seq < sizes[-1]
    ]


def start():
    """KEY, BOOT and CONFIG, one signature for all: BOOT's, which the others wait for."""
    _, gateway = lived(500)
    assert gateway.entries[2][4] == {5: SETTINGS_DIGEST}
    return {"kinds": gateway.log.kinds()[:3], "checkpoints": gateway.checkpoints}


def windows():
    """Sizes from signature to signature while nothing but windows comes; the first receipt's TIME is one more."""
    _, gateway = lived(200000, time_every_ms=DAY_MS)
    sizes = gateway.checkpoints
    return [sizes[i + 1] - sizes[i] for i in range(len(sizes) - 1)]


def state_of_health():
    _, gateway = lived(4500000, checkpoint_every=60, chemistry="nmc")
    seqs = [seq for seq, entry in enumerate(gateway.entries) if entry[0] == SOH]
    for seq in seqs:
        first, last = gateway.entries[seq][4][2]
        assert gateway.entries[first][0] == gateway.entries[last][0] == WINDOW
    return {"statements": len(seqs), "behind": next_signed(gateway, SOH)}


def silent_source():
    """Two windows without a current, then samples again, then a restart within another silence."""
    board, gateway = lived(45000, checkpoint_every=60)
    board.pack.is_silent = True
    board.run(31000, gateway)
    board.pack.is_silent = False
    board.run(20000, gateway)
    board.pack.is_silent = True
    board.run(30000, gateway)
    again = Board(board.flash, 1000, 10000, 60, 4, board.now_ms, board.keys)
    again.pack.is_silent = True
    again.run(30000, gateway)
    again.pack.is_silent = False
    again.run(5000, gateway)
    found = [(seq, entry) for seq, entry in enumerate(gateway.entries) if entry[0] == EVENT]
    windows = [entry[4] for entry in gateway.entries if entry[0] == WINDOW]
    return {
        "events": [entry[4] for _, entry in found],
        "uptimes": [entry[3] for _, entry in found][:2],
        "before_it_begins": gateway.entries[found[0][0] - 1][4].get(4),
        "windows_without_current": len([body for body in windows if 4 not in body]),
        "behind": next_signed(gateway, EVENT),
    }


def full_silence():
    """A source falls silent while the log is full: told when there is room, and not twice."""
    board, gateway = Board(MemoryFlash(8, 2048), 500, 1000, 5, 4), Gateway()
    board.run(250000)
    assert board.logger.windows_lost > 20
    board.pack.is_silent = True
    board.run(20000)
    board.run(30000, gateway)
    kinds = gateway.log.kinds()
    return {"events": kinds.count(EVENT), "gaps": kinds.count(GAP), "behind": next_signed(gateway, GAP)}


def no_loop():
    """One window an hour: whatever a receipt leads to must come to rest."""
    board, gateway = lived(1800000, window_ms=3600000, time_every_ms=60000)
    assert board.logger.step(board.now_ms - board.start_ms) is False
    return {"kinds": gateway.log.kinds(), "checkpoints": gateway.checkpoints}


def receipt_times():
    """TIME entries name receipts that were given, each period at most one, also over a restart; and make no checkpoint
    of their own: there are as many as in a life with one TIME entry."""
    board, gateway = lived(600000, time_every_ms=60000)
    board = Board(board.flash, 1000, 10000, 4, 4, board.now_ms, board.keys, time_every_ms=60000)
    board.run(120000, gateway)
    found = [entry for entry in gateway.entries if entry[0] == TIME]
    for entry in found:
        assert gateway.receipt_times[entry[4][1]] == entry[4][2]
    uptimes = [entry[3] for entry in found]
    _, fewer = lived(600000, time_every_ms=DAY_MS)
    before_restart = [size for size in gateway.checkpoints if gateway.entries[size - 1][2] == 1]
    return {
        "number": len(found),
        "least_distance_ms": min([uptimes[i + 1] - uptimes[i] for i in range(len(uptimes) - 1)]),
        "checkpoints": len(before_restart),
        "checkpoints_with_one": len(fewer.checkpoints),
        "least_behind": min(next_signed(gateway, TIME)),
    }


def possession():
    """Two challenges at once: the newer is answered, and the next not before a second is over."""
    board, gateway = Board(MemoryFlash(16, 4096), 100, 10000, 4, 4), Gateway()
    board.run(20000, gateway)
    for nonce in (bytes(16), bytes(range(16))):
        board.link.feed(encode_frame(CHALLENGE, nonce))
    board.link.feed(encode_frame(CHALLENGE, bytes(15)))
    board.run(500, gateway)
    first = len(gateway.possessions)
    board.link.feed(encode_frame(CHALLENGE, b"n" * 16))
    board.run(400, gateway)
    second = len(gateway.possessions)
    board.run(2000, gateway)
    nonces = []
    for content in gateway.possessions:
        protected, unprotected, payload, signature = cbor.decode(content).parts
        version, algorithm, public, nonce = cbor.decode(payload)
        assert version == 1
        assert (algorithm, public) == gateway.log.key
        assert (protected, unprotected) == (cbor.encode({1: -19}), {})
        message = cbor.encode(["Signature1", protected, b"packseal/possession/1", payload])
        verify(gateway.log.key, message, signature)
        nonces.append(nonce == bytes(range(16)) or nonce == b"n" * 16)
    return {"answers": [first, second, len(nonces)], "good": all(nonces), "refused": board.link.frames_refused}


class Distrustful(Gateway):
    """After each frame of the board it looks at a copy of the flash: what would be left were the power cut now."""

    def __init__(self, board):
        super().__init__()
        self.board = board
        self.frames = 0

    def receive(self, content):
        answer = super().receive(content)
        identity, flash = self.board.keys.identity, MemoryFlash(8, 4096)
        flash.content[:] = self.board.flash.content
        log = SectorLog(flash, identity.log_id, identity.disclosure_seed)
        edge = self.log.edge
        assert log.size > edge.size or (log.size == edge.size and log.root == edge.root())
        assert not self.checkpoints or log.checkpointed_size >= self.checkpoints[-1]
        self.frames += 1
        return answer


def durable_before_disclosed():
    board = Board(MemoryFlash(8, 4096), 1000, 10000, 2, 40)
    gateway = Distrustful(board)
    board.run(200000, gateway)
    return {"frames": gateway.frames, "checkpoints": len(gateway.checkpoints)}


def one_root_a_size():
    """Power cuts at every operation of a while; the gateway goes on and hears all that was ever signed."""
    flash, gateway = MemoryFlash(8, 2048), Gateway()
    board, sizes = Board(flash, 1000, 5000, 2, 40), []
    board.run(60000, gateway)
    for _ in range(60):
        flash.cut_at = flash.operations + 2 + len(sizes) % 9
        flash.tear = ("nothing", "half", "garbage", "all")[len(sizes) % 4]
        assert run_until_cut(board, 400000, gateway)
        flash.cut_at = None
        sizes.append(gateway.checkpoints[-1])
        board = Board(flash, 1000, 5000, 2, 40, board.now_ms + 1000, board.keys)
    board.run(60000, gateway)
    signed = gateway.checkpoints
    return {
        "cuts": len(sizes),
        "signed": len(gateway.log.roots),
        "is_rising": signed == sorted(signed),
        "is_all_receipted": board.log.receipted_size == signed[-1],
    }


questions = {"start": start, "windows": windows, "state_of_health": state_of_health, "silent_source": silent_source}
questions.update({"full_silence": full_silence, "no_loop": no_loop, "receipt_times": receipt_times})
questions.update({"possession": possession, "durable_before_disclosed": durable_before_disclosed})
questions["one_root_a_size"] = one_root_a_size
if __name__ == "__main__":
    print(json.dumps(questions[sys.argv[1]]()))
