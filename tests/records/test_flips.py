"""No bit of a bundle can be changed, and no bundle is cut short: over the corpus, under policies that trust no less.

What may change unnoticed by design is not here: signature lines of a note by those whom the policy does not ask.
PACKSEAL_LONG=1 flips every bit of all of them, which takes some minutes.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace

import pytest

from packseal.errors import EvidenceError
from packseal.records.policy import Policy
from packseal.records.verify import verify_bundle
from tests.records.corpus import POLICIES, good
from tests.records.flips import accepted_flips

NAMES = [
    "record 0, KEY",
    "record 2, WINDOW",
    "record 8, SOH",
    "record 10, CONFIG",
    "record 15, type 31",
    "record 16, SEAL",
    "a window of which one value is shown",
    "a window of which values and cell blocks are shown",
    "a window of which nothing is shown",
    "a window of which everything is shown",
    "a statement of which a band and two values are shown",
    "a key in a secure element",
    "two changes of key",
    "bound by the policy",
    "an import",
    "acts: ENROL of a secure element",
    "revoked later than the receipt, says an act",
    "everything",
    "attested by a gateway that the policy does not list",
    "attested by a secure element",
]
IS_LONG = os.environ.get("PACKSEAL_LONG") == "1"
STEP = 1 if IS_LONG else 11  # prime to 8, so that every place in a byte comes up
PROCESSES = 2


def case_of(name: str) -> tuple[bytes, Policy]:
    """Both witnesses are asked for, so that both their lines count."""
    case = good(name)
    witnesses = POLICIES["two witnesses"].witnesses
    policy = replace(POLICIES[case["policy"]], witnesses=witnesses, witnesses_needed=len(witnesses))
    return bytes.fromhex(case["bundle"]), policy


@pytest.mark.parametrize("name", NAMES)
def test_good_under_the_stricter_policy(name: str) -> None:
    verify_bundle(*case_of(name))


def test_every_flipped_bit_is_refused() -> None:
    assert len(NAMES) == 20
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(PROCESSES, mp_context=context) as pool:
        found: dict[str, Future[list[int]]] = {
            name: pool.submit(accepted_flips, *case_of(name), index % STEP, STEP) for index, name in enumerate(NAMES)
        }
        assert {name: bits.result() for name, bits in found.items()} == {name: [] for name in NAMES}


def test_every_truncation_is_malformed() -> None:
    content, policy = case_of("everything")
    for end in range(len(content)):
        with pytest.raises(EvidenceError, match="malformed"):
            verify_bundle(content[:end], policy)
