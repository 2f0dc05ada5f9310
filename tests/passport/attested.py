"""What a gateway says of a delivery, in the tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from packseal.apps.authority import Signatory
from packseal.records.attestation import Attestation, Clock, sign_attestation
from tests.passport.authorities import signatory
from tests.passport.board import Board
from tests.passport.desk import START_UNIX_MS

GATEWAY = signatory("gateway")
COUNTS = {1: 90_000, 2: 3, 5: 1}


def word_of(board: Board, size: int | None = None, by: Signatory = GATEWAY, **changed: Any) -> bytes:
    size = board.size if size is None else size
    head = (board.log_id, size, board.root(size))
    word = Attestation(*head, START_UNIX_MS - 700, Clock.DISCIPLINED, 5, bytes(32), COUNTS)
    return sign_attestation(replace(word, **changed), by.signer, by.key)
