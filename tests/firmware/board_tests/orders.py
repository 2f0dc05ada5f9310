"""Orders to a board (docs/record.md section 5.7), with the power cut at every operation of flash and key file.

    orders.py rotate | seal | refused | full_rotate | full_seal | cuts ORDER

Prints what came of it as JSON. The gateway of bench.py checks each entry, checkpoint and change as it hears of it, and
goes on over all restarts: two roots for one size, a number used twice or a break in the history end the script.
"""

import json
import sys

from bench import Board, Gateway, order_frame, order_of
from memory_flash import GARBAGE, TEARS, MemoryFlash, PowerCutError
from memory_keys import MemoryKeys

from logger.core import entries
from logger.core.cose import ORDER_ROTATE, ORDER_SEAL
from logger.core.ed25519 import IMPLEMENTATION
from logger.core.link import ORDER, encode_frame
from logger.core.sectorlog import SectorLog

CAUSES = {ORDER_SEAL: 2, ORDER_ROTATE: 0}
SECTORS = 6
BEFORE_MS, AFTER_MS = 12000, 30000  # of a life that is cut
SLOW_STEP_MS = 160 if IMPLEMENTATION == "native" else 40  # whoever signs: sealing a log outlasts a window


def new_board(flash, keys=None, start_ms=0, step_ms=40):
    return Board(flash, 1000, 5000, 4, step_ms, start_ms, keys)


def ordered(order, step_ms=40):
    """(board, gateway) after an order was given to a board at work and obeyed."""
    board, gateway = new_board(MemoryFlash(SECTORS, 2048), step_ms=step_ms), Gateway()
    board.run(60000, gateway)
    before = board.keys.identity
    frame = order_frame(before, order, CAUSES[order])
    board.link.feed(frame)
    board.run(60000, gateway)
    refused = board.logger.requests.orders_refused
    board.link.feed(frame)  # an order is good once
    board.run(5000, gateway)
    assert board.logger.requests.orders_refused == refused + 1
    return board, gateway, before


def rotate():
    board, gateway, before = ordered(ORDER_ROTATE)
    after = board.keys.identity
    assert (after.genesis, after.disclosure_seed, after.next_key) == (before.genesis, before.disclosure_seed, None)
    assert after.key.public == gateway.log.key[1] != before.key.public
    (log,) = gateway.logs
    boundary = log.rotations[0]
    restarted = new_board(board.flash, MemoryKeys(board.flash, board.keys.content), board.now_ms)
    restarted.run(20000, gateway)
    return {
        "rotations": len(log.rotations),
        "is_last_below_its_checkpoint": log.entries[boundary - 1][0] == entries.KEY and boundary in log.roots,
        "checkpoints_after": len([size for size in log.checkpoints if size > boundary]) > 3,
        "slots_missed": board.logger.slots_missed,
        "windows_lost": board.logger.windows_lost,
        "boots": [entry[2] for entry in log.entries if entry[0] == entries.BOOT],
    }


def seal():
    board, gateway, before = ordered(ORDER_SEAL, SLOW_STEP_MS)
    first, second = gateway.logs
    after = board.keys.identity
    assert after.key.public == before.key.public
    assert after.disclosure_seed != before.disclosure_seed
    assert after.previous_id == first.log_id
    seal_body = first.entries[-1][4]
    return {
        "seal": [seal_body[1], len(seal_body[2])],
        "last_checkpoint_covers_it": first.checkpoints[-1] == len(first.entries),
        "kinds": second.kinds()[:5],
        "gap": second.entries[3][4],
        "windows_lost": board.logger.windows_lost,
        "uptimes": [entry[3] for entry in second.entries[:5]],
        "counters_begin_anew": max(second.entries[4][4][9]) < 10,
        "slots_missed": board.logger.slots_missed,
    }


def refused():
    """What is not the operator's, or not for this log and key: counted, and nothing else."""
    board, gateway = new_board(MemoryFlash(SECTORS, 2048)), Gateway()
    board.run(30000, gateway)
    content, identity = board.keys.content, board.keys.identity
    good = order_of(identity, ORDER_SEAL, 2)
    bad = [good[:-1] + bytes([good[-1] ^ 1]), good[:-1], b"", order_of(identity, ORDER_SEAL, 2, bytes(32))]
    bad += [order_of(identity, order, cause) for order, cause in ((1, 0), (1, 4), (2, 1), (3, 0), (0, 0))]
    for order in bad:
        board.link.feed(encode_frame(ORDER, order))
        board.run(10000, gateway)
    assert board.keys.content == content
    assert not board.log.is_sealed
    nobody = Board(MemoryFlash(SECTORS, 2048), 1000, 5000, 4, 40, operator_public_key=None)
    nobody.run(1000, Gateway())
    nobody.link.feed(order_frame(nobody.keys.identity, ORDER_SEAL, 2))
    nobody.run(10000)
    return {
        "given": len(bad),
        "refused": gateway.status[7],
        "kinds": sorted(set(gateway.log.kinds())),
        "without_an_operator": [nobody.logger.requests.orders_refused, nobody.log.is_sealed],
    }


