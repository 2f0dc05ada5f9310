"""The page's program that signs, run by Node: the same bytes as the gateway's, and the same that it refuses."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.records.cbor import encode
from packseal.records.cose import ED25519, VerifyingKey, unverified_payload
from packseal.records.statement_bodies import CATEGORIES, Create, Kind, ModulePlace, Original, SealedLog
from packseal.records.statement_fields import BATTERY, encode_fields, encode_stated
from packseal.records.statements import sign_consent
from tests.line.rig import tool
from tests.vectors.statements import FIRST, HEAD, RECORD, RECYCLER, ROLES, SECOND, consent, good_statements, signed
from tests.vectors.world import OPERATOR, Actor

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "gateway/packseal/apps/static"
ASKER = Path(__file__).with_name("statements.mjs")
VECTORS = json.loads((ROOT / "tests/vectors/statements.json").read_text())
GOOD, BAD = VECTORS["good"], VECTORS["bad"]
SEEDS = {actor.public_key.hex(): actor.seed for actor, _ in ROLES if actor.key.algorithm == ED25519}
OF_SHAPE = {"malformed", "unknown-version"}

Answer = dict[str, str]


def ask(questions: Sequence[tuple[Any, ...]]) -> list[Answer]:
    command = [tool("node"), str(ASKER), str(STATIC)]
    done = subprocess.run(command, input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    answers: list[Answer] = json.loads(done.stdout)
    assert len(answers) == len(questions)
    return answers


def goods(questions: Sequence[tuple[Any, ...]]) -> list[str]:
    answers = ask(questions)
    assert [answer for answer in answers if "good" not in answer] == []
    return [answer["good"] for answer in answers]


def test_every_vector_is_encoded_to_the_same_bytes() -> None:
    payloads = [unverified_payload(bytes.fromhex(row["statement"])).hex() for row in GOOD]
    assert {row["kind"] for row in GOOD} == set(Kind.__members__)
    assert goods([("payload", row["statement"]) for row in GOOD]) == payloads
    assert goods([("again", row["statement"]) for row in GOOD]) == [row["statement"] for row in GOOD]


def test_a_key_file_signs_to_the_same_bytes() -> None:
    by_file = [row for row in GOOD if row["signer"] in SEEDS]
    asked = [("signed", row["statement"], SEEDS[row["signer"]].hex()) for row in by_file]
    assert goods(asked) == [row["statement"] for row in by_file]
    assert goods([("publicKey", seed.hex()) for seed in SEEDS.values()]) == list(SEEDS)


def test_what_has_no_shape_is_neither_read_nor_signed() -> None:
    """Whose signature and role count, the service asks."""
    answers = ask([("signed", row["statement"], OPERATOR.seed.hex()) for row in BAD])
    shaped = [row["name"] for row, found in zip(BAD, answers, strict=True) if found.get("reason") not in OF_SHAPE]
    refused = {row["name"] for row in BAD} - set(shaped)
    of_shape = {row["name"] for row in BAD if row["reason"] in OF_SHAPE}
    assert refused == of_shape
    assert len(of_shape) > 100
    for row, found in zip(BAD, answers, strict=True):
        if row["reason"] == "unknown-version":
            assert found["reason"] == "unknown-version"


def test_a_consent_is_the_gateways_to_the_last_byte() -> None:
    for to in (RECYCLER.public_key, SECOND):
        asked = [("consent", FIRST.hex(), HEAD.hex(), to.hex(), RECYCLER.seed.hex())]
        assert goods(asked) == [consent(RECYCLER, FIRST, HEAD, to).hex()]
    (answer,) = ask([("consent", FIRST.hex(), HEAD.hex(), OPERATOR.public_key.hex(), RECYCLER.seed.hex())])
    assert answer.get("reason") == "malformed"  # nobody consents for another


def test_a_consent_to_a_new_passport_is_that_of_its_original() -> None:
    (statement,) = [row["statement"] for row in GOOD if row["name"] == "a CREATE from two originals"]
    key, given = OPERATOR.key, consent(OPERATOR, FIRST, HEAD, SECOND)
    assert goods([("created", statement, key.public_key.hex(), key.algorithm)]) == [given.hex()]
    (answer,) = ask([("created", statement, RECYCLER.public_key.hex(), RECYCLER.key.algorithm)])
    assert answer.get("reason") == "bad-consent"


def test_a_consent_names_who_takes_over() -> None:
    handovers = [row for row in GOOD if row["kind"] == "HANDOVER"]
    actors = [actor for actor, _ in ROLES]
    secure = next(actor.public_key.hex() for actor in actors if actor.key.algorithm != ED25519)
    assert goods([("handover", row["statement"]) for row in handovers]) == [RECYCLER.public_key.hex(), secure]
    bad = [row for row in BAD if row["reason"] == "bad-consent"]
    answers = ask([("handover", row["statement"]) for row in bad])
    assert len(bad) == 8
    assert {answer.get("reason") for answer in answers} == {"bad-consent"}


@pytest.mark.parametrize(("passport_id", "head"), [(bytes(16), HEAD), (FIRST, bytes(32))])
def test_a_consent_to_something_else_is_told(passport_id: bytes, head: bytes) -> None:
    new = RECYCLER.key
    other = sign_consent(passport_id, head, new.public_key, RECYCLER.sign, new)
    (answer,) = ask([("taken", other.hex(), FIRST.hex(), HEAD.hex())])
    assert answer["reason"] == "bad-consent"
    assert "made after the passport's newest" in answer["detail"]


STATUS = next(row["statement"] for row in GOOD if row["name"] == "a STATUS")
CHANGES: list[dict[str, object]] = [
    {"stage": 1.5}, {"stage": "1"}, {"stage": None}, {"stage": 2**53}, {"text": "half of a pair \ud800"}, {"text": ""},
    {"issuedUnixMs": -1}, {"issuedUnixMs": 0.1}, {"kind": 1}, {"kind": 7}, {"kind": 4}, {"kind": "toString"},
    {"group": 1}, {"evidence": [["00", 1]]}, {"passportId": "00"}, {"unheard": 1},
]  # fmt: skip


@pytest.mark.parametrize("changed", CHANGES)
def test_what_a_form_could_never_say_is_not_encoded(changed: dict[str, object]) -> None:
    (answer,) = ask([("made", STATUS, changed)])
    assert answer.get("reason") == "malformed", answer


def test_values_in_any_order_have_one_form() -> None:
    stated: dict[str, Any] = {
        "ü": "1",
        "z": [True, {"b": 1, "a": "x"}],
        "aa": -5,
        "a": {},
        "\U0001f50b": "",
        "\uffee": 2,
    }
    assert goods([("stated", stated)]) == [encode(encode_stated(stated)).hex()]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=9)
KEY = TEXT.filter(lambda key: not key.isdigit() and key != "__proto__")
LEAF = TEXT | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | st.booleans()
SHALLOW = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(KEY, LEAF, max_size=3)
VALUE = SHALLOW | st.lists(SHALLOW, max_size=3) | st.dictionaries(KEY, SHALLOW, max_size=3)


@settings(max_examples=4, deadline=None)
@given(st.lists(st.dictionaries(KEY, VALUE, min_size=1, max_size=4), min_size=50, max_size=50))
def test_any_value_is_encoded_as_the_gateway_encodes_it(values: list[dict[str, Any]]) -> None:
    expected = [encode(encode_stated(value, 9)).hex() for value in values]
    assert goods([("stated", value) for value in values]) == expected
    assert goods([("restated", content) for content in expected]) == expected


BYTES_16, BYTES_32 = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
ORIGINAL = st.builds(Original, BYTES_16, BYTES_32, st.none() | st.binary(max_size=30))
SEALED = st.builds(SealedLog, BYTES_16, st.integers(1, (1 << 24) - 1), BYTES_32)


@st.composite
def creates(draw: st.DrawFn) -> Create:
    originals = draw(st.lists(ORIGINAL, max_size=3, unique_by=lambda one: one.passport_id))
    places = st.integers(0, max(len(originals) - 1, 0))
    modules = draw(st.lists(st.builds(ModulePlace, TEXT, places, TEXT), max_size=3, unique_by=lambda one: one.module))
    sealed = draw(st.lists(SEALED, max_size=3, unique_by=lambda one: one.log_id))
    has_any = bool(originals)
    return Create(
        FIRST, draw(st.from_regex(BATTERY, fullmatch=True)), draw(st.sampled_from(CATEGORIES)), draw(TEXT),
        VerifyingKey(draw(BYTES_32)), tuple(originals), tuple(modules) if has_any else (),
        tuple(sealed) if has_any else (), draw(st.none() | st.integers(1, (1 << 53) - 1)), draw(st.none() | TEXT),
    )  # fmt: skip


def as_json(create: Create) -> dict[str, Any]:
    said: dict[str, Any] = {
        "passportId": create.passport_id.hex(), "battery": create.battery, "name": create.name,
        "category": CATEGORIES.index(create.category) + 1, "key": create.operator.public_key.hex(),
        "originals": [[a.passport_id.hex(), a.head.hex(), None if a.consent is None else a.consent.hex()]
                      for a in create.originals],
        "modules": [[one.module, one.original, one.place] for one in create.modules],
        "sealed": [[one.log_id.hex(), one.size, one.root.hex()] for one in create.sealed],
    }  # fmt: skip
    given = {"ratedCapacityMah": create.rated_capacity_mah, "chemistry": create.chemistry}
    return said | {name: value for name, value in given.items() if value is not None}


@settings(max_examples=4, deadline=None)
@given(st.lists(creates(), min_size=30, max_size=30))
def test_any_new_passport_is_encoded_as_the_gateway_encodes_it(made: list[Create]) -> None:
    expected = [encode([1, Kind.CREATE, bytes(16), 7, encode_fields(one)]).hex() for one in made]
    assert goods([("create", as_json(one)) for one in made]) == expected


PERCENTS = {"0": 0, "91.2": 9120, "91,25": 9125, " 200 ": 20_000, "7.05": 705}
NO_PERCENTS = ("", "200.01", "1.234", "-1", "1e2", "a", "1.", ".5", "\uff11", "9999")


def test_percent_and_days_are_exact() -> None:
    assert goods([("percent", text) for text in PERCENTS]) == [encode(cpct).hex() for cpct in PERCENTS.values()]
    assert {answer.get("error") for answer in ask([("percent", text) for text in NO_PERCENTS])} == {"InputError"}
    days = {"": 7, "1970-01-01": 0, "2027-03-31": 1_806_451_200_000}
    assert goods([("day", day) for day in days]) == [encode(at).hex() for at in days.values()]
    bad = ("1969-12-31", "2027-02-30", "31.03.2027", "2027-3-1")
    assert {answer.get("error") for answer in ask([("day", day) for day in bad])} == {"InputError"}


def test_records_are_read_a_line_each() -> None:
    text = f" {RECORD.log_id.hex()}:{RECORD.seq} \n\n{bytes(16).hex()}:0\n"
    assert goods([("records", text)]) == [encode([[RECORD.log_id, RECORD.seq], [bytes(16), 0]]).hex()]
    answers = ask([("records", line) for line in ("00:1", f"{bytes(16).hex()}", f"{bytes(16).hex()}:x")])
    assert {answer.get("error") for answer in answers} == {"InputError"}


AMPERE_HOURS = {"60": 60_000, " 2,5 ": 2500, "0.001": 1, "1234567.125": 1_234_567_125, " ": None}
NO_AMPERE_HOURS = ("0", "0.000", "-1", "1.2345", "1 000", "1e3", "a", "\uff11")
NO_BATTERIES = ("", ".pack", "pack 1", "p" * 64, "pack\n1", "päck")


def test_what_a_new_passport_says_is_read_as_typed() -> None:
    assert goods([("ampereHours", text) for text in AMPERE_HOURS]) == [
        encode(mah).hex() for mah in AMPERE_HOURS.values()
    ]
    assert goods([("battery", " Pack-1.~_ ")]) == [encode("Pack-1.~_").hex()]
    assert goods([("passport", f" {FIRST.hex().upper()} ")]) == [FIRST.hex()]
    assert goods([("modules", " M1 : rack-2\n\nM 2:row 1: left\n")]) == [
        encode([["M1", "rack-2"], ["M 2", "row 1: left"]]).hex()
    ]
    bad: list[tuple[str, str]] = [("ampereHours", text) for text in NO_AMPERE_HOURS]
    bad += [("battery", text) for text in NO_BATTERIES]
    bad += [("passport", text) for text in ("", FIRST.hex()[1:], FIRST.hex() + "0", "g" * 32)]
    bad += [("modules", text) for text in ("M1", "M1:", ": rack", "M1: a\nM1: b", f"M1: {'ü' * 128}")]
    assert {answer.get("error") for answer in ask(bad)} == {"InputError"}


def test_a_file_that_is_no_key_is_told_with_its_size() -> None:
    for seed in ("", "00" * 31, "00" * 33, "00" * 5000):
        (answer,) = ask([("publicKey", seed)])
        assert f"this one has {len(seed) // 2};" in answer["detail"]


def test_this_browser_can() -> None:
    assert goods([("unable",)]) == [encode("").hex()]


def test_the_vectors_are_those_of_the_generator() -> None:
    """The actors above sign what the vectors hold."""
    assert [row["statement"] for row in GOOD] == [signed(statement, by).hex() for _, statement, by in good_statements()]
    assert isinstance(OPERATOR, Actor)
