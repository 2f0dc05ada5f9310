"""Nonces in checkpoints (docs/link.md clause 20): when one is signed for, and what asking costs; prints JSON."""

import json
import sys

from bench import Board, Gateway, order_frame
from memory_flash import MemoryFlash
from orders import run_until_cut

from logger.core import cose
from logger.core.cose import ORDER_ROTATE, ORDER_SEAL
from logger.core.entries import EVENT, GAP, SOH, WINDOW
from logger.core.fresh import TAKEN, TOO_SOON
from logger.core.link import FRESH, encode_frame
from logger.core.merkle import HASH_BYTES
from logger.core.tail import CHECKPOINT_BYTES

WINDOW_MS = 10000
SAMPLE_MS = 1000


def nonce_of(number):
    return number.to_bytes(16, "big")


def ask(board, number):
    board.link.feed(encode_frame(FRESH, nonce_of(number)))


def running(duration_ms, flash=None, checkpoint_every=60, window_ms=WINDOW_MS, **more):
    board = Board(flash or MemoryFlash(16, 4096), SAMPLE_MS, window_ms, checkpoint_every, 4, **more)
    gateway = Gateway()
    board.run(duration_ms, gateway)
    return board, gateway


def states(gateway):
    """[number of the nonce, state, wait_ms] of each."""
    return [[int.from_bytes(nonce, "big"), state, wait_ms] for nonce, state, wait_ms in gateway.fresh_states]


def durations(gateway, since=0):
    return [entry[4][1] for entry in gateway.entries[since:] if entry[0] == WINDOW]


def answered(gateway):
    """For each nonce: its number, the kind of the newest entry below its checkpoint, that one's uptime."""
    found = []
    for nonce, size in gateway.log.nonces:
        entry = gateway.entries[size - 1]
        found.append([int.from_bytes(nonce, "big"), entry[0], entry[3]])
    return found


def early():
    """In the middle of a window, all else signed: the window ends with the next sample, and a whole one follows."""
    board, gateway = running(43500)
    before, asked_ms = len(gateway.entries), board.logger.uptime_ms
    ask(board, 1)
    board.run(2000, gateway)
    soon = answered(gateway)
    board.run(40000, gateway)
    return {
        "answered": soon,
        "age_ms": soon[0][2] - asked_ms,
        "states": states(gateway),
        "durations": durations(gateway, before),
        "slots_missed": board.logger.slots_missed,
        "events": gateway.log.kinds().count(EVENT),
        "once": len(gateway.log.nonces),
    }


def silent():
    """A window without a current is not cut short: nothing that did not happen may be said of the source."""
    board, gateway = running(43500)
    board.run(7000, gateway)  # into the next window
    board.pack.is_silent = True
    board.run(WINDOW_MS, gateway)
    before, asked_ms = len(gateway.entries), board.logger.uptime_ms
    ask(board, 1)
    board.run(2 * WINDOW_MS, gateway)
    return {
        "answered": [number for number, _, _ in answered(gateway)],
        "waited_ms": answered(gateway)[0][2] - asked_ms,
        "durations": durations(gateway, before),
        "events": gateway.log.kinds().count(EVENT),
    }


def flooded(is_asked):
    """Ten minutes with a new nonce four times a second, or without one."""
    flash = MemoryFlash(16, 4096)
    board, gateway = running(20000, flash, checkpoint_every=5)
    before, number = written(flash), 0
    while board.now_ms < 620000:
        if is_asked:
            number += 1
            ask(board, number)
        board.run(250, gateway)
    found = [state[1] for state in states(gateway)]
    return {
        "asked": number,
        "taken": found.count(TAKEN),
        "too_soon": found.count(TOO_SOON),
        "greatest_wait_ms": max([0] + [state[2] for state in states(gateway)]),
        "answered": len(gateway.log.nonces),
        "windows": gateway.log.kinds().count(WINDOW),
        "bytes": written(flash) - before,
        "slots_missed": board.logger.slots_missed,
        "windows_lost": board.logger.windows_lost,
    }


def written(flash):
    """Bytes of whole sectors that were erased, and what is programmed in the others."""
    return sum(flash.erasures) * flash.sector_bytes + len(flash.content) - flash.content.count(b"\xff")


def worst():
    """Asked just behind the end of each window: a short window and a checkpoint more in the time of one."""
    board, gateway = running(20000)
    before, began_ms = len(gateway.entries), board.now_ms
    for number in range(1, 31):
        ask(board, number)
        board.run(WINDOW_MS + SAMPLE_MS, gateway)
    elapsed = (board.now_ms - began_ms) // WINDOW_MS
    return {"windows": len(durations(gateway, before)), "of": elapsed, "answered": len(gateway.log.nonces)}


