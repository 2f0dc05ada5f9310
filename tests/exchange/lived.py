"""A passport service on a real port, with one pack of an EV in it that has lived a little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from packseal.apps.exchange.sources import Sources
from packseal.apps.life_desk import NewPassport
from packseal.exchange.source import Source
from packseal.passport.attributes import Group
from packseal.records.statement_bodies import Attachment, NoteKind, Stage
from tests.apps.desk_api import LAB, MAKER, Service, served
from tests.apps.test_life_journey import STATIC, bind
from tests.passport.board import Board

REPORT = Attachment("report.pdf", "application/pdf", 70_000, sha256(b"report").digest())
EVERYTHING = frozenset(Group)


@dataclass(frozen=True)
class Lived:
    """A pack of an EV: made, on the market, driven, repaired and tested."""

    service: Service
    board: Board
    passport: str

    @property
    def sources(self) -> Sources:
        return Sources(self.service.desk.service)

    def source(self, seen: frozenset[Group] = EVERYTHING) -> Source:
        found = self.sources.of(self.passport, seen)
        assert found is not None
        return found


@contextmanager
def lived_pack(folder: Path) -> Iterator[Lived]:
    with served(folder) as service:
        maker, board = service.of(MAKER), Board("ev board")
        made, _ = maker.create(NewPassport("ev-1", "EV", "Pack 1", rated_capacity_mah=60_000, chemistry="nmc"))
        bind(service, board, "ev-1", MAKER)
        maker.state(made, STATIC | {"test_reports": REPORT.sha256.hex(), "expected_cycles": 3000}, [REPORT])
        maker.change_stage(made, Stage.ORIGINAL, "", [])
        board.boot()
        board.windows(20)
        board.state_of_health(9120)
        service.desk.receipt(board.delivery().to_bytes())
        maker.note(made, NoteKind.REPAIR, "fuse CANARY-OWN", 1_790_000_000_000, [])
        maker.note(made, NoteKind.OTHER, "moved", 1_790_000_100_000, [])
        service.of(LAB).test(made, 9_150, 120, "C/3", 1_790_000_200_000)
        yield Lived(service, board, made.hex())
