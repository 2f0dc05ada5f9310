"""Lives of a whole logger on the bench of bench.py; prints what came of one as JSON."""

import json
import sys

from bench import Board, Gateway, order_frame, receipt_of
from memory_flash import GARBAGE, HALF, MemoryFlash, PowerCutError

from logger.core import cbor, cose
from logger.core.cbor import NULL
from logger.core.link import CHECKPOINT, ENTRY, HELLO, RECEIPT, STATUS, WANT, FrameReceiver, encode_frame

KINDS = {1: "BOOT", 2: "WINDOW", 3: "SOH", 4: "EVENT", 5: "GAP", 6: "KEY", 7: "TIME", 8: "SEAL", 9: "CONFIG"}
KINDS[10] = "ESTIMATE"


def summary(board, gateway):
    counts = {}
    for entry in gateway.entries:
        kind = KINDS[entry[0]]
        counts[kind] = counts.get(kind, 0) + 1
    return {
        "slots_missed": board.logger.slots_missed,
        "windows_lost": board.logger.windows_lost,
        "receipts_refused": board.logger.requests.receipts_refused,
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


def large():
    """The same with 96 cells, each of which is blinded."""
    board, gateway = Board(MemoryFlash(16, 4096), 100, 1000, 1, 4, cell_blocks=96), Gateway()
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


def full_leaves():
    """Of a larger flash, a part is for the leaves of what finds no room; twice full, and a restart inside."""
    flash, gateway = MemoryFlash(16, 16384), Gateway()
    board = Board(flash, 500, 1000, 5, 4)
    told = []
    for part in range(2):
        while board.log.losses.bare_count < 100 + part * 300 and board.log.losses.windows < 400:
            board.run(20000)
        board = Board(flash, 500, 1000, 5, 4, board.now_ms, board.keys)
        board.run(5000)
        told.append([board.log.losses.bare_count, board.log.losses.windows])
        board.run(60000, gateway)
        assert not board.log.losses.windows
    result = summary(board, gateway)
    result["told"] = told
    result["gaps"] = [entry[4] for entry in gateway.entries if entry[0] == 5]
    result["gaps"] = [[gap[2], gap.get(4)] for gap in result["gaps"]]
    result["bare"] = len(gateway.log.bare)
    return result


def torn_loss(tear):
    """The power goes while a loss is counted, in the last of few segments of one sector: receipts still free it."""
    flash, gateway = MemoryFlash(8, 4096), Gateway()
    board = Board(flash, 500, 1000, 5, 4, cell_blocks=4)
    while board.log._tail.free_segments() or not board.log.losses.windows:
        board.run(1000)
    flash.cut_at, flash.tear = flash.operations, tear
    cut_off(board, flash)
    board = Board(flash, 500, 1000, 5, 4, board.now_ms, board.keys, cell_blocks=4)
    board.run(60000, gateway)
    result = summary(board, gateway)
    result["damaged"] = board.log.losses.damaged
    return result


def held_key():
    """The power goes in the checkpoint of a change of key in a full log; what is held then is not durable."""
    flash, gateway, cells = MemoryFlash(4, 4096), Gateway(), {"cell_blocks": 4}
    board = Board(flash, 500, 1000, 60, 4, **cells)
    tail = board.log._tail
    while tail.free_segments() > 1 or tail._sectors.segment_bytes - tail._at > 900:
        board.run(500)
    board.link.feed(order_frame(board.keys.identity, cose.ORDER_ROTATE, 0))
    while board.keys.identity.next_key is None or board.log.size <= board.keys.identity.next_seq:
        board.run(4)
    flash.cut_at, flash.tear = flash.operations, HALF
    cut_off(board, flash)
    for _ in range(2):
        board = Board(flash, 500, 1000, 60, 4, board.now_ms, board.keys, **cells)
        board.run(5000)
    board.run(60000, gateway)
    result = summary(board, gateway)
    result["rotations"] = len(gateway.log.rotations)
    return result


def cut_off(board, flash):
    try:
        board.run(600000)
        raise AssertionError("nothing was written")
    except PowerCutError:
        flash.cut_at = None


def full_restart():
    """The log fills, the power goes, and the board starts with a log that has no room for its BOOT entry."""
    flash, gateway = MemoryFlash(8, 2048), Gateway()
    board = Board(flash, 500, 1000, 5, 4)
    board.run(250000)
    lost_before = board.logger.windows_lost
    board = Board(flash, 500, 1000, 5, 4, 300000)
    board.run(20000)
    board.run(30000, gateway)
    result = summary(board, gateway)
    result["lost_before"] = lost_before
    return result


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
    good = receipt_of(size, root, board.log.log_id)
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
    while board.logger.requests.receipts_settled < 2:
        board.run(4)
        if log.receipted_size not in sizes:
            sizes.append(log.receipted_size)
    return {"receipted": sizes, "checkpoints": gateway.checkpoints}


def credit():
    """What leaves after each WANT, as kinds of frames and seqs of entries (docs/link.md clauses 3 to 5)."""
    board = Board(MemoryFlash(8, 4096), 1000, 10000, 3, 4)
    board.run(85000)
    said = [drained(board)]
    for next_seq, entries, rewind in ((0, 3, 1), (0, 3, 0), (3, 3, 0), (1, 2, 1), (0, 0, 1), (3, 1, 1), (0, 99, 0)):
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


lives = {"sampling": sampling, "large": large, "slow": slow, "full": full, "full_restart": full_restart}
lives.update(
    {
        "full_leaves": full_leaves,
        "loss_half_torn": lambda: torn_loss(HALF),  # a process each: the flash of a second life needs room in one piece
        "loss_of_garbage": lambda: torn_loss(GARBAGE),
        "held_key": held_key,
        "restarts": restarts,
        "hostile": hostile,
        "late_receipt": late_receipt,
        "credit": credit,
    }
)
if __name__ == "__main__":
    print(json.dumps(lives[sys.argv[1]]()))
