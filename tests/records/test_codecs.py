"""Round trips of everything that is carried, and random bytes: only our own error ever comes out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError
from packseal.records.acts import (
    CLASSES,
    Authority,
    Bind,
    Cause,
    Enrol,
    Noted,
    Revoke,
    Role,
    Rotate,
    Statement,
    sign_act,
    sign_possession,
    verify_act,
    verify_possession,
)
from packseal.records.answer import decode_answer
from packseal.records.archive import ArchiveHead, opened_part
from packseal.records.attestation import COUNTS, Attestation, Clock, sign_attestation, verify_attestation
from packseal.records.blinding import OpenRecord
from packseal.records.bodies import BlockEstimate, EntryType, Estimate, QuantityEstimate
from packseal.records.bundle import ActPart, Bundle, RotationPart, TimePart
from packseal.records.cbor import Value, decode, encode
from packseal.records.checkpoint import (
    Checkpoint,
    Receipt,
    sign_checkpoint,
    sign_receipt,
    verify_checkpoint,
    verify_receipt,
)
from packseal.records.columns import encode_column
from packseal.records.disclosure import Cells, Disclosure, ShownLeaf
from packseal.records.entries import Entry, decode_entry
from packseal.records.log import Delivery
from packseal.records.verify import verify_bundle
from packseal.records.writing import encode_estimate
from tests.records.corpus import BUNDLES, POLICIES, good
from tests.vectors.world import (
    BOARD,
    GATEWAY,
    INTEGRATOR,
    OPERATOR,
    OTHER_BOARD,
    SECURE_BOARD,
    SECURE_GATEWAY,
    SERVICE,
    Actor,
    Log,
)

digests = st.binary(min_size=32, max_size=32)
salts = ids = st.binary(min_size=16, max_size=16)
sizes = st.integers(1, (1 << 24) - 1)
uints = st.integers(0, (1 << 63) - 1)
proofs = st.lists(digests, max_size=3).map(tuple)
contents = st.binary(max_size=60)
batteries = st.text(min_size=1, max_size=15)
boards = st.sampled_from([BOARD, SECURE_BOARD])
public_keys = st.binary(min_size=32, max_size=32) | st.binary(min_size=64, max_size=64)
scalars: st.SearchStrategy[Value] = (
    st.none() | st.integers(-(1 << 63), (1 << 63) - 1) | st.binary(max_size=9) | st.text(max_size=9)
)
rows: st.SearchStrategy[Value] = st.lists(scalars, max_size=3)
shown_values = scalars | rows  # a bundle has three levels left for a shown value (sections 1.2 and 4.6)
values: st.SearchStrategy[Value] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.integers(0, 99), inner, max_size=3),
    max_leaves=4,
)


# ---- what is signed


@settings(deadline=None)
@given(boards, st.builds(Checkpoint, ids, sizes, digests, st.integers(1, (1 << 32) - 1), uints,
                         st.none() | st.binary(max_size=32), st.none() | uints))  # fmt: skip
def test_checkpoints(actor: Actor, checkpoint: Checkpoint) -> None:
    signed = sign_checkpoint(checkpoint, actor.sign, actor.key.algorithm)
    assert verify_checkpoint(signed, checkpoint.log_id, actor.key) == checkpoint


@settings(deadline=None)
@given(st.builds(Receipt, ids, sizes, digests, uints, uints, salts, st.none() | digests))
def test_receipts(receipt: Receipt) -> None:
    assert verify_receipt(sign_receipt(receipt, SERVICE.sign, SERVICE.public_key), SERVICE.public_key) == receipt


@settings(deadline=None)
@given(st.sampled_from([GATEWAY, SECURE_GATEWAY]), st.builds(
    Attestation, ids, sizes, digests, uints, st.sampled_from(Clock), st.none() | uints, digests,
    st.dictionaries(st.integers(-3, 9), uints, max_size=7),
))  # fmt: skip
def test_attestations(actor: Actor, attestation: Attestation) -> None:
    known = {key: count for key, count in attestation.counts.items() if key in COUNTS}
    signed = sign_attestation(attestation, actor.sign, actor.key)
    assert verify_attestation(signed, actor.key) == replace(attestation, counts=known)


AUTHORITIES = [Authority(INTEGRATOR.key, Role.INTEGRATOR), Authority(OPERATOR.key, Role.OPERATOR),
               Authority(SERVICE.key, Role.SERVICE)]  # fmt: skip
statements: st.SearchStrategy[Statement] = st.one_of(
    st.builds(Bind, public_keys, batteries, st.sampled_from(CLASSES)),
    st.builds(Revoke, public_keys, st.sampled_from(Cause)),
    st.builds(Noted, batteries, ids, st.integers(0, (1 << 24) - 1), digests),
)


@settings(deadline=None)
@given(statements, salts, uints)
def test_acts(statement: Statement, salt: bytes, issued_unix_ms: int) -> None:
    act = verify_act(sign_act(statement, salt, issued_unix_ms, SERVICE.sign, SERVICE.key), AUTHORITIES)
    assert (act.statement, act.salt, act.issued_unix_ms) == (statement, salt, issued_unix_ms)
    assert act.authority.role is Role.SERVICE


@settings(deadline=None)
@given(st.sampled_from([OTHER_BOARD, SECURE_BOARD]), salts, st.booleans())
def test_acts_with_a_possession(actor: Actor, salt: bytes, is_rotation: bool) -> None:
    possession = sign_possession(actor.key, salt, actor.sign)
    verify_possession(possession, actor.key, salt)
    statement = Rotate(actor.key, possession) if is_rotation else Enrol(Role.BOARD, actor.key, possession)
    assert verify_act(sign_act(statement, salt, 5, OPERATOR.sign, OPERATOR.key), AUTHORITIES).statement == statement


# ---- what is carried


pairs = st.lists(uints, min_size=2, max_size=2)
seqs = st.lists(st.integers(0, (1 << 24) - 1), min_size=2, max_size=2)
columns = st.lists(st.none() | st.integers(-9, 9), min_size=1, max_size=5).map(encode_column)
threes = st.lists(st.integers(-9, 9), min_size=3, max_size=3).map(encode_column)
OF_WINDOW: dict[int, st.SearchStrategy[Any]] = {
    **dict.fromkeys((1, 2, 3, 8, 10, 11, 12, 13), uints),
    4: threes,
    5: threes,
    6: digests,
    7: columns,
    9: st.sampled_from([4, 14]).flatmap(lambda count: st.lists(uints, min_size=count, max_size=count)),
}
OF_STATEMENT: dict[int, st.SearchStrategy[Any]] = {
    **dict.fromkeys((1, 3, 9), uints),
    **dict.fromkeys((4, 5, 6, 8), pairs),
    2: seqs,
    7: st.integers(-(1 << 63), (1 << 63) - 1),
    **dict.fromkeys((10, 11), st.tuples(st.integers(0, 1023), uints, uints).map(list)),
    14: digests,
    15: digests,
}
ints = st.integers(-(1 << 63), (1 << 63) - 1)
codes = st.integers(1, 255)
lacks = st.sets(codes, min_size=1, max_size=12).map(sorted)
blocks = st.tuples(st.integers(0, 1023), ints, uints)
OF_ESTIMATE: dict[int, st.SearchStrategy[Any]] = {
    1: codes,
    2: uints,
    3: seqs,
    4: st.tuples(ints, uints).map(list),
    5: lacks,
    6: ints,
    7: pairs,
    8: uints,
    **dict.fromkeys((9, 10), blocks.map(list)),
}


def leaves_of(kinds: dict[int, st.SearchStrategy[Any]]) -> st.SearchStrategy[tuple[ShownLeaf, ...]]:
    """Of values of their kinds, or absent; under a key that version 1 does not know, of anything."""

    def leaf(number: int) -> st.SearchStrategy[ShownLeaf]:
        return st.builds(ShownLeaf, st.just(number), st.none() | kinds.get(number, shown_values), salts)

    numbers = st.sets(st.integers(0, 15), max_size=4).map(sorted)
    return numbers.flatmap(lambda found: st.tuples(*map(leaf, found)))


cell_leaves = st.dictionaries(st.integers(0, 9), st.tuples(st.none() | st.integers(0, 5000), salts), max_size=4).map(
    lambda found: tuple(ShownLeaf(number, *found[number]) for number in sorted(found))
)
bounds = st.none() | st.tuples(st.integers(1, 255), digests)
cells = st.none() | st.builds(Cells, st.integers(10, 1024), cell_leaves, proofs)
of_windows = st.builds(Disclosure, leaves_of(OF_WINDOW), proofs, cells)
of_statements = st.builds(Disclosure, leaves_of(OF_STATEMENT), proofs, st.none(), bounds, bounds)
of_estimates = st.builds(Disclosure, leaves_of(OF_ESTIMATE), proofs)


@settings(deadline=None)
@given(of_windows, of_statements, of_estimates)
def test_disclosures(of_window: Disclosure, of_statement: Disclosure, of_estimate: Disclosure) -> None:
    disclosed = {EntryType.WINDOW: of_window, EntryType.SOH: of_statement, EntryType.ESTIMATE: of_estimate}
    for kind, disclosure in disclosed.items():
        value: Any = decode(encode(disclosure.to_map()))
        assert Disclosure.from_value(value, kind) == disclosure


optional_blocks = st.none() | st.builds(BlockEstimate, st.integers(0, 1023), ints, uints)


@st.composite
def estimates(draw: st.DrawFn) -> QuantityEstimate:
    """A value or what is lacking; inputs with their age, or neither."""
    value = draw(st.none() | st.builds(Estimate, ints, uints))
    inputs = draw(st.none() | st.tuples(st.integers(0, (1 << 24) - 1), st.integers(0, (1 << 24) - 1)))
    return QuantityEstimate(
        quantity=draw(codes),
        method=draw(uints),
        inputs=inputs,
        value=value,
        lacking=() if value else tuple(draw(lacks)),
        temperature_ddegc=draw(st.none() | ints),
        soc_span_cpct=draw(st.none() | st.tuples(uints, uints)),
        age_ms=draw(uints) if inputs else None,
        least=draw(optional_blocks),
        most=draw(optional_blocks),
    )


@settings(deadline=None)
@given(estimates(), st.integers(1, (1 << 24) - 1), uints)
def test_estimates(said: QuantityEstimate, seq: int, uptime_ms: int) -> None:
    content = encode_estimate(seq, 3, uptime_ms, said)
    assert decode_entry(content) == Entry(EntryType.ESTIMATE, seq, 3, uptime_ms, said)
    blinded = decode_entry(OpenRecord.of(content, bytes(16)).blinded())
    assert (blinded.type, blinded.seq, blinded.body) == (EntryType.ESTIMATE, seq, None)


@settings(deadline=None)
@given(estimates(), st.sampled_from(range(1, 11)), values)
def test_an_estimate_with_any_value_under_a_key_is_refused_or_says_what_it_holds(
    said: QuantityEstimate, key: int, value: Value
) -> None:
    entry: Any = decode(encode_estimate(7, 1, 5, said))
    entry[4][key] = value
    content = encode(entry)
    with suppress(EvidenceError):
        found = decode_entry(content).body
        assert isinstance(found, QuantityEstimate)
        assert encode_estimate(7, 1, 5, found) == content


@settings(deadline=None)
@given(st.builds(
    Bundle,
    genesis=contents,
    rotations=st.lists(st.builds(RotationPart, contents, proofs, contents), max_size=8).map(tuple),
    entry=contents,
    shown=st.none() | salts | (of_windows | of_statements | of_estimates).map(Disclosure.to_map),
    proof=proofs,
    checkpoint=contents,
    receipt=contents,
    note=contents,
    note_proof=proofs,
    acts=st.lists(st.builds(ActPart, contents, uints, proofs), max_size=8).map(tuple),
    time=st.none() | st.builds(TimePart, contents, proofs, contents),
    attestation=st.none() | contents,
))  # fmt: skip
def test_bundles(bundle: Bundle) -> None:
    content = bundle.to_bytes()
    if len(content) <= 4096:
        assert Bundle.from_bytes(content) == bundle


@settings(deadline=None)
@given(st.builds(
    Delivery, contents, contents, st.integers(0, 1 << 24), st.lists(contents, min_size=1, max_size=4).map(tuple),
    contents, st.none() | contents,
))  # fmt: skip
def test_deliveries(delivery: Delivery) -> None:
    assert Delivery.from_bytes(delivery.to_bytes()) == delivery


@settings(deadline=None)
@given(salts)
def test_archive_heads(seed: bytes) -> None:
    head = ArchiveHead(Log(BOARD, seed).genesis, seed)
    assert ArchiveHead.from_bytes(head.to_bytes()) == head


# ---- anything else

POLICY = POLICIES["acts"]
HEAD = ArchiveHead(Log(BOARD, bytes(16)).genesis, bytes(16))
READERS: dict[str, Callable[[bytes], object]] = {
    "cbor": decode,
    "entry": decode_entry,
    "open record": lambda content: OpenRecord.of(content, bytes(16)),
    "checkpoint": lambda content: verify_checkpoint(content, bytes(16), BOARD.key),
    "receipt": lambda content: verify_receipt(content, SERVICE.public_key),
    "attestation": lambda content: verify_attestation(content, GATEWAY.key),
    "act": lambda content: verify_act(content, AUTHORITIES),
    "possession": lambda content: verify_possession(content, BOARD.key, bytes(16)),
    "delivery": Delivery.from_bytes,
    "bundle": lambda content: verify_bundle(content, POLICY),
    "archive head": ArchiveHead.from_bytes,
    "archive part": lambda content: opened_part(content, HEAD),
    "answer": decode_answer,
}


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(content=st.binary(max_size=200) | values.map(encode))
def test_random_bytes_only_ever_raise_our_error(reader: str, content: bytes) -> None:
    with suppress(EvidenceError):
        READERS[reader](content)


WHOLE: Any = decode(bytes.fromhex(good("everything")["bundle"]))


@settings(deadline=None)
@given(st.integers(1, 11), values)
def test_any_value_in_any_place_of_a_bundle_is_refused(place: int, value: Value) -> None:
    content = encode([*WHOLE[:place], value, *WHOLE[place + 1 :]])
    if place > 8 and value in (None, []):
        return  # acts, time and attestation may be absent
    with pytest.raises(EvidenceError):
        verify_bundle(content, POLICY)


@settings(deadline=None)
@given(st.sampled_from(BUNDLES["good"]), st.data())
def test_a_bundle_with_other_bytes_in_it_is_refused_or_says_the_same(case: dict[str, Any], data: st.DataObject) -> None:
    """The same, where the bytes lie in a signature line that the policy does not ask for."""
    content, policy = bytes.fromhex(case["bundle"]), POLICIES[case["policy"]]
    start = data.draw(st.integers(0, len(content) - 1))
    other = data.draw(st.binary(min_size=1, max_size=4))
    altered = content[:start] + other + content[start + len(other) :]
    try:
        found = verify_bundle(altered, policy)
    except EvidenceError:
        return
    trusted = verify_bundle(content, policy)
    assert replace(found, witnesses=trusted.witnesses) == trusted
