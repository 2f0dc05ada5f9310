"""Every bundle of the corpus: verdict, reason, and what comes out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import pytest

from packseal.errors import EvidenceError
from packseal.records.verify import verify_bundle
from tests.records.corpus import BUNDLES, POLICIES, good
from tests.vectors.bundles import expected

STEPS = {  # every reason that section 8 names, by step
    1: {"malformed", "unknown-version"},
    2: {"malformed"},
    3: {"malformed", "bad-signature", "unknown-version", "wrong-log", "bad-rotation", "bad-inclusion-proof"},
    4: {"malformed", "bad-signature", "unknown-version", "wrong-log", "bad-rotation"},
    5: {"malformed", "wrong-seq", "bad-disclosure", "bad-threshold", "bad-inclusion-proof"},
    6: {"unknown-service", "bad-signature", "malformed", "unknown-version", "key-revoked", "receipt-mismatch"},
    7: {"malformed", "bad-signature", "unknown-service", "too-few-witnesses", "bad-inclusion-proof"},
    8: {
        "malformed", "bad-signature", "unknown-version", "unknown-authority", "wrong-role", "bad-possession",
        "key-revoked", "bad-inclusion-proof",
    },
    9: {"unknown-log", "already-bound", "wrong-class"},
    10: {"key-revoked"},
    11: {
        "malformed", "bad-time", "bad-inclusion-proof", "unknown-service", "bad-signature", "unknown-version",
        "key-revoked",
    },
    12: {"receipt-mismatch", "bad-signature", "malformed", "unknown-version"},
}  # fmt: skip
STEP_OF_CLAUSE = {"1.1": 12, "4.6": 5, "4.7": 5, "5.4": 4, "5.5": 6, "5.8": 12, "5.9": 8, "7.2": 8, "12": 9}


@pytest.mark.parametrize("case", BUNDLES["good"], ids=lambda case: case["name"])
def test_good_bundle(case: dict[str, Any]) -> None:
    trusted = verify_bundle(bytes.fromhex(case["bundle"]), POLICIES[case["policy"]])
    assert expected(trusted) == case["expect"]


@pytest.mark.parametrize("bad", BUNDLES["bad"], ids=lambda bad: bad["name"])
def test_bad_bundle_is_refused_with_its_reason(bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError) as refusal:
        verify_bundle(bytes.fromhex(bad["bundle"]), POLICIES[bad["policy"]])
    assert refusal.value.reason == bad["reason"], bad["clause"]


def test_names_are_unique() -> None:
    for cases in (BUNDLES["good"], BUNDLES["bad"]):
        assert len({case["name"] for case in cases}) == len(cases)


def test_every_reason_of_every_step_is_in_the_corpus() -> None:
    found: dict[int, set[str]] = defaultdict(set)
    for bad in BUNDLES["bad"]:
        clause = bad["clause"].removeprefix("record.md section ")
        found[STEP_OF_CLAUSE.get(clause) or int(clause.removeprefix("8."))].add(bad["reason"])
    assert found == STEPS


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a window of which one value is shown", {"fields": {"soc_cpct": 5004}}),
        (
            "a window of which three values are shown",
            {"fields": {"duration_ms": 10_000, "pack_current_ma": [-5004, -5100, -4900], "counters": [4, 8, 12, 16]}},
        ),
        ("a window of which one cell block is shown", {"cells": {"2": 3717}}),
        ("a window of which a cell block is shown that had no value", {"cells": {"3": None}}),
        ("a window of which nothing is shown", {}),
        ("a statement of which one value is shown", {"fields": {"soh_capacity_cpct": [9120, 45]}}),
        ("a statement of which a lower bound is shown", {"at_least_cpct": 8000}),
        ("a statement of which the least upper bound is shown", {"at_most_cpct": 9150}),
        ("a statement of which a band is shown", {"at_least_cpct": 9000, "at_most_cpct": 9500}),
        ("a state of health of which the weakest block is shown", {"fields": {"weakest": [7, 8810, 60]}}),
        ("an estimate of which quantity and value are shown", {"fields": {"quantity": 3, "value": [4210, 55]}}),
        ("an estimate of which is shown what it lacks", {"fields": {"quantity": 1, "lacking": [1, 2, 9]}}),
        ("an estimate that is shown to have no value", {}),
        ("an estimate of which a field is shown that version 1 does not know", {}),
        ("a health of 0 is at most 0", {"at_most_cpct": 0}),
        ("a health beyond the end of the chain", {"at_least_cpct": 12_750}),
    ],
)
def test_what_is_shown_was_written_by_hand(name: str, shown: dict[str, Any]) -> None:
    nothing: dict[str, Any] = {"fields": {}, "cells": {}, "at_least_cpct": None, "at_most_cpct": None}
    assert good(name)["expect"]["shown"] == nothing | shown


@pytest.mark.parametrize(
    ("name", "expect"),
    [
        ("record 8, SOH", {"battery": "vector-pack", "evidence_class": "B", "seq": 8, "type": 3, "size": 17}),
        ("an estimate", {"battery": "estimated-pack", "evidence_class": "B", "seq": 5, "type": 10, "shown": None}),
        ("record 15, type 31", {"type": 31, "shown": None, "bound_by": "integrator"}),
        ("a key in a secure element", {"evidence_class": "A", "bound_by": "operator", "battery": "secure-pack"}),
        ("a gateway's log", {"evidence_class": "C", "battery": "can-pack"}),
        ("an import", {"evidence_class": "D", "battery": "replayed-pack"}),
        ("bound by the policy", {"bound_by": None, "battery": "listed-pack", "acts": 0}),
        ("of two BINDs that say the same the first is named", {"battery": "vector-pack", "bound_by": "integrator"}),
        ("a BIND that says the same again, after the receipt", {"bound_by": "integrator", "acts": 2}),
        ("the key after a change of key is bound to another battery", {"battery": "vector-pack", "acts": 2}),
        ("a service's BIND does not count", {"battery": "vector-pack", "bound_by": "integrator"}),
        ("everything", {"not_before_unix_ms": 1_797_000_060_000, "not_after_unix_ms": 1_797_000_180_000}),
        ("attested by a gateway that the policy does not list", {"attested_by": None}),
        ("attested by a gateway that the policy knows revoked", {"attested_by": None}),
        ("attested by a gateway that an act revoked", {"attested_by": None, "acts": 2}),
        ("no witness asked for, none cosigned", {"witnesses": {}}),
        ("a checkpoint that ends in a change of key", {"size": 14, "not_before_unix_ms": None}),
    ],
)
def test_what_comes_out_was_written_by_hand(name: str, expect: dict[str, Any]) -> None:
    found = good(name)["expect"]
    assert {key: found[key] for key in expect} == expect
