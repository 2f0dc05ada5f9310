"""docs/record.cddl over the corpus: what holds fits it, and what does not hold fits it only where words are needed."""

from __future__ import annotations

from typing import Any

import pytest

from packseal.records.acts import Enrol, Role, sign_possession
from packseal.records.answer import encode_receipt_answer, encode_refusal_answer
from packseal.records.cbor import Value, decode, encode
from tests.records.corpus import BUNDLES, fits, fits_entry, misfit, vectors
from tests.vectors.world import BOARD, INTEGRATOR, SECURE_BOARD, Actor, Passport

LOG = vectors("log.json")
DELIVERIES = vectors("deliveries.json")
ONLY_IN_WORDS = {  # what docs/record.cddl cannot say, or its validator not read
    "a byte too many",
    "longer than 512 bytes",
    "nested deeper than 8",
    "blinded entry with a byte too many",
    "a column of two values for a current",
    "a column of four values for a voltage",
    "a mean that is not available",
    "a column that ends inside a number",
    "a column with a number that is not in its shortest form",
    "a column with a number of six bytes",
    "a temperature of 2^63",
    "a temperature below -2^63",
    "an EVENT of -2^63 - 1 mV",
    "an EVENT of 2^63 mV",
    "a CONFIG without anything known",
    "an empty CONFIG",
    "a window with a tag under an unknown key",
    "a statement with a tag in an unknown value",
    "an estimate of 2^63",
    "an estimate below -2^63",
    "lacks out of order",
    "a lack twice",
    "an estimate at 2^63 ddegC",
    "a greatest block of 2^63",
    "an estimate with a tag in an unknown value",
}
ESTIMATES = vectors("estimates.json")


@pytest.mark.parametrize("step", LOG["steps"] + ESTIMATES["steps"], ids=lambda step: step["name"])
def test_entry_fits_open_and_blinded(step: dict[str, Any]) -> None:
    assert fits_entry(bytes.fromhex(step["entry"]))
    if step["blinded"]:
        assert fits_entry(bytes.fromhex(step["blinded"]))


@pytest.mark.parametrize("bad", vectors("entries_bad.json"), ids=lambda bad: bad["name"])
def test_bad_entry_fits_only_where_words_are_needed(bad: dict[str, str]) -> None:
    assert fits_entry(bytes.fromhex(bad["entry"])) == (bad["name"] in ONLY_IN_WORDS)


def test_signed_messages_of_the_log_fit() -> None:
    for signed in LOG["checkpoints"]:
        assert misfit("checkpoint", bytes.fromhex(signed["checkpoint"])) is None
    for name in ("time_receipt", "receipt_rotated", "receipt"):
        assert misfit("receipt", bytes.fromhex(LOG[name])) is None


def test_deliveries_fit() -> None:
    for content in [*LOG["deliveries"], *(content for good in DELIVERIES["good"] for content in good["deliveries"])]:
        assert fits("delivery", bytes.fromhex(content))


SHAPELESS = {"truncated", "in tag 18", "six parts", "eight parts", "no entries", "a negative first_seq", "version 2"}


@pytest.mark.parametrize("name", sorted(SHAPELESS | {"text in place of the attestation", "a seed of 15 bytes"}))
def test_bad_delivery_does_not_fit(name: str) -> None:
    (bad,) = [bad for bad in DELIVERIES["bad"] if bad["name"] == name]
    assert not fits("delivery", bytes.fromhex(bad["delivery"]))


@pytest.mark.parametrize("case", BUNDLES["good"], ids=lambda case: case["name"])
def test_good_bundle_fits_down_to_its_inner_bytes(case: dict[str, Any]) -> None:
    content = bytes.fromhex(case["bundle"])
    assert fits("bundle", content)
    parts: Any = decode(content)
    _, genesis, rotations, (entry, shown), _, checkpoint, receipt, _, _, acts, time, attestation = parts
    assert all(fits_entry(item) for item in (genesis, entry, *(part[0] for part in rotations)))
    assert fits("genesis", genesis)
    assert [misfit("checkpoint", item) for item in (checkpoint, *(part[2] for part in rotations))].count(
        None
    ) == 1 + len(rotations)
    assert misfit("receipt", receipt) is None
    assert [misfit("act", part[0]) for part in acts] == [None] * len(acts)
    assert not isinstance(shown, dict) or fits("disclosure", encode(shown))
    if time:
        assert fits_entry(time[0])
        assert misfit("receipt", time[3]) is None
    if attestation and "no message" not in case["name"]:
        assert misfit("attestation", attestation) is None


