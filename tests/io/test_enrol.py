"""Who is on a port, and whether it has the key it names: asked of the real firmware."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from packseal.apps.authority import Signatory, order_for
from packseal.apps.demo import board_config
from packseal.errors import EvidenceError, MicroPythonError, UnavailableError
from packseal.io.enrol import give_order, hello_of, possession_of
from packseal.io.keys import Signer
from packseal.io.link import Hello
from packseal.io.unix_board import UnixBoard
from packseal.records.acts import POSSESSION_PURPOSE
from packseal.records.blinding import seed_digest
from packseal.records.bodies import Rotation, Seal
from packseal.records.cbor import decode
from packseal.records.cose import ED25519, verify1
from packseal.records.entries import genesis_key
from tests.passport.board import key_of

NONCE = bytes(range(16))
OPERATOR = Signatory(Signer(key_of("operator")), 1_797_000_000_000)


@pytest.fixture
def board(tmp_path: Path) -> Iterator[UnixBoard]:
    try:
        board = UnixBoard(tmp_path, board_config(bytes(32)))
    except MicroPythonError as error:
        pytest.skip(str(error))
    yield board
    board.stop()


def test_a_board_proves_the_key_of_its_hello(board: UnixBoard) -> None:
    board.start()
    hello, possession = possession_of(board.port, NONCE, is_running=board.is_running)
    key = genesis_key(hello.genesis)
    assert decode(verify1(possession, POSSESSION_PURPOSE, key.verifying_key)) == [1, ED25519, key.public_key, NONCE]
    assert seed_digest(hello.seed) == key.seed_digest
    assert hello_of(board.port, is_running=board.is_running).genesis == hello.genesis


def test_nobody_on_the_port_is_said_so(board: UnixBoard) -> None:
    with pytest.raises(UnavailableError, match="no board answers"):
        possession_of(board.port, NONCE, timeout_s=0.2)


def order(name: str, cause: int, signed_with: bytes | None = None) -> Callable[[Hello], bytes]:
    return lambda hello: order_for(OPERATOR, hello, name, cause, signed_with)


@pytest.fixture
def ordered_board(tmp_path: Path) -> Iterator[UnixBoard]:
    """A board that knows its operator."""
    try:
        operator_key = OPERATOR.signer.public_key.hex()
        board = UnixBoard(tmp_path, board_config(bytes(32)) | {"operator_public_key": operator_key})
    except MicroPythonError as error:
        pytest.skip(str(error))
    board.start()
    yield board
    board.stop()


def test_an_order_changes_the_key_and_the_next_must_name_it(ordered_board: UnixBoard) -> None:
    rotated = give_order(ordered_board.port, order("rotate", 0))
    assert isinstance(rotated.body, Rotation)
    with pytest.raises(EvidenceError, match="wrong-role"):
        give_order(ordered_board.port, order("rotate", 0))
    sealed = give_order(ordered_board.port, order("seal", 2, rotated.body.key.public_key))
    assert isinstance(sealed.body, Seal)
    assert (sealed.body.cause, sealed.seq > rotated.seq) == (2, True)


def test_a_board_without_an_operator_takes_no_order(board: UnixBoard) -> None:
    board.start()
    with pytest.raises(EvidenceError, match="wrong-role"):
        give_order(board.port, order("seal", 1))
