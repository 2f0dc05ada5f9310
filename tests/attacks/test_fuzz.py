"""Good messages, altered by chance with a seed: only EvidenceError comes out, and no altered one says another thing."""

from __future__ import annotations

import random

import pytest

from packseal.errors import EvidenceError, Reason
from packseal.records.cbor import decode
from tests.attacks.corpus import good_items
from tests.attacks.decoders import DECODERS
from tests.attacks.mutations import mutated
from tests.attacks.oracle import check

ROUNDS = 1_500
MORE_ROUNDS = {"verified bundle": 8_000, "verified delivery": 5_000, "bundle": 5_000, "cbor": 8_000}


@pytest.mark.parametrize("name", DECODERS)
def test_altered_messages(name: str) -> None:
    chance = random.Random(name)
    goods = good_items()[name]
    everything = [content for items in good_items().values() for content in items]
    for number in range(MORE_ROUNDS.get(name, ROUNDS)):
        others = goods if chance.random() < 0.7 else everything
        content = mutated(goods[number % len(goods)], others, chance)
        try:
            check(name, content)
        except Exception as error:
            raise AssertionError(f"{name}: {content.hex()}") from error


def test_the_oracle_takes_what_is_good() -> None:
    for name, items in good_items().items():
        for content in items:
            assert check(name, content), name


def test_random_bytes() -> None:
    chance = random.Random(9)
    for _ in range(200):
        content = chance.randbytes(chance.randrange(80))
        for name in DECODERS:
            check(name, content)


def test_text_that_is_not_utf8_and_numbers_beyond_64_bits_are_malformed() -> None:
    """Two classic ways out of a decoder."""
    for content in (b"\x61\xff", b"\x1c" + bytes(9), b"\xc2\x49" + bytes(9)):
        with pytest.raises(EvidenceError) as refusal:
            decode(content)
        assert refusal.value.reason is Reason.MALFORMED
