"""A board whose key is in a secure element: another algorithm and a signer of its own (docs/record.md section 5.2)."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from logger.core import cose, keys
from packseal.records import p256
from tests.records.p256_signer import SecureElement

BOARD_TESTS = Path(__file__).parent / "board_tests"


class ElementKey:
    """A key as logger/core/keys.py describes it, which answers after some steps, as an I2C device does."""

    algorithm = cose.ESP256

    def __init__(self, seed: bytes) -> None:
        self._element = SecureElement(seed)
        self.public = self._element.public_key

    def sign_steps(self, message: bytes) -> Generator[None, None, bytes]:
        for _ in range(5):
            yield
        return self._element(message)

    def disclosure_seed(self, label: bytes) -> bytes:
        return hashlib.sha256(b"a slot of the element" + label).digest()[:16]


class ElementKeys:
    def __init__(self) -> None:
        self.identity = keys.opened(ElementKey(bytes(32)), bytes(16))

    def save(self, identity: Any) -> None:
        self.identity = identity

    def new_key_steps(self) -> Generator[None, None, ElementKey]:
        yield
        return ElementKey(b"\1" * 32)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(BOARD_TESTS)
    bench: Any = importlib.import_module("bench")

    def verify(key: tuple[int, bytes], message: bytes, signature: bytes) -> None:
        assert key[0] == cose.ESP256
        p256.verify(key[1], message, signature)

    monkeypatch.setattr(bench, "verify", verify)
    return bench


def board_of(bench: Any) -> Any:
    flash = importlib.import_module("memory_flash").MemoryFlash(8, 4096)
    return bench.Board(flash, 1_000, 5_000, 4, 40, keys=ElementKeys())


def test_a_log_signed_by_a_secure_element(bench: Any) -> None:
    """The gateway of the bench verifies the header {1: -9} and each signature."""
    board, gateway = board_of(bench), bench.Gateway()
    board.run(60_000, gateway)
    assert gateway.log.key == (cose.ESP256, board.keys.identity.key.public)
    assert len(gateway.log.key[1]) == 64
    assert len(gateway.checkpoints) >= 3
    assert board.log.receipted_size == gateway.checkpoints[-1]


@pytest.mark.parametrize("order", [cose.ORDER_ROTATE, cose.ORDER_SEAL])
def test_a_secure_element_obeys_orders(bench: Any, order: int) -> None:
    board, gateway = board_of(bench), bench.Gateway()
    board.run(30_000, gateway)
    before = board.keys.identity.key.public
    board.link.feed(bench.order_frame(board.keys.identity, order, 2 if order == cose.ORDER_SEAL else 0))
    board.run(60_000, gateway)
    assert len(gateway.logs) == (2 if order == cose.ORDER_SEAL else 1)
    assert (board.keys.identity.key.public != before) == (order == cose.ORDER_ROTATE)
    assert gateway.checkpoints[-1] == board.log.checkpointed_size
