"""A board with two lines and a gateway on each: one log, receipts from either, an answer only to who has asked."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from logger.core.link import BoardLink
from packseal.io.link import (
    FrameReader,
    FreshStep,
    Kind,
    decode_fresh_state,
    decode_status,
    encode_challenge,
    encode_fresh,
)
from tests.firmware.test_with_gateway import Witness

BOARD_TESTS = Path(__file__).parent / "board_tests"


class Lines:
    """Each line's gateway hears what its BoardLink says; `heard` keeps the frames by line."""

    def __init__(self, board: Any) -> None:
        self.board = board
        self.links = (board.link, BoardLink(board.logger))
        self.gateways = (Witness(), Witness())
        self.heard: tuple[list[tuple[int, bytes]], ...] = ([], [])
        self._readers = (FrameReader(), FrameReader())

    def run(self, duration_ms: int, *, silent: int | None = None) -> None:
        """silent: the line whose gateway neither hears nor says anything."""
        end_ms = self.board.now_ms + duration_ms
        while self.board.now_ms < end_ms:
            self.board.logger.step(self.board.now_ms)
            for number, link in enumerate(self.links):
                if number != silent:
                    self._turn(number, link)
            self.board.now_ms += 20

    def _turn(self, number: int, link: Any) -> None:
        frame = link.next_frame()
        if frame:
            self.heard[number].extend((found.kind, found.body) for found in self._readers[number].feed(frame))
            link.feed(self.gateways[number].receive(frame))


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    monkeypatch.syspath_prepend(BOARD_TESTS)
    bench = importlib.import_module("bench")
    flash = importlib.import_module("memory_flash").MemoryFlash(16, 4096)
    return Lines(bench.Board(flash, 1_000, 10_000, 4, 4))


def test_two_gateways_have_the_same_log_and_receipts_of_either_count(lines: Lines) -> None:
    lines.run(300_000)
    first, second = (gateway.logs[0] for gateway in lines.gateways)
    assert first.size == second.size > 30
    assert first.edge == second.edge
    assert lines.board.log.receipted_size == first.size
    assert lines.board.logger.requests.receipts_refused == 0
    assert [link.frames_refused for link in lines.links] == [0, 0]


def test_a_gateway_that_was_away_goes_on_where_it_was_though_the_other_has_given_receipts(lines: Lines) -> None:
    lines.run(60_000)
    lines.run(120_000, silent=1)
    behind = lines.gateways[1].logs[0].size
    assert lines.board.log.receipted_size > behind
    lines.run(120_000)
    first, second = (gateway.logs[0] for gateway in lines.gateways)
    assert first.edge == second.edge
    assert second.size > behind


@pytest.mark.parametrize("asker", [0, 1])
def test_a_challenge_is_answered_on_the_line_that_asked(lines: Lines, asker: int) -> None:
    lines.run(20_000)
    lines.links[asker].feed(encode_challenge(bytes(16)))
    lines.run(5_000)
    answers = [[kind for kind, _ in frames].count(Kind.POSSESSION) for frames in lines.heard]
    assert answers == ([1, 0] if asker == 0 else [0, 1])


def test_a_nonce_over_both_lines_is_signed_once_and_each_is_told(lines: Lines) -> None:
    """Two gateways of one battery hear the same command; both carry the checkpoint."""
    lines.run(23_500)
    nonce = bytes(range(16))
    for link in lines.links:
        link.feed(encode_fresh(nonce))
    lines.run(30_000)
    for frames in lines.heard:
        (state,) = [decode_fresh_state(body) for kind, body in frames if kind == Kind.FRESH_STATE]
        assert (state.nonce, state.step) == (nonce, FreshStep.TAKEN)
        checkpoints = [body for kind, body in frames if kind == Kind.CHECKPOINT]
        assert len({body for body in checkpoints if nonce in body}) == 1


def test_a_status_says_what_the_source_refused_and_whether_the_configuration_was(lines: Lines) -> None:
    lines.board.logger.config_refused = 1
    lines.board.pack.refused = 7
    lines.run(20_000)
    for frames in lines.heard:
        status = decode_status([body for kind, body in frames if kind == Kind.STATUS][-1])
        assert (status.source_refused, status.config_refused) == (7, 1)
