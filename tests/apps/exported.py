"""The files of a service that was stopped, with evidence of every kind in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from packseal.records.acts import Authority, Role
from packseal.records.answer import ReceiptAnswer, decode_answer
from tests.passport.attested import GATEWAY, word_of
from tests.passport.authorities import INTEGRATOR, bind, open_settings
from tests.passport.board import Board, running_board
from tests.passport.desk import ORIGIN, Desk

FIRST = 13  # records of the first delivery; behind it TIME, a window, a state of health, a window, a type unknown
SOH, WINDOW, LATER = 15, 14, 17
SOH_CPCT = 9_120


@dataclass(frozen=True)
class Stopped:
    """The files of a service that was stopped, and what a person exported from them."""

    folder: Path
    board: Board

    @property
    def settings(self) -> Path:
        return self.folder / "passport.toml"

    @property
    def out(self) -> Path:
        return self.folder / "out"

    @property
    def archive(self) -> Path:
        return self.out / f"{self.board.log_id.hex()[:16]}.archive"

    def bundle(self, seq: int) -> Path:
        return self.out / f"record-{seq}.bundle"

    @property
    def policy(self) -> Path:
        return self.out / "policy.toml"


SETTINGS = f"""\
broker = "mqtt://localhost"
store = "passport.db"
key = "service.key"
origin = "{ORIGIN}"

[[authority]]
public_key = "{INTEGRATOR.key.public_key.hex()}"
role = "integrator"

[[authority]]
public_key = "{GATEWAY.key.public_key.hex()}"
role = "gateway"

[[battery]]
id = "pack-1"
name = "A pack"
category = "SBESS"

[[battery]]
id = "pack-2"
name = "Another pack"
category = "SBESS"
"""


def filled_desk(folder: Path) -> tuple[Desk, Board]:
    """Bound by an integrator, with a gateway's word, and a time that a receipt proves."""
    settings = open_settings()
    settings = replace(settings, authorities=(*settings.authorities, Authority(GATEWAY.key, Role.GATEWAY)))
    desk, board = Desk(folder, settings), running_board()
    bind(desk, board)
    first = desk.service.receive("packseal/site/pack-1/rec", board.delivery().to_bytes())
    board.time(_receipt_in(first), desk.now_unix_ms)
    desk.now_unix_ms += 3_600_000
    board.windows(1)
    board.state_of_health(SOH_CPCT)
    board.windows(1)
    board.append(31, {1: "from a later version"})
    desk.receipt(replace(board.delivery(FIRST), attestation=word_of(board)).to_bytes())
    return desk, board


def _receipt_in(answer: bytes) -> bytes:
    found = decode_answer(answer)
    assert isinstance(found, ReceiptAnswer)
    return found.receipt
