"""Which message a frame belongs to: identifiers of both lengths, J1939 groups, and tables of any size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.frames import Frames
from packseal.signals import Decoder, MessageLayout, load_dbc
from packseal.signals.decoding.lookup import EXTENDED, MessageLookup, group_of
from tests.signals.layouts import HEAD, frames_of

J1939 = 'BA_DEF_ "ProtocolType" STRING ;\nBA_DEF_DEF_ "ProtocolType" "J1939";\n'


def j1939(*ids: int) -> Decoder:
    """A DBC with a message of one byte for each identifier, named by its place."""
    messages = "".join(f'BO_ {i | EXTENDED} M{n}: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\n\n' for n, i in enumerate(ids))
    return load_dbc((HEAD + messages + J1939).encode())


def messages_of(decoder: Decoder, *ids: int) -> list[str]:
    """The message of each extended frame, by both ways; "" for none."""
    frames = Frames.concatenate([frames_of([bytes(8)], can_id, is_extended=True) for can_id in ids])
    lookup = MessageLookup(decoder.messages)
    names = [*(message.name for message in decoder.messages), ""]
    at_once = [names[number] for number in lookup.numbers_of(frames)]
    assert at_once == [names[lookup.number_of(can_id | EXTENDED)] for can_id in ids]
    return at_once


def test_priority_and_any_source_are_ignored() -> None:
    decoder = j1939(0x18FEF1FE)
    assert messages_of(decoder, 0x18FEF1FE, 0x0CFEF100, 0x1CFEF1F3, 0x18FEF200) == ["M0", "M0", "M0", ""]


def test_a_named_source_is_compared_and_comes_before_any() -> None:
    decoder = j1939(0x18FEF1FE, 0x18FEF1F3)
    assert messages_of(decoder, 0x0CFEF1F3, 0x0CFEF1F4) == ["M1", "M0"]
    assert messages_of(j1939(0x18FEF1F3), 0x0CFEF1F3, 0x18FEF1F4) == ["M0", ""]


def test_destination_of_pdu1_is_ignored() -> None:
    decoder = j1939(0x18EF00FE)
    assert messages_of(decoder, 0x18EF2A17, 0x18EFFF00, 0x18EE2A17) == ["M0", "M0", ""]


def test_data_page_is_compared() -> None:
    assert messages_of(j1939(0x18FEF1FE), 0x19FEF1FE) == [""]


def test_the_identifier_itself_comes_first() -> None:
    decoder = j1939(0x18FEF1FE, 0x0CFEF1FE)
    assert messages_of(decoder, 0x18FEF1FE, 0x0CFEF1FE, 0x10FEF100) == ["M0", "M1", "M0"]
    assert "message M1 has the parameter group and source of M0" in decoder.notes[0]


def test_the_account_names_the_frames_own_identifiers() -> None:
    decoded = j1939(0x18FEF1FE).decode(frames_of([bytes(8)] * 2, 0x18FEF200, is_extended=True))
    assert decoded.report.unknown_ids == {0x98FEF200: 2}


def test_without_the_attribute_only_the_identifier_counts() -> None:
    text = f'{HEAD}BO_ {0x98FEF1FE} M: 8 A\n SG_ S : 0|8@1+ (1,0) [0|0] "" A\n'
    assert messages_of(load_dbc(text.encode()), 0x18FEF1FE, 0x18FEF100) == ["M", ""]


def test_group_numbers() -> None:
    assert group_of(0x18FEF1FE) == 0x00FEF100
    assert group_of(0x18EF2A17) == 0x00EF0000


@pytest.mark.parametrize("count", [0, 1, 50, 3000])
def test_tables_of_any_size(count: int) -> None:
    ids = np.random.default_rng(count).choice(1 << 29, count, replace=False).tolist()
    decoder = Decoder([MessageLayout(f"M{n}", can_id, True, 8, ()) for n, can_id in enumerate(ids)])
    asked = [*ids[:100], 0, 0x1FFFFFFF]
    expected = [f"M{ids.index(can_id)}" if can_id in ids else "" for can_id in asked]
    assert messages_of(decoder, *asked) == expected


@given(st.lists(st.tuples(st.integers(0, 0x7FF), st.booleans()), min_size=1, max_size=40))
@settings(deadline=None)
def test_both_lengths_of_identifiers(keys: list[tuple[int, bool]]) -> None:
    known = sorted(set(keys[::2]))
    decoder = Decoder([MessageLayout(f"M{n}", can_id, is_long, 8, ()) for n, (can_id, is_long) in enumerate(known)])
    frames = Frames.concatenate([frames_of([bytes(8)], can_id, is_long) for can_id, is_long in keys])
    expected = [known.index(key) if key in known else len(known) for key in keys]
    assert MessageLookup(decoder.messages).numbers_of(frames).tolist() == expected
