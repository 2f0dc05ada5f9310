"""Pages in every state that their templates know: name -> a desk whose page is in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from packseal.apps.changes import name_of
from packseal.passport.settings import PassportSettings
from packseal.records.bodies import BlockEstimate, EntryType, Origin
from packseal.records.estimate_words import LACKING, QUANTITIES
from packseal.records.report import DAMAGES, EVENTS, UPDATES
from packseal.records.writing import encode_window
from tests.apps import page_lives
from tests.passport.board import WINDOW_MS, Board, a_window, running_board, settings_for
from tests.passport.desk import Desk

NAME = page_lives.NAME


def page_of(desk: Desk) -> str:
    """The address of its battery's page, which its passport names where one was created."""
    return f"/battery/{name_of(desk.service, 'pack-1')}"


def desk(folder: Path, board: Board, evidence_class: str = "B") -> Desk:
    made = Desk(folder, settings_for((board, evidence_class), name=NAME))
    made.receipt(board.delivery().to_bytes())
    return made


def verified(folder: Path) -> Desk:
    return desk(folder, running_board())


def empty(folder: Path) -> Desk:
    return Desk(folder, settings_for((Board(), "B"), name=NAME))


def bare(folder: Path) -> Desk:
    """One record, which says next to nothing."""
    return desk(folder, Board())


def not_rated(folder: Path) -> Desk:
    board = running_board()
    made = desk(folder, board)
    battery = replace(made.settings.batteries[0], rated_capacity_mah=None)
    made.settings = PassportSettings((battery,))
    made.reopen()
    return made


def rated_otherwise(folder: Path) -> Desk:
    board = Board()
    board.boot()
    board.windows(2)
    board.state_of_health(rated_mah=50_000)
    return desk(folder, board)


def estimated(folder: Path) -> Desk:
    board = running_board()
    blocks = {"least": BlockEstimate(2, 340, 6), "most": BlockEstimate(3, 360, 6)}
    for quantity in sorted(QUANTITIES)[1:]:
        board.estimate(quantity, (4210, 55), temperature_ddegc=251, soc_span_cpct=(1200, 9100), **blocks)
    board.estimate(200, (1, 1), method=77)
    return desk(folder, board)


def lacking(folder: Path) -> Desk:
    board = running_board()
    for code in (*LACKING, 99):
        board.estimate(1 + code % 8, lacking=(code,), method=2)
    board.estimate(1, lacking=tuple(LACKING), method=2)
    return desk(folder, board)


def eventful(folder: Path) -> Desk:
    """Every event with each phase, some with value and place; gaps; a start for every cause."""
    board = Board()
    for cause in range(1, 7):
        board.append(EntryType.BOOT, {1: bytes(32), 2: cause, 3: cause - 1, 4: 1, 5: 4, 6: 1, 7: 60_000})
    for event in (*EVENTS, 77):
        board.append(EntryType.EVENT, {1: event, 2: 1 + event % 3, 3: 2_500, 4: 2})
        board.append(EntryType.EVENT, {1: event, 2: 3})
    for value in UPDATES:
        board.append(EntryType.EVENT, {1: 8, 2: 3, 3: value, 4: 0x010203})
    for value in DAMAGES:
        board.append(EntryType.EVENT, {1: 9, 2: 3, 3: value, 4: 1})
    for value in (6, 7):
        board.append(EntryType.EVENT, {1: 7, 2: 1, 3: value, 4: 1})
    board.gap()
    board.append(EntryType.GAP, {1: 9, 2: 1, 3: [board.uptime_ms, board.uptime_ms]})
    return desk(folder, board)


def ended(folder: Path) -> Desk:
    """The key changed, a receipt arrived, the log is sealed."""
    board = running_board()
    made = desk(folder, board)
    first = board.size
    board.time(bytes(8), 1_790_000_000_000)
    board.seal(2)
    made.receipt(board.delivery(first).to_bytes())
    return made


def simulated(folder: Path) -> Desk:
    return desk(folder, running_board(source=0, clock_rate=60))


def replayed(folder: Path) -> Desk:
    return desk(folder, running_board(origin=Origin.FILE), "D")


def _put_entry(seq: int, entry: bytes, file: Any) -> None:
    file.execute("UPDATE records SET entry = ? WHERE seq = ?", (entry, seq))


def altered(folder: Path, *seqs: int) -> Desk:
    board = running_board(70)
    made = desk(folder, board)
    for seq in seqs:
        forged = board.entries[seq][:-1] + b"\x00"
        made.edit(partial(_put_entry, seq, forged))
    return made


def cut_off(folder: Path) -> Desk:
    made = desk(folder, running_board())
    made.edit(lambda file: [file.execute(f"DELETE FROM {table}") for table in ("records", "checkpoints", "logs")])  # noqa: S608
    return made


def refusing(folder: Path) -> Desk:
    made = desk(folder, running_board())
    made.refusal(running_board(name="stranger").delivery().to_bytes())
    made.give(b"\xff")
    return made


def contradicting(folder: Path) -> Desk:
    """A counter that only goes up has fallen."""
    board = running_board()
    board.uptime_ms += WINDOW_MS
    window = replace(a_window(board.size), counters=(0,) * 14)
    board.entries.append(encode_window(board.size, board.boot_count, board.uptime_ms, window))
    return desk(folder, board)


STATES: dict[str, Callable[[Path], Desk]] = {
    state.__name__: state
    for state in (
        verified, empty, bare, not_rated, rated_otherwise, estimated, lacking, eventful, ended, simulated, replayed,
        cut_off, refusing, contradicting, *page_lives.LIVES,
    )
}  # fmt: skip
STATES["one altered"] = lambda folder: altered(folder, 57)
STATES["altered"] = lambda folder: altered(folder, 20, 30, 40, 50, 60)