INNER = {  # clause -> which part of a bundle is bad, and the rule of its payload
    "record.md section 5.4": (5, "checkpoint-payload"),
    "record.md section 5.5": (6, "receipt-payload"),
    "record.md section 5.8": (11, "attestation-payload"),
}


@pytest.mark.parametrize("bad", [bad for bad in BUNDLES["bad"] if bad["clause"] in INNER], ids=lambda bad: bad["name"])
def test_signed_numbers_beyond_a_limit_do_not_fit(bad: dict[str, str]) -> None:
    index, rule = INNER[bad["clause"]]
    bundle: Any = decode(bytes.fromhex(bad["bundle"]))
    message: Any = decode(bundle[index])
    assert not fits(rule, message.items[2]) or "counts in an array" in bad["name"]  # which the validator lets pass


@pytest.mark.parametrize(
    ("rule", "value"),
    [
        ("shown-field", [16, 1, bytes(16)]),
        ("shown-field", [-1, 1, bytes(16)]),
        ("shown-field", [1, 1, bytes(15)]),
        ("shown-field", [1, 1]),
        ("shown-cell", [1024, 1, bytes(16)]),
        ("shown-cell", [0, "1", bytes(16)]),
        ("shown-cells", [0, [], []]),
        ("bound", [0, bytes(32)]),
        ("bound", [256, bytes(32)]),
        ("bound", [1, bytes(31)]),
        ("bound", [1]),
        ("disclosure", {1: []}),
        ("disclosure", {2: []}),
        ("disclosure", {1: [], 2: [], 6: []}),
        ("disclosure", {1: [], 2: [bytes(31)]}),
        ("counts", [1, 2]),
    ],
)
def test_parts_of_a_wrong_shape_do_not_fit(rule: str, value: Value) -> None:
    assert not fits(rule, encode(value))


def test_possessions_and_acts_of_both_algorithms_fit() -> None:
    for actor in (BOARD, SECURE_BOARD):
        possession = sign_possession(actor.key, bytes(16), actor.sign)
        assert misfit("possession", possession) is None
        act = Passport().signed_act(Enrol(Role.BOARD, actor.key, possession), INTEGRATOR)
        assert misfit("act", act) is None


@pytest.mark.parametrize(
    ("payload", "is_good"),
    [
        ([1, bytes(16), 1, bytes(8), 1], True),
        ([1, bytes(16), 2, bytes(8), 0], True),
        ([1, bytes(16), 2, bytes(8), 1], False),
        ([1, bytes(16), 1, bytes(8), 0], False),
        ([1, bytes(16), 3, bytes(8), 0], False),
        ([2, bytes(16), 1, bytes(8), 1], False),
    ],
)
def test_orders(payload: Value, is_good: bool) -> None:
    order = Actor(30).message(payload, "packseal/order/1", kid=Actor(30).key.kid)
    assert (misfit("order", order) is None) == is_good


def test_archives_fit() -> None:
    for good in vectors("archives.json")["good"]:
        content, items = bytes.fromhex(good["archive"]), list[Any]()
        while content:
            items.append(content[:0])
            content = _taken(content, items)
        head, *parts, bundle = items
        assert fits("archive-head", head)
        assert all(fits("archive-part", part) for part in parts)
        assert fits("bundle", bundle)


def _taken(content: bytes, items: list[Any]) -> bytes:
    """Item by item: a head of one, two or three bytes stands before each of ours."""
    size = {0x58: 1, 0x59: 2}.get(content[0], 0)
    length = int.from_bytes(content[1 : 1 + size], "big") if size else content[0] & 31
    items[-1] = content[1 + size : 1 + size + length]
    return content[1 + size + length :]


def test_answers_fit() -> None:
    assert fits("answer", encode_receipt_answer(bytes(16), bytes.fromhex(LOG["receipt"])))
    assert fits("answer", encode_refusal_answer(bytes(16), 5, "fork", "two roots"))
    assert fits("answer", encode_refusal_answer(b"", 0, "malformed", ""))
    assert not fits("answer", encode([1, bytes(15), 5, "fork", ""]))
