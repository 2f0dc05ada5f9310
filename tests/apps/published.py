"""A service whose log grows, and what lies in the folder that it is served from."""

from __future__ import annotations

from pathlib import Path

from packseal.io.tile_store import CHECKPOINT
from packseal.records.merkle import leaf_hash, verify_inclusion
from packseal.records.note import LogCheckpoint, verify_log_checkpoint
from packseal.records.passport_log import inclusion_proof
from tests.passport.board import Board, running_board
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk, desk_for


def signed(note: bytes | None) -> LogCheckpoint:
    assert note is not None
    return verify_log_checkpoint(note, SERVICE_PUBLIC_KEY)


def published(desk: Desk) -> LogCheckpoint:
    return signed(desk.tiles.read(CHECKPOINT))


def grow(desk: Desk, board: Board, times: int = 1) -> None:
    """Each time a window, and so a receipt."""
    for _ in range(times):
        size = board.size
        board.windows(1)
        desk.receipt(board.delivery(size).to_bytes())


def filled(folder: Path) -> tuple[Desk, Board]:
    """BIND, NOTED and a receipt."""
    board = running_board()
    desk = desk_for(folder, board)
    desk.receipt(board.delivery().to_bytes())
    return desk, board


def check_published(desk: Desk) -> None:
    """All that the database has is in the folder, under the note of the database."""
    note = desk.store.log.note()
    assert published(desk) == signed(note)
    size = published(desk).size
    entries = desk.store.log.entries(0, size)
    read = desk.tiles.reader(size)
    for index in {0, 1, size // 2, size - 1}:
        proof = inclusion_proof(read, index, size, size)
        verify_inclusion(leaf_hash(entries[index]), index, size, proof, published(desk).root)
