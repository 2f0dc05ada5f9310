"""Statements on the wire: the corpus, round trips, and every way in which bytes are no statement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packseal.errors import EvidenceError, Reason
from packseal.passport.settings import BATTERY_ID
from packseal.passport.settings import CATEGORIES as NAMED_CATEGORIES
from packseal.records.acts import Authority, Role
from packseal.records.cbor import Sign1, Value, decode, encode
from packseal.records.cose import VerifyingKey, sign1
from packseal.records.passport_log import EntryKind, subject_tag
from packseal.records.statement_bodies import (
    CATEGORIES,
    Attachment,
    CapacityTest,
    Create,
    Handover,
    ModulePlace,
    Note,
    NoteKind,
    Original,
    RecordRef,
    SealedLog,
    Stage,
    Stated,
    Statement,
    Status,
    Values,
    kind_of,
)
from packseal.records.statement_fields import BATTERY, encode_fields
from packseal.records.statements import (
    MAX_STATEMENT_BYTES,
    SIGNERS,
    STATEMENT_PURPOSE,
    sign_consent,
    sign_statement,
    verify_consent,
    verify_statement,
)
from tests.records.corpus import fits, misfit, vectors
from tests.vectors import statements as examples
from tests.vectors.statements import AUTHORITIES, FIRST, HEAD, RECYCLER, SECOND, SECURE_OPERATOR
from tests.vectors.world import ASSESSOR, DIGEST, INTEGRATOR, OPERATOR, START_UNIX_MS, Actor, salt

STATEMENTS: Mapping[str, Any] = vectors("statements.json")
LISTED = tuple(
    Authority(VerifyingKey(bytes.fromhex(one["public_key"]), one["algorithm"]), Role[one["role"].upper()])
    for one in STATEMENTS["authorities"]
)
ONLY_IN_WORDS = {  # what docs/record.cddl cannot say, or its validator not read
    "CREATE, a battery of a space",
    "CREATE, a battery that begins with a point",
    "CREATE, a module without an original",
    "CREATE, a sealed log without an original",
    "CREATE, an original twice",
    "CREATE, the new passport as an original",
    "CREATE, an original without its head",
    "CREATE, an original with a consent in words",
    "CREATE, an original with a consent of 513 bytes",
    "CREATE, a module of original 2 of 2",
    "CREATE, a module of an original twice",
    "CREATE, a sealed log twice",
    "STATUS, a record twice",
    "NOTE, a record twice",
    "HANDOVER, a consent of 513 bytes",
}
RULES = {1: "create-fields", 2: "status-fields", 3: "handover-fields", 4: "values-fields", 5: "note-fields"}


def verified(content: bytes) -> Statement:
    return verify_statement(content, AUTHORITIES).statement


def refused(content: bytes) -> EvidenceError:
    with pytest.raises(EvidenceError) as refusal:
        verify_statement(content, AUTHORITIES)
    return refusal.value


def fits_whole(content: bytes) -> bool:
    """The fields once more by themselves, as the bodies of entries in tests/records/corpus.py."""
    if misfit("statement", content):
        return False
    message: Any = decode(content)
    payload: Any = decode(message.items[2])
    return fits(RULES.get(payload[1], "test-fields"), encode(payload[4]))


# ---- the corpus


@pytest.mark.parametrize("good", STATEMENTS["good"], ids=lambda good: good["name"])
def test_good_statements(good: dict[str, str]) -> None:
    content = bytes.fromhex(good["statement"])
    signed = verify_statement(content, LISTED)
    assert kind_of(signed.statement).name == good["kind"]
    assert signed.statement.passport_id.hex() == good["passport_id"]
    assert signed.authority.key.public_key.hex() == good["signer"]
    assert (signed.salt, signed.issued_unix_ms) == (salt("statement"), START_UNIX_MS)
    assert signed.leaf_entry.to_bytes().hex() == good["entry"]
    assert fits_whole(content)


@pytest.mark.parametrize("bad", STATEMENTS["bad"], ids=lambda bad: bad["name"])
def test_bad_statements(bad: dict[str, str]) -> None:
    content = bytes.fromhex(bad["statement"])
    with pytest.raises(EvidenceError) as refusal:
        verify_statement(content, LISTED)
    assert refusal.value.reason == bad["reason"], bad["clause"]


SHAPELESS = [
    bad for bad in STATEMENTS["bad"] if bad["reason"] == "malformed" and bad["clause"] == "record.md section 5.11"
]


@pytest.mark.parametrize("bad", SHAPELESS, ids=lambda bad: bad["name"])
def test_bad_shapes_fit_the_cddl_only_where_words_are_needed(bad: dict[str, str]) -> None:
    if not bad["name"].startswith("an attachment"):  # names of files and media types are in words
        assert fits_whole(bytes.fromhex(bad["statement"])) == (bad["name"] in ONLY_IN_WORDS)


def test_a_consent_fits() -> None:
    for to in (SECOND, OPERATOR.public_key, SECURE_OPERATOR.public_key):
        assert misfit("consent", examples.consent(OPERATOR, FIRST, HEAD, to)) is None


def test_a_leaf_is_found_by_who_knows_the_battery_or_the_passport() -> None:
    for name, statement, by in examples.good_statements():
        entry = verify_statement(examples.signed(statement, by), AUTHORITIES).leaf_entry
        subject = statement.battery if isinstance(statement, Create) else statement.passport_id.hex()
        assert (entry.kind, entry.tag) == (EntryKind.STATEMENT, subject_tag(subject)), name


def test_names_are_those_of_the_settings() -> None:
    assert BATTERY.pattern == BATTERY_ID.pattern
    assert set(CATEGORIES) == set(NAMED_CATEGORIES)


# ---- round trips


def text(most: int) -> st.SearchStrategy[str]:
    characters = st.characters(exclude_categories=["Cs"])
    return st.text(characters, min_size=1, max_size=most // 4)


ids, digests = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
numbers = st.integers(0, (1 << 63) - 1)
scalars: st.SearchStrategy[Any] = st.one_of(text(200), st.integers(-(1 << 63), (1 << 63) - 1), st.booleans())


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(inner, lists, st.dictionaries(text(40), inner, max_size=3))


values = nested(nested(nested(scalars)))
records = st.lists(st.builds(RecordRef, ids, st.integers(0, (1 << 24) - 1)), max_size=3, unique=True).map(tuple)
files = st.builds(
    Attachment,
    st.from_regex(r"[a-zA-Z ü]{1,40}\.pdf", fullmatch=True),
    st.sampled_from(["application/pdf", "image/svg+xml", "application/vnd.x-y.z"]),
    numbers,
    digests,
)
attachments = st.lists(files, max_size=3, unique_by=lambda file: file.sha256).map(tuple)


@st.composite
def creates(draw: st.DrawFn) -> Create:
    known = draw(st.lists(ids, min_size=1, max_size=4, unique=True))
    originals = tuple(Original(one, draw(digests), draw(st.none() | st.binary(max_size=512))) for one in known[1:])
    places = st.builds(ModulePlace, text(255), st.integers(0, max(0, len(originals) - 1)), text(255))
    logs = st.builds(SealedLog, ids, st.integers(1, (1 << 24) - 1), digests)
    modules = draw(st.lists(places, max_size=3, unique_by=lambda one: (one.original, one.module)))
    sealed = draw(st.lists(logs, max_size=3, unique_by=lambda one: one.log_id))
    return Create(
        known[0],
        draw(st.from_regex(BATTERY, fullmatch=True)),
        draw(st.sampled_from(CATEGORIES)),
        draw(text(255)),
        OPERATOR.key,
        originals,
        tuple(modules) if originals else (),
        tuple(sealed) if originals else (),
        draw(st.none() | st.integers(1, (1 << 63) - 1)),
        draw(st.none() | text(63)),
    )


def handovers(passport_id: bytes, after: bytes, to: Actor) -> Handover:
    return Handover(passport_id, after, to.key, sign_consent(passport_id, after, to.public_key, to.sign, to.key))


by_operators: st.SearchStrategy[Statement] = st.one_of(
    creates(),
    st.builds(Status, ids, digests, st.sampled_from(list(Stage)[1:]), st.just("") | text(4096), records),
    st.builds(handovers, ids, digests, st.sampled_from([RECYCLER, SECURE_OPERATOR])),
    st.builds(Values, ids, st.integers(1, 4), st.dictionaries(text(255), values, min_size=1, max_size=4), attachments),
    st.builds(Note, ids, st.sampled_from(NoteKind), numbers, text(4096), records),
)
tests = st.builds(CapacityTest, ids, st.integers(0, 20_000), st.integers(0, 20_000), text(4096), numbers)


def spelled(statement: Statement) -> str:
    """With what == does not tell apart: True and 1."""
    return repr(statement) if not isinstance(statement, Values) else json.dumps(statement.values, sort_keys=True)


@given(by_operators | tests, numbers, st.binary(min_size=16, max_size=16))
def test_every_statement_comes_back(statement: Statement, issued_unix_ms: int, nonce: bytes) -> None:
    by = ASSESSOR if isinstance(statement, CapacityTest) else OPERATOR
    content = sign_statement(statement, nonce, issued_unix_ms, by.sign, by.key)
    signed = verify_statement(content, AUTHORITIES)
    assert signed.statement == statement
    assert spelled(signed.statement) == spelled(statement)
    assert (signed.salt, signed.issued_unix_ms, signed.authority.key) == (nonce, issued_unix_ms, by.key)


# ---- what is no statement


@pytest.mark.parametrize("good", STATEMENTS["good"], ids=lambda good: good["name"])
def test_every_truncation_is_malformed(good: dict[str, str]) -> None:
    content = bytes.fromhex(good["statement"])
    assert {refused(content[:size]).reason for size in range(len(content))} == {Reason.MALFORMED}


@given(st.sampled_from(STATEMENTS["good"]), st.integers(0), st.integers(1, 255))
def test_no_changed_byte_is_taken(good: dict[str, str], place: int, change: int) -> None:
    content = bytearray.fromhex(good["statement"])
    content[place % len(content)] ^= change
    refused(bytes(content))


def signed_payload(payload: bytes, by: Actor = OPERATOR) -> bytes:
    return sign1(payload, STATEMENT_PURPOSE, by.sign, by.key.kid, by.key.algorithm)


def sloppy(value: Value) -> bytes:
    """Every head in nine bytes, as no deterministic encoder writes it."""
    match value:
        case None:
            return b"\xf6"
        case int():
            return bytes([0x1B if value >= 0 else 0x3B]) + (value if value >= 0 else -1 - value).to_bytes(8, "big")
        case bytes():
            return b"\x5b" + len(value).to_bytes(8, "big") + value
        case str():
            return b"\x7b" + len(value.encode()).to_bytes(8, "big") + value.encode()
        case list():
            return b"\x9b" + len(value).to_bytes(8, "big") + b"".join(map(sloppy, value))
        case dict():
            pairs = b"".join(sloppy(key) + sloppy(item) for key, item in sorted(value.items()))
            return b"\xbb" + len(value).to_bytes(8, "big") + pairs
        case Sign1():
            raise TypeError
    raise TypeError


def heads(payload: list[Value]) -> list[bytes]:
    """The payload with one part of it in another encoding, for each part."""
    parts = [encode(item) for item in payload]
    others = [sloppy(item) for item in payload]
    return [b"\x85" + b"".join([*parts[:n], others[n], *parts[n + 1 :]]) for n in range(len(parts))]


@pytest.mark.parametrize(("name", "statement", "by"), list(examples.good_statements()), ids=lambda part: str(part)[:30])
def test_another_encoding_of_the_same_is_refused_though_it_was_signed(
    name: str, statement: Statement, by: Actor
) -> None:
    payload: list[Value] = [1, int(kind_of(statement)), salt("statement"), 5, encode_fields(statement)]
    assert verified(signed_payload(encode(payload), by)) == statement, name
    for other in heads(payload):
        assert refused(signed_payload(other, by)).reason is Reason.MALFORMED


any_value: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers(-(1 << 64), (1 << 64) - 1) | st.binary(max_size=40) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 24), inner, max_size=4),
    max_leaves=12,
)


@given(st.sampled_from(list(examples.good_statements())), st.integers(0, 24), any_value)
def test_whatever_stands_in_a_field_only_our_own_error_comes_out(
    good: tuple[str, Statement, Actor], key: int, value: Any
) -> None:
    _, statement, by = good
    fields: dict[int, Value] = {**encode_fields(statement), key: value}
    with suppress(ValueError, EvidenceError):
        payload = encode([1, int(kind_of(statement)), salt("statement"), START_UNIX_MS, fields])
        assert encode_fields(verified(signed_payload(payload, by))) == fields


def test_a_statement_may_be_as_long_as_its_limit_and_no_longer() -> None:
    def made(size: int) -> bytes:
        stated: dict[str, Stated] = {"text": "x" * size}
        return sign_statement(Values(FIRST, 1, stated), salt("a"), 0, OPERATOR.sign, OPERATOR.key)

    spare = MAX_STATEMENT_BYTES - len(made(60_000))
    longest = made(60_000 + spare)
    assert len(longest) == MAX_STATEMENT_BYTES
    verified(longest)
    with pytest.raises(EvidenceError, match=r"malformed: a statement of 65537 bytes; the limit is 65536"):
        made(60_001 + spare)
    assert "the limit is" in refused(longest + b"\0").detail


UNSIGNABLE: dict[str, Any] = {
    "a float": 12.5,
    "a float in a list": (1, 2.5),
    "bytes": b"bytes",
    "nothing": None,
    "depth 5": ((((1,),),),),
    "2^63": 1 << 63,
    "2^64": 1 << 64,
    "an empty text": "",
    "an empty key": {"": 1},
    "half a surrogate pair": "\ud800",
}


@pytest.mark.parametrize("value", UNSIGNABLE.values(), ids=UNSIGNABLE)
def test_nobody_signs_what_a_reader_refuses(value: Any) -> None:
    with pytest.raises((TypeError, ValueError, EvidenceError)):
        sign_statement(Values(FIRST, 1, {"key": value}), salt("a"), 0, OPERATOR.sign, OPERATOR.key)


def test_nobody_signs_a_status_that_nobody_states() -> None:
    with pytest.raises(EvidenceError, match="malformed"):
        sign_statement(Status(FIRST, HEAD, Stage.PREPARED), salt("a"), 0, OPERATOR.sign, OPERATOR.key)


# ---- who signs


def test_every_kind_is_signed_by_these_roles_and_by_no_other() -> None:
    """Never by a board, a gateway or the service itself: Article 78(f)."""
    by_role = {role: actor for actor, role in examples.ROLES}
    assert set(by_role) == set(Role)
    for kind, roles in SIGNERS.items():
        assert not roles & {Role.BOARD, Role.GATEWAY, Role.SERVICE}
        for role, actor in by_role.items():
            statement = examples.create(actor) if kind is Create else EXAMPLES[kind]
            content = examples.signed(statement, actor)
            if role in roles:
                assert verified(content) == statement
            else:
                assert refused(content).reason is Reason.WRONG_ROLE


EXAMPLES: Mapping[type[Statement], Statement] = {
    type(one): one
    for one in (
        examples.status(), examples.handover(), examples.values(), examples.note(), examples.capacity_test(),
    )
}  # fmt: skip


def test_a_consent_to_a_handover_is_none_to_a_new_passport() -> None:
    """The same purpose, told apart by what it is given to: a key has 32 or 64 bytes, a passport_id 16."""
    handed = examples.consent(OPERATOR, FIRST, HEAD, INTEGRATOR.public_key)
    verify_consent(handed, OPERATOR.key, FIRST, HEAD, INTEGRATOR.public_key)
    for key, passport_id, head, to in (
        (OPERATOR.key, FIRST, HEAD, INTEGRATOR.public_key[:16]),
        (OPERATOR.key, FIRST, DIGEST, INTEGRATOR.public_key),
        (OPERATOR.key, SECOND, HEAD, INTEGRATOR.public_key),
        (INTEGRATOR.key, FIRST, HEAD, INTEGRATOR.public_key),
    ):
        with pytest.raises(EvidenceError, match="bad-consent"):
            verify_consent(handed, key, passport_id, head, to)