def again():
    """The same nonce, before and behind its answer, is taken and answered once; another has to wait."""
    board, gateway = running(43500)
    for number in (1, 1, 2):
        ask(board, number)
        board.run(40, gateway)
    board.run(3000, gateway)
    for number in (1, 2):
        ask(board, number)
        board.run(40, gateway)
    board.run(20000, gateway)
    ask(board, 2)
    board.run(3000, gateway)
    return {"states": states(gateway), "answered": [number for number, _, _ in answered(gateway)]}


def full():
    """No window can be kept: the board says so, and a nonce that came just before waits for room."""
    board, gateway = Board(MemoryFlash(8, 2048), 500, 1000, 5, 4), Gateway()
    board.run(30000, gateway)
    ask(board, 1)
    while not board.logger.windows_lost:
        ask(board, 1)
        board.run(1000)
    ask(board, 2)
    board.run(4, gateway)
    board.run(60000, gateway)
    kinds = gateway.log.kinds()
    assert GAP in kinds
    ask(board, 3)
    board.run(5000, gateway)
    return {"states": states(gateway)[-2:], "answered": [number for number, _, _ in answered(gateway)]}


def ordered():
    """Beside a change of key and the end of a log: checkpoints stay good, and the next log begins without a nonce."""
    board, gateway = running(43500)
    ask(board, 1)
    board.link.feed(order_frame(board.keys.identity, ORDER_ROTATE, 0))
    board.run(30000, gateway)
    ask(board, 2)
    board.link.feed(order_frame(board.keys.identity, ORDER_SEAL, 2))
    board.run(30000, gateway)
    ask(board, 3)
    board.run(30000, gateway)
    return {
        "logs": len(gateway.logs),
        "answered": [[int.from_bytes(nonce, "big") for nonce, _ in log.nonces] for log in gateway.logs],
        "rotations": len(gateway.logs[0].rotations),
    }


def cuts():
    """Power cuts at each operation from the nonce to its answer: one root a size, and a board that goes on."""
    outcomes = []
    for at in range(12):
        flash = MemoryFlash(16, 4096)
        board, gateway = Board(flash, SAMPLE_MS, WINDOW_MS, 4, 4), Gateway()
        board.run(43500, gateway)
        flash.cut_at, flash.tear = flash.operations + at, ("nothing", "half", "garbage", "all")[at % 4]
        ask(board, 1)
        is_cut = run_until_cut(board, 30000, gateway)
        flash.cut_at = None
        board = Board(flash, SAMPLE_MS, WINDOW_MS, 4, 4, board.now_ms + 1000, board.keys)
        board.run(30000, gateway)
        ask(board, 2)
        board.run(15000, gateway)
        outcomes.append([is_cut, [int.from_bytes(nonce, "big") for nonce, _ in gateway.log.nonces]])
    return {"cuts": len([1 for is_cut, _ in outcomes if is_cut]), "answered": [found for _, found in outcomes]}


def largest():
    """The record of a checkpoint with the largest numbers, beside what the tail keeps free for one."""
    numbers = ((1 << 24) - 1, bytes(32), (1 << 32) - 1, (1 << 63) - 1)
    sizes = []
    for algorithm in (cose.ED25519, cose.ESP256):
        payload = cose.checkpoint_payload(bytes(16), *numbers, bytes(16))
        sizes.append(len(cose.sign1(algorithm, payload, bytes(64))) + HASH_BYTES)
    return {"bytes": max(sizes), "room": CHECKPOINT_BYTES}


def health(is_asked):
    """The statements of the state of health in a cycle of the pack; one life a process, for the heap's sake."""
    board, gateway = Board(MemoryFlash(16, 4096), SAMPLE_MS, WINDOW_MS, 60, 4, chemistry="nmc"), Gateway()
    number = 0
    while board.now_ms < 4500000:
        if is_asked:
            number += 1
            ask(board, number)
        board.run(7000, gateway)
    assert (board.logger.windows_lost, board.logger.slots_missed) == (0, 0)
    assert bool(gateway.log.nonces) == is_asked
    return [entry[4][5] for entry in gateway.entries if entry[0] == SOH]


questions = {"early": early, "silent": silent, "worst": worst, "again": again, "full": full}
questions.update({"ordered": ordered, "cuts": cuts, "largest": largest})
questions.update({"flooded": lambda: flooded(True), "left_alone": lambda: flooded(False)})
questions.update({"health_asked": lambda: health(True), "health_plain": lambda: health(False)})
if __name__ == "__main__":
    print(json.dumps(questions[sys.argv[1]]()))
