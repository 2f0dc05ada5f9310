"""What comes over the line cannot harm a board: nothing escapes, what is refused is counted, and nothing is freed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logger.core import cbor, cose, ed25519, link
from logger.core.keys import Ed25519Key, opened
from logger.core.logger import Logger
from logger.core.sectorlog import SectorLog
from logger.drivers.flash_file import FlashFile
from logger.drivers.simulator import SimulatedPack
from tests.firmware.conftest import Interpreter
from tests.firmware.test_codecs import values

FUZZ = Path(__file__).parent / "board_tests" / "fuzz_link.py"
ROUNDS = 1_000
SERVICE_KEY = ed25519.public_key(bytes(range(32)))
OPERATOR_KEY = ed25519.public_key(bytes(range(32, 64)))
IDENTITY = opened(Ed25519Key(bytes(range(1, 33))), bytes(16))
LOG_ID = IDENTITY.log_id
SIZE = 3  # KEY, BOOT and CONFIG
PROTECTED = cbor.encode({1: -19, 4: cose.key_id(SERVICE_KEY)})
ORDER_PROTECTED = cbor.encode({1: -19, 4: cose.key_id(OPERATOR_KEY)})
RECEIPT_PAYLOAD = [1, LOG_ID, SIZE, bytes(32), 0, 1, bytes(16), None]
ORDER_PAYLOAD = [1, LOG_ID, 1, cose.key_id(IDENTITY.key.public), 2]
GREATEST_SEQ = (1 << 24) - 1
CONFIG = {
    "rated_capacity_mah": 10_000,
    "cell_blocks": 12,
    "strings": 2,
    "sample_ms": 1_000,
    "window_ms": 10_000,
    "checkpoint_every": 4,
    "clock_rate": 1,
    "time_every_ms": 600_000,
    "service_public_key": SERVICE_KEY,
    "operator_public_key": OPERATOR_KEY,
    "settings_digest": bytes(32),
}


class Keys:
    """A key store that nothing may be saved in."""

    identity = IDENTITY


class Board:
    """A board that has signed its first size, with all of its parts but the port."""

    def __init__(self, flash: Any) -> None:
        self.log = SectorLog(flash, LOG_ID, IDENTITY.disclosure_seed)
        source = SimulatedPack(lambda: 0, 12, 2, 10_000, 9_100, 1)
        self.logger = Logger(CONFIG, self.log, Keys, source, bytes(32), 1)
        self.link = link.BoardLink(self.logger)
        self.work()
        assert self.log.checkpointed_size == SIZE

    def work(self) -> None:
        while self.logger.step(0):
            self.link.next_frame()
        self.link.next_frame()

    def hear(self, content: bytes) -> None:
        self.link.feed(content)
        self.work()


NewBoard = Callable[[], AbstractContextManager[Board]]


@pytest.fixture(scope="module")
def new_board(tmp_path_factory: pytest.TempPathFactory) -> NewBoard:
    """Not a board: hypothesis asks for one of its own for each of its examples."""
    path = tmp_path_factory.mktemp("board") / "flash.bin"

    @contextmanager
    def make() -> Iterator[Board]:
        path.unlink(missing_ok=True)
        with closing(FlashFile(str(path), 8, 4096)) as flash:
            yield Board(flash)

    return make


def without(good: Any, *, part: int, put: Any) -> list[Any]:
    return [*good[:part], put, *good[part + 1 :]]


def payloads(good: list[Any]) -> st.SearchStrategy[bytes]:
    """Sizes that are not 0: a receipt of 0 says nothing new and is not looked at."""
    changed = st.builds(
        lambda part, put: cbor.encode(without(good, part=part, put=put)),
        st.integers(0, len(good) - 1),
        values.filter(lambda value: value != 0),
    )
    return st.one_of(st.binary(max_size=60), values, values.map(cbor.encode), changed)


def signed(protected: bytes, good: list[Any]) -> st.SearchStrategy[Any]:
    """With a signature that is none."""
    return st.one_of(
        st.builds(lambda payload: cbor.Sign1([protected, {}, payload, bytes(64)]), payloads(good)),
        st.builds(
            lambda part, put: cbor.Sign1(without([protected, {}, b"", bytes(64)], part=part, put=put)),
            st.integers(0, 3),
            values,
        ),
        st.builds(cbor.Sign1, st.lists(values, max_size=5)),
    )


receipts, orders = signed(PROTECTED, RECEIPT_PAYLOAD), signed(ORDER_PROTECTED, ORDER_PAYLOAD)
wants = st.builds(lambda part, put: without([0, 8, 1], part=part, put=put), st.integers(0, 2), values)
updates = st.builds(
    lambda part, put: without([0, b"piece"], part=part, put=put), st.integers(0, 1), st.integers(0) | values
)
parts = (values, receipts, orders, wants, updates)
bodies = st.one_of(st.binary(max_size=200), *[kind.map(cbor.encode) for kind in parts])
GATEWAYS = [link.WANT, link.RECEIPT, link.ASK, link.CHALLENGE, link.ORDER, link.UPDATE, link.FRESH]
kinds = st.sampled_from(GATEWAYS) | st.integers(0, 255)
frames = st.tuples(kinds, bodies.filter(lambda body: len(body) <= link.MAX_FRAME_BYTES - 5))


def is_good_want(body: bytes) -> bool:
    """docs/link.md, WANT."""
    try:
        value = cbor.decode(body)
    except cbor.CBORError:
        return False
    if type(value) is not list or [type(item) for item in value] != [int, int, int]:
        return False
    return 0 <= value[0] <= GREATEST_SEQ and 0 <= value[1] <= GREATEST_SEQ and value[2] in (0, 1)


def is_good_update(body: bytes) -> bool:
    """docs/link.md, UPDATE."""
    try:
        value = cbor.decode(body)
    except cbor.CBORError:
        return False
    return type(value) is list and [type(item) for item in value] == [int, bytes] and value[0] >= 0


def is_of_a_gateway(kind: int, body: bytes) -> bool:
    """Whether docs/link.md has such a frame. What a RECEIPT or an ORDER says is another matter."""
    if kind == link.WANT:
        return is_good_want(body)
    if kind == link.UPDATE:
        return is_good_update(body)
    return kind in (link.RECEIPT, link.ORDER) or len(body) == {link.ASK: 0, link.CHALLENGE: 16, link.FRESH: 16}.get(
        kind
    )


@settings(deadline=None)  # each example makes a flash and a signature, and the machine may be busy with others
@given(st.lists(frames, max_size=6))
def test_no_frame_harms_the_board_and_what_is_refused_is_counted(
    new_board: NewBoard, said: list[tuple[int, bytes]]
) -> None:
    with new_board() as board:
        for kind, body in said:
            board.hear(link.encode_frame(kind, body))
        assert board.link.frames_refused == sum(not is_of_a_gateway(*frame) for frame in said)
        requests = board.logger.requests
        assert requests.receipts_refused == sum(kind == link.RECEIPT for kind, _ in said)
        assert requests.orders_refused == sum(kind == link.ORDER for kind, _ in said)
        assert (board.log.size, board.log.receipted_size) == (SIZE, 0)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=4))
def test_no_bytes_harm_the_board(new_board: NewBoard, pieces: list[bytes]) -> None:
    with new_board() as board:
        for piece in [*pieces, b"\0"]:
            board.hear(piece)
        assert board.link.frames_refused == len([part for part in b"".join(pieces).split(b"\0") if part])


@pytest.mark.parametrize("seed", [1, 2])
def test_a_thousand_frames_that_no_gateway_sends(interpreter: Interpreter, seed: int) -> None:
    """The script compares each count with its own. Two in eleven are receipts, and as many are orders."""
    said = interpreter.run(FUZZ, str(ROUNDS), str(seed), heap_bytes=1 << 20)
    frames_refused, receipts_refused, orders_refused = map(int, said.split())
    assert frames_refused > ROUNDS // 3
    assert min(receipts_refused, orders_refused) > ROUNDS // 8
