"""A policy as JSON: both ways, and strict, because whoever trusts the wrong key has checked nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from packseal.records.policy import Policy
from tests.records.corpus import POLICIES

KEY, LOG_ID = "ab" * 32, "0c" * 16
WHOLE: dict[str, Any] = {
    "services": [KEY],
    "logs": {LOG_ID: {"battery": "pack-1", "evidence_class": "B"}},
    "keys": [
        {"public_key": "01" * 32, "algorithm": -19, "role": "integrator"},
        {"public_key": "02" * 64, "algorithm": -9, "role": "gateway"},
    ],
    "witnesses": [{"name": "witness.example/1", "public_key": "03" * 32}],
    "witnesses_needed": 1,
    "revoked": [{"public_key": "04" * 64, "index": 7}],
}


@pytest.mark.parametrize("name", POLICIES)
def test_both_ways(name: str) -> None:
    text = json.dumps(POLICIES[name].to_json())
    assert Policy.from_json(json.loads(text)) == POLICIES[name]


def test_a_whole_policy() -> None:
    assert Policy.from_json(WHOLE).to_json() == WHOLE


def test_only_services_are_needed() -> None:
    assert Policy.from_json({"services": [KEY]}) == Policy({}, (bytes.fromhex(KEY),))


def changed(path: str, value: Any) -> Any:
    content: Any = copy.deepcopy(WHOLE)
    part = content
    *way, last = [int(step) if step.isdigit() and len(step) < 3 else step for step in path.split(".")]
    for step in way:
        part = part[step]
    part[last] = value
    return content


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("services", KEY, "services: expected an array, found"),
        ("services.0", "AB" * 32, r"services\[0\]: expected 64 hexadecimal digits in lower case"),
        ("services.0", KEY[:-1], r"services\[0\]: expected 64"),
        ("services.0", 5, r"services\[0\]: expected 64"),
        ("services", [KEY, KEY], f"policy: {KEY} is listed twice"),
        ("logs", [], "logs: expected an object"),
        ("logs.x", {"battery": "p", "evidence_class": "B"}, "logs: expected 32 hexadecimal digits"),
        (f"logs.{LOG_ID}.battery", "", rf"logs.{LOG_ID}.battery: expected a text of 1 to 63 bytes, found ''"),
        (f"logs.{LOG_ID}.battery", "ü" * 32, "battery: expected a text of 1 to 63 bytes"),
        (f"logs.{LOG_ID}.evidence_class", "E", "evidence_class: expected A, B, C or D, found 'E'"),
        (f"logs.{LOG_ID}.name", "pack", "'name' is not known"),
        ("keys.0.role", "service", r"keys\[0\].role: expected one of integrator, operator, assessor, gateway"),
        ("keys.0.role", "board", r"keys\[0\].role"),
        ("keys.0.algorithm", -8, r"keys\[0\].algorithm: expected -19 for Ed25519 or -9 for ESP256, found -8"),
        ("keys.0.algorithm", -9, r"keys\[0\].public_key: expected 128 hexadecimal digits"),
        ("keys.0.algorithm", True, r"keys\[0\].algorithm"),
        ("keys.1.public_key", "02" * 32, r"keys\[1\].public_key: expected 128"),
        ("keys.0", {"public_key": KEY, "role": "operator"}, r"keys\[0\]: 'algorithm' is missing"),
        ("witnesses.0.name", "a name", r"witnesses\[0\].name: 'a name'"),
        ("witnesses.0.name", None, r"witnesses\[0\].name: expected a text"),
        ("witnesses_needed", 2, "witnesses_needed: expected at most 1, as many as are listed, found 2"),
        ("witnesses_needed", -1, "witnesses_needed: expected a number from 0"),
        ("witnesses_needed", True, "witnesses_needed: expected a number"),
        ("witnesses_needed", 1.0, "witnesses_needed: expected a number"),
        ("revoked.0.index", 1 << 63, r"revoked\[0\].index: expected a number"),
        ("revoked.0.public_key", "04" * 33, r"revoked\[0\].public_key: expected 64 or 128"),
        ("witness", [], "policy: 'witness' is not known"),
    ],
)
def test_what_is_wrong_is_named(path: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Policy.from_json(changed(path, value))


@pytest.mark.parametrize("content", [None, [], "policy", {}, {"logs": {}}])
def test_no_policy(content: Any) -> None:
    with pytest.raises(ValueError, match=r"policy: (expected an object|'services' is missing)"):
        Policy.from_json(content)


def test_nothing_is_listed_twice() -> None:
    same: list[dict[str, Any]] = [
        {"keys": [WHOLE["keys"][0] | {"public_key": KEY}]},
        {"witnesses": [{"name": name, "public_key": KEY} for name in ("one", "two")]},
    ]
    for parts in same:
        with pytest.raises(ValueError, match=f"policy: {KEY} is listed twice"):
            Policy.from_json(WHOLE | parts)
    for name in ("keys", "witnesses", "revoked"):
        with pytest.raises(ValueError, match="is listed twice"):
            Policy.from_json(WHOLE | {name: WHOLE[name] * 2})
