"""A gateway that keeps windows it does not like to itself: whatever n it drops, and however it hides it, is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from packseal.errors import Reason
from packseal.records.cbor import decode, encode
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.log import Delivery
from packseal.records.merkle import Edge
from tests.passport.board import WINDOW_MS, Board, signer
from tests.passport.desk import Desk, desk_for

WINDOWS = 1_100
MOST_DROPPED = 1_000
GOOD_RECORDS = 2  # the genesis and BOOT are of no harm to who drops windows
NEVER = {Reason.WRONG_SEQ, Reason.WRONG_SIZE, Reason.MISSING_ENTRIES, Reason.ROOT_MISMATCH}


@pytest.fixture(scope="module")
def board() -> Board:
    board = Board()
    board.boot()
    board.windows(WINDOWS)
    return board


@pytest.fixture(scope="module")
def checkpoints(board: Board) -> dict[int, bytes]:
    """Of every size, which is more than any gateway has."""
    edge, found = Edge(), {}
    for size, leaf in enumerate(board.leaves, 1):
        edge = edge.extended([leaf])
        uptime_ms = max(0, size - GOOD_RECORDS) * WINDOW_MS
        checkpoint = Checkpoint(board.log_id, size, edge.root(), 1, uptime_ms)
        found[size] = sign_checkpoint(checkpoint, signer(board.signing_key))
    return found


@dataclass
class Site:
    board: Board
    checkpoints: dict[int, bytes]
    desk: Desk

    def delivery(self, kept: Sequence[bytes], size: int, first: int = 0) -> bytes:
        board = self.board
        return Delivery(board.genesis, board.seed, first, tuple(kept), self.checkpoints[size]).to_bytes()


@pytest.fixture
def site(tmp_path: Path, board: Board, checkpoints: dict[int, bytes]) -> Site:
    return Site(board, checkpoints, desk_for(tmp_path, board))


def patterns(count: int, chance: random.Random) -> Iterator[set[int]]:
    """Which windows are dropped: some at random, or some in a row."""
    yield set(chance.sample(range(GOOD_RECORDS, GOOD_RECORDS + WINDOWS), count))
    start = GOOD_RECORDS + chance.randrange(min(40, WINDOWS - count))
    yield set(range(start, start + count))


def ways(site: Site, kept: list[bytes]) -> Iterator[bytes]:
    """How the rest is handed over: under the newest checkpoint, as if the beginning were known, or an older one."""
    whole = site.board.size
    yield site.delivery(kept, whole)
    yield site.delivery(kept, whole, whole - len(kept))
    yield site.delivery(kept, len(kept))


def test_n_dropped_of_1100_windows_for_every_n_to_1000(site: Site) -> None:
    entries, chance = site.board.entries, random.Random(14)
    before = site.desk.contents()
    seen = set()
    for count in range(1, MOST_DROPPED + 1):
        for dropped in patterns(count, chance):
            kept = [entry for seq, entry in enumerate(entries) if seq not in dropped]
            for payload in ways(site, kept):
                seen.add(site.desk.refusal(payload).reason)
    assert seen == {Reason.WRONG_SIZE, Reason.MISSING_ENTRIES, Reason.WRONG_SEQ}
    assert site.desk.contents() == before
    site.desk.receipt(site.delivery(entries, site.board.size))


@pytest.mark.parametrize("count", [1, 2, 15, 100, 500, 1_000])
def test_dropped_and_renumbered(site: Site, count: int) -> None:
    """The rest is given the numbers and times of what is gone: then it does not hash to what the board signed."""
    for dropped in patterns(count, random.Random(count)):
        kept = [entry for seq, entry in enumerate(site.board.entries) if seq not in dropped]
        renumbered = [numbered(entry, seq) for seq, entry in enumerate(kept)]
        assert site.desk.refusal(site.delivery(renumbered, len(renumbered))).reason == Reason.ROOT_MISMATCH


@pytest.mark.parametrize("count", [1, 7, 300])
def test_dropped_behind_what_is_known(site: Site, count: int) -> None:
    """The service has the beginning; the gateway drops what follows and goes on behind it."""
    known, whole = 500, site.board.size
    site.desk.receipt(site.delivery(site.board.entries[:known], known))
    before = site.desk.contents()
    rest = site.board.entries[known + count :]
    cases = [
        (site.delivery(rest, whole, known + count), Reason.MISSING_ENTRIES),
        (site.delivery(rest, whole, known), Reason.WRONG_SIZE),
        (site.delivery(rest, whole - count, known), Reason.WRONG_SEQ),
        (
            site.delivery([numbered(e, seq) for seq, e in enumerate(rest, known)], whole - count, known),
            Reason.ROOT_MISMATCH,
        ),
    ]
    for payload, reason in cases:
        answer = site.desk.refusal(payload)
        assert (answer.reason, answer.size_known) == (reason, known)
        assert answer.reason in NEVER
    assert site.desk.contents() == before


def test_a_gap_entry_by_the_gateway(site: Site) -> None:
    """It cannot say in the board's place that windows were lost: the board has not signed for such an entry."""
    gap = encode([5, 50, 1, 480_000, {1: 1, 2: 3, 3: [480_000, 510_000]}])
    entries = [*site.board.entries[:50], gap, *site.board.entries[51:]]
    assert site.desk.refusal(site.delivery(entries, site.board.size)).reason == Reason.ROOT_MISMATCH


def numbered(entry: bytes, seq: int) -> bytes:
    fields: Any = decode(entry)
    return encode([fields[0], seq, 1, max(0, seq + 1 - GOOD_RECORDS) * WINDOW_MS, fields[4]])