def full(order):
    """An order to a board whose log is full waits until a receipt has made room; what was lost is told first."""
    board, gateway = new_board(MemoryFlash(SECTORS, 2048)), Gateway()
    board.run(800000)
    board.link.feed(order_frame(board.keys.identity, order, CAUSES[order]))
    board.run(10000)
    assert board.logger.windows_lost > 10
    assert board.logger.requests.order is not None
    board.run(60000, gateway)
    log = gateway.logs[0]
    kind = entries.SEAL if order == ORDER_SEAL else entries.KEY
    kinds = log.kinds()
    return {"gap_before": kinds.index(entries.GAP) < kinds.index(kind, 1), "logs": len(gateway.logs)}


# ---- cuts


def operations_of(order):
    """(the first operation behind the order, how many there are until the board is at work again)."""
    flash = MemoryFlash(SECTORS, 2048)
    board, gateway = new_board(flash), Gateway()
    board.run(BEFORE_MS, gateway)
    first = flash.operations
    board.link.feed(order_frame(board.keys.identity, order, CAUSES[order]))
    board.run(AFTER_MS, gateway)
    assert is_done(order, gateway)
    return first, flash.operations


def is_done(order, gateway):
    if order == ORDER_SEAL:
        return len(gateway.logs) == 2 and entries.WINDOW in gateway.log.kinds()
    return bool(gateway.log.rotations) and gateway.checkpoints[-1] > gateway.log.rotations[-1]


def run_until_cut(board, duration_ms, gateway):
    """Whether the power was cut."""
    try:
        board.run(duration_ms, gateway)
    except PowerCutError:
        return True
    return False


def is_cut_again(flash, keys, now_ms, gateway):
    """Whether a start, which already writes when it mounts, is cut too."""
    try:
        board = new_board(flash, keys, now_ms)
    except PowerCutError:
        return True
    return run_until_cut(board, AFTER_MS, gateway)


def cut(order, at, tear):
    """Whether the order was obeyed in the end. One that had no durable effect before the cut has none."""
    flash = MemoryFlash(SECTORS, 2048)
    flash.cut_at, flash.tear = at, tear
    board, gateway = new_board(flash), Gateway()
    board.run(BEFORE_MS, gateway)
    board.link.feed(order_frame(board.keys.identity, order, CAUSES[order]))
    assert run_until_cut(board, AFTER_MS, gateway)
    return go_on(order, board, gateway)


def go_on(order, board, gateway):
    flash, seen, now_ms = board.flash, len(gateway.logs), board.now_ms
    keys = MemoryKeys(flash, board.keys.content)
    if keys.identity.next_key or keys.identity.previous_id:  # a second cut, where the start is finishing
        flash.cut_at, flash.tear = flash.operations + 1, GARBAGE
        is_cut_again(flash, keys, now_ms, gateway)
        keys = MemoryKeys(flash, keys.content)
    flash.cut_at = None
    board = new_board(flash, keys, now_ms + AFTER_MS)
    board.run(AFTER_MS, gateway)
    check(gateway, keys, board)
    if is_done(order, gateway):
        return True
    assert keys.identity.next_key is None, "begun and not finished"
    assert len(gateway.logs) == seen
    board.link.feed(order_frame(keys.identity, order, CAUSES[order]))  # who gave it sees that it had no effect
    board.run(AFTER_MS, gateway)
    check(gateway, keys, board)
    assert is_done(order, gateway)
    return False


def check(gateway, keys, board):
    """The board is at work, what it works on is what the gateway knows, and another start finds it so."""
    identity = keys.identity
    assert identity.next_key is None
    assert gateway.log.genesis == identity.genesis
    assert gateway.log.key[1] == identity.key.public
    assert board.log.receipted_size in gateway.log.roots, "the newest may be on its way"
    assert gateway.entries[-1][0] in (entries.WINDOW, entries.TIME)
    for log in gateway.logs[1:]:
        kinds = log.kinds()
        assert kinds[:2] == [entries.KEY, entries.BOOT]
        gaps = [entry[4] for entry in log.entries if entry[0] == entries.GAP]
        assert [gap[1] for gap in gaps] == [entries.CAUSE_SEALING] * len(gaps)
    again = SectorLog(board.flash, identity.log_id, identity.disclosure_seed, identity.previous_id)
    assert (again.size, again.root) == (board.log.size, board.log.root)


def cuts(order):
    first, last = operations_of(order)
    outcomes = [cut(order, at, tear) for at in range(first, last) for tear in TEARS]
    return {"cuts": len(outcomes), "obeyed": outcomes.count(True), "asked_again": outcomes.count(False)}


ORDERS = {"rotate": ORDER_ROTATE, "seal": ORDER_SEAL}
questions = {"rotate": rotate, "seal": seal, "refused": refused}
questions.update({"full_rotate": lambda: full(ORDER_ROTATE), "full_seal": lambda: full(ORDER_SEAL)})
questions.update({"cuts_rotate": lambda: cuts(ORDER_ROTATE), "cuts_seal": lambda: cuts(ORDER_SEAL)})
if __name__ == "__main__":
    print(json.dumps(questions[sys.argv[1]]()))
