"""Archives: a whole log in one file. Good, each part dropped, swapped and altered, and cut at every item."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import EvidenceError
from packseal.records.archive import ArchiveHead, framed, opened_part, read_items
from packseal.records.cbor import encode
from packseal.records.policy import Policy
from tests.records.corpus import checked_archive, vectors

ARCHIVES = vectors("archives.json")
POLICIES = {name: Policy.from_json(policy) for name, policy in ARCHIVES["policies"].items()}
GOOD = bytes.fromhex(ARCHIVES["good"][0]["archive"])
ITEMS = list(read_items(io.BytesIO(GOOD).read))
POLICY = POLICIES["acts"]
STRICT = replace(POLICY, witnesses_needed=len(POLICY.witnesses))  # so that every signature line counts


def refusal(content: bytes) -> str:
    with pytest.raises(EvidenceError) as refused:
        checked_archive(content, POLICY)
    return refused.value.reason


def joined(items: list[bytes]) -> bytes:
    return b"".join(map(framed, items))


@pytest.mark.parametrize("good", ARCHIVES["good"], ids=lambda good: good["name"])
def test_good_archive(good: dict[str, Any]) -> None:
    check, trusted = checked_archive(bytes.fromhex(good["archive"]), POLICIES[good["policy"]])
    found = {"battery": trusted.battery, "records": check.records, "rotations": check.rotations}
    assert found | {"types": {str(kind): count for kind, count in check.counts.items()}} == good["expect"]
    assert (check.windows_ms, check.windows_lost) == (10_000, 0)


@pytest.mark.parametrize("good", ARCHIVES["emptied"], ids=lambda good: good["name"])
def test_an_archive_with_emptied_windows_says_so(good: dict[str, Any]) -> None:
    check, trusted = checked_archive(bytes.fromhex(good["archive"]), POLICIES[good["policy"]])
    found = {"battery": trusted.battery, "records": check.records, "windows_lost": check.windows_lost}
    assert found == good["expect"]
    assert check.windows_ms == 0


@pytest.mark.parametrize("bad", ARCHIVES["bad"], ids=lambda bad: bad["name"])
def test_bad_archive_is_refused_with_its_reason(bad: dict[str, str]) -> None:
    with pytest.raises(EvidenceError) as refused:
        checked_archive(bytes.fromhex(bad["archive"]), POLICIES[bad["policy"]])
    assert refused.value.reason == bad["reason"], bad["clause"]


@pytest.mark.parametrize("index", range(len(ITEMS)))
def test_every_item_is_needed(index: int) -> None:
    assert refusal(joined(ITEMS[:index] + ITEMS[index + 1 :])) in {"malformed", "missing-entries", "root-mismatch"}


@pytest.mark.parametrize("index", range(len(ITEMS) - 1))
def test_every_item_stands_in_its_place(index: int) -> None:
    first, second = ITEMS[index : index + 2]
    assert refusal(joined([*ITEMS[:index], second, first, *ITEMS[index + 2 :]])) in {"malformed", "missing-entries"}


@pytest.mark.parametrize("end", range(len(ITEMS)))
def test_cut_between_two_items(end: int) -> None:
    assert refusal(joined(ITEMS[:end])) == "malformed"


def test_cut_anywhere() -> None:
    ends = {sum(len(framed(item)) for item in ITEMS[:count]) for count in range(len(ITEMS) + 1)}
    for end in range(0, len(GOOD), 5):
        if end not in ends:
            assert refusal(GOOD[:end]) == "malformed", end


def test_every_byte_counts() -> None:
    for at in range(0, len(GOOD), 7):
        altered = GOOD[:at] + bytes([GOOD[at] ^ 1 << at % 8]) + GOOD[at + 1 :]
        with pytest.raises(EvidenceError):
            checked_archive(altered, STRICT)


def test_a_part_says_what_is_in_it() -> None:
    head = ArchiveHead.from_bytes(ITEMS[0])
    part = opened_part(ITEMS[2], head)
    assert (part.first_seq, part.size, part.counts, part.windows_ms) == (3, 5, {2: 1, 6: 1}, 10_000)
    assert part.rotation is not None


def test_the_head_round_trips() -> None:
    assert ArchiveHead.from_bytes(ITEMS[0]).to_bytes() == ITEMS[0]


# ---- the sequence alone


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=8))
def test_items_come_out_as_they_went_in(items: list[bytes]) -> None:
    assert list(read_items(io.BytesIO(joined(items)).read)) == items


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40), max_size=4), st.data())
def test_a_sequence_cut_inside_an_item_is_malformed(items: list[bytes], data: st.DataObject) -> None:
    content = joined(items)
    end = data.draw(st.integers(0, len(content)))
    ends = {len(joined(items[:count])): count for count in range(len(items) + 1)}
    if end in ends:
        assert list(read_items(io.BytesIO(content[:end]).read)) == items[: ends[end]]
        return
    with pytest.raises(EvidenceError, match="malformed"):
        list(read_items(io.BytesIO(content[:end]).read))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_are_items_or_malformed(content: bytes) -> None:
    try:
        items = list(read_items(io.BytesIO(content).read))
    except EvidenceError:
        return
    assert joined(items) == content


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_random_bytes_in_an_item_are_refused(content: bytes, place: int) -> None:
    items = [*ITEMS[:place], content, *ITEMS[place + 1 :]]
    with pytest.raises(EvidenceError):
        checked_archive(joined(items), POLICY)


def test_an_item_beyond_the_limit_is_not_read() -> None:
    asked: list[int] = []

    def read(count: int) -> bytes:
        asked.append(count)
        return encode(bytes(262_145))[: asked[0]] if len(asked) == 1 else encode(bytes(262_145))[1 : 1 + count]

    with pytest.raises(EvidenceError, match="262145 bytes"):
        next(read_items(read))
    assert max(asked) <= 8
