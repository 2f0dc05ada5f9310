"""The link over CAN on the board: a rain of frames on every interpreter, and one controller for two who use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from logger.core.can_hub import CanHub
from tests.firmware.conftest import Interpreter

FUZZ = Path(__file__).parent / "board_tests" / "fuzz_can_link.py"
ROUNDS = 4_000


@pytest.mark.parametrize("seed", [1, 2], ids=["fd", "classic"])
def test_a_rain_of_frames_is_counted_and_harms_nothing(interpreter: Interpreter, seed: int) -> None:
    dropped, refused, of_the_bms = map(int, interpreter.run(FUZZ, str(ROUNDS), str(seed), heap_bytes=1 << 20).split())
    assert dropped > ROUNDS // 10, "messages that broke off, and frames that belong to none"
    assert refused > 10, "messages that came whole and are none of the link's"
    assert of_the_bms > ROUNDS // 8


class Controller:
    max_data_bytes = 8
    lost = 3

    def __init__(self, frames: list[tuple[int, bool, bytes]]) -> None:
        self.frames = frames
        self.filters: Any = "never set"
        self._frame: list[Any] = [0, False, memoryview(b"")]

    def receive(self) -> list[Any] | None:
        """Good until the next call."""
        if not self.frames:
            return None
        can_id, is_extended, data = self.frames.pop(0)
        self._frame[:] = can_id, is_extended, memoryview(bytearray(data))
        return self._frame

    def set_filters(self, ids: Any) -> None:
        self.filters = ids


LINK = (0x1CEFE0F9, True)


def taken(view: Any) -> list[tuple[int, bool, bytes]]:
    frames = []
    while (frame := view.receive()) is not None:
        frames.append((frame[0], frame[1], bytes(frame[2])))
    return frames


def test_each_view_gets_its_own_frames_in_their_order_whoever_fetches_them() -> None:
    frames = [(0x100 + i, False, bytes([i])) if i % 3 else (*LINK, bytes([i])) for i in range(12)]
    frames.append((LINK[0], False, b"another one"))  # the same number as an 11-bit identifier is not the link's
    controller = Controller(list(frames))
    hub = CanHub(controller)
    source, link = hub.view(), hub.view([LINK])
    assert tuple(link.receive())[:2] == LINK
    assert taken(source) == [frame for frame in frames if frame[:2] != LINK]
    assert taken(link) == [frame for frame in frames[1:] if frame[:2] == LINK]
    assert (source.lost, link.lost) == (3, 3)


def test_what_finds_no_room_for_another_view_is_counted() -> None:
    hub = CanHub(Controller([(*LINK, b"")] * 20))
    source, link = hub.view(), hub.view([LINK])
    assert source.receive() is None
    assert (len(taken(link)), link.lost, source.lost) == (16, 3 + 4, 3)


def test_a_frame_that_nobody_wants_is_passed_over() -> None:
    hub = CanHub(Controller([(5, False, b"x"), (*LINK, b"y")]))
    assert taken(hub.view([LINK])) == [(*LINK, b"y")]


def test_filters_let_through_what_any_view_wants() -> None:
    controller = Controller([])
    hub = CanHub(controller)
    source, _ = hub.view(), hub.view([LINK])
    source.set_filters([(0x1DB, False)])
    assert controller.filters == [(0x1DB, False), LINK]
    source.set_filters(None)
    assert controller.filters is None
