"""A policy as JSON: both ways, and strict, because whoever trusts the wrong key has checked nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from packseal.records.policy import MAX_COUNT, Policy, Revocation
from tests.records.corpus import POLICIES

KEY, LOG_ID, ORIGIN = "ab" * 32, "0c" * 16, "passports.example/log"
OTHER = {"origin": "other.example/log", "public_key": "05" * 32}
WHOLE: dict[str, Any] = {
    "services": [{"origin": ORIGIN, "public_key": KEY}],
    "logs": {LOG_ID: {"battery": "pack-1", "evidence_class": "B"}},
    "keys": [
        {"public_key": "01" * 32, "algorithm": -19, "role": "integrator"},
        {"public_key": "02" * 64, "algorithm": -9, "role": "gateway"},
    ],
    "witnesses": [{"name": "witness.example/1", "public_key": "03" * 32}],
    "witnesses_needed": 1,
    "revoked": [{"public_key": "04" * 64, "index": 7, "service": KEY}],
}


@pytest.mark.parametrize("name", POLICIES)
def test_both_ways(name: str) -> None:
    text = json.dumps(POLICIES[name].to_json())
    assert Policy.from_json(json.loads(text)) == POLICIES[name]


def test_a_whole_policy() -> None:
    assert Policy.from_json(WHOLE).to_json() == WHOLE


def test_only_services_are_needed() -> None:
    assert Policy.from_json({"services": WHOLE["services"]}) == Policy({}, {bytes.fromhex(KEY): ORIGIN})


def test_an_index_is_of_the_only_service_unless_it_is_said_of_which() -> None:
    key, revoked = bytes.fromhex("04" * 64), {"public_key": "04" * 64, "index": 7}
    assert Policy.from_json(WHOLE | {"revoked": [revoked]}) == Policy.from_json(WHOLE)
    two = WHOLE | {"services": [*WHOLE["services"], OTHER]}
    told = Policy.from_json(two)
    assert told.revoked == {key: Revocation(bytes.fromhex(KEY), 7)}
    assert (told.revoked_from(key, bytes.fromhex(KEY)), told.revoked_from(key, bytes([5]) * 32)) == (7, 0)
    assert told.revoked_from(bytes(32), bytes.fromhex(KEY)) is None
    for changed_services in (two, two | {"services": []}):
        with pytest.raises(ValueError, match=r"revoked\[0\].service: expected 64 hexadecimal digits"):
            Policy.from_json(changed_services | {"revoked": [revoked]})


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
        ("services.0", KEY, r"services\[0\]: expected an object"),
        ("services.0", {"public_key": KEY}, r"services\[0\]: 'origin' is missing"),
        ("services.0.origin", "a log", r"services\[0\].origin: 'a log'"),
        ("services.0.origin", "\ud800", r"services\[0\].origin: "),
        ("services.0.public_key", "AB" * 32, r"services\[0\].public_key: expected 64 hexadecimal digits in lower case"),
        ("services.0.public_key", KEY[:-1], r"services\[0\].public_key: expected 64"),
        ("services.0.public_key", 5, r"services\[0\].public_key: expected 64"),
        ("services", WHOLE["services"] * 2, f"policy: {KEY} is listed twice"),
        ("logs", [], "logs: expected an object"),
        ("logs.x", {"battery": "p", "evidence_class": "B"}, "logs: expected 32 hexadecimal digits"),
        (f"logs.{LOG_ID}.battery", "", rf"logs.{LOG_ID}.battery: expected a text of 1 to 63 bytes, found ''"),
        (f"logs.{LOG_ID}.battery", "ü" * 32, "battery: expected a text of 1 to 63 bytes"),
        (f"logs.{LOG_ID}.battery", "pack-\ud800", "battery: expected a text of 1 to 63 bytes"),
        (f"logs.{LOG_ID}.evidence_class", ["B"], "evidence_class: expected A, B, C or D"),
        (f"logs.{LOG_ID}.evidence_class", "E", "evidence_class: expected A, B, C or D, found 'E'"),
        (f"logs.{LOG_ID}.name", "pack", "'name' is not known"),
        ("keys.0.role", "service", r"keys\[0\].role: expected one of integrator, operator, assessor, recycler"),
        ("keys.0.role", "board", r"keys\[0\].role"),
        ("keys.0.algorithm", -8, r"keys\[0\].algorithm: expected -19 for Ed25519 or -9 for ESP256, found -8"),
        ("keys.0.algorithm", -9, r"keys\[0\].public_key: expected 128 hexadecimal digits"),
        ("keys.0.algorithm", True, r"keys\[0\].algorithm"),
        ("keys.1.public_key", "02" * 32, r"keys\[1\].public_key: expected 128"),
        ("keys.0", {"public_key": KEY, "role": "operator"}, r"keys\[0\]: 'algorithm' is missing"),
        ("witnesses.0.name", "a name", r"witnesses\[0\].name: 'a name'"),
        ("witnesses.0.name", "\ud800", r"witnesses\[0\].name: "),
        ("witnesses.0.name", None, r"witnesses\[0\].name: expected a text"),
        ("witnesses_needed", 2, "witnesses_needed: expected at most 1, as many as are listed, found 2"),
        ("witnesses_needed", -1, "witnesses_needed: expected a number from 0"),
        ("witnesses_needed", True, "witnesses_needed: expected a number"),
        ("witnesses_needed", 1.0, "witnesses_needed: expected a number"),
        ("revoked.0.index", MAX_COUNT + 1, r"revoked\[0\].index: expected a number from 0 to 9007199254740991"),
        ("revoked.0.index", 1.0, r"revoked\[0\].index: expected a number"),
        ("revoked.0.service", "06" * 32, r"revoked\[0\].service: expected the key of one of the services"),
        ("revoked.0.service", None, r"revoked\[0\].service: expected 64"),
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


FILES = {
    "a name twice": '{"services": [], "services": []}',
    "a name twice, once with an escape": '{"services": [], "serv\\u0069ces": []}',
    "a log twice": f'{{"services": [], "logs": {{"{LOG_ID}": 1, "{LOG_ID}": 1}}}}',
    "a point in a number": '{"services": [], "witnesses_needed": 0.0}',
    "an exponent": '{"services": [], "witnesses_needed": 0e1}',
    "no number": '{"services": [], "witnesses_needed": NaN}',
    "nested too deeply": "[" * 100_000,
    "a byte order mark": '\ufeff{"services": []}',
    "nothing": "",
}


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_a_file_that_readers_could_take_otherwise(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Policy.from_bytes(text.encode())


def test_a_file() -> None:
    assert Policy.from_bytes(json.dumps(WHOLE).encode()) == Policy.from_json(WHOLE)
    with pytest.raises(ValueError, match=r"utf-8"):
        Policy.from_bytes(json.dumps(WHOLE).encode("utf-16"))


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
