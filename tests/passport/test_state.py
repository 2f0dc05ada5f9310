"""Folded passports as bytes: what comes back is what went in, and equal passports have equal bytes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.passport.fold import LogState, Passport, fold
from packseal.passport.settings import BatterySettings
from packseal.passport.state import decode_passport, encode_passport
from packseal.records.bodies import EntryType, Origin, Previous
from tests.passport.board import Board
from tests.passport.test_fold import delivered

BATTERY = BatterySettings("pack-1", "SBESS", 60_000, "A pack")
STEPS = ("window", "boot", "health", "estimate", "gap", "event", "config", "bare estimate")


def board_after(name: str, steps: list[str], *, goes_on: bool = False) -> Board:
    previous = Previous(bytes(16), 7, bytes(32)) if goes_on else None
    board = Board(name, previous=previous)
    for step in steps:
        match step:
            case "window":
                board.windows(1)
            case "boot":
                board.boot()
            case "health":
                board.state_of_health()
            case "estimate":
                board.estimate(3, (100, 4))
            case "bare estimate":
                board.estimate(2, lacking=(1, 2))
            case "gap":
                board.gap()
            case "event":
                board.append(EntryType.EVENT, {1: 5, 2: 1})
            case "config":
                board.append(EntryType.CONFIG, {5: bytes(32)})
    return board


def folded(board: Board, cuts: list[int]) -> Passport:
    passport, first = Passport(BATTERY), 0
    for size in [*sorted({cut % board.size for cut in cuts} - {0}), board.size]:
        passport = fold(passport, delivered(board, first, size))
        first = size
    return passport


passports = st.builds(
    lambda steps, cuts, goes_on: folded(board_after("board", steps, goes_on=goes_on), cuts),
    st.lists(st.sampled_from(STEPS), max_size=12), st.lists(st.integers(0, 40), max_size=3), st.booleans(),
)  # fmt: skip


@given(passports)
@settings(deadline=None, max_examples=60)
def test_what_comes_back_is_what_went_in(passport: Passport) -> None:
    content = encode_passport(passport)
    again = decode_passport(content, BATTERY)
    assert again == passport
    assert encode_passport(again) == content


@given(passports, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_equal_passports_have_equal_bytes(passport: Passport, chance: st.DrawFn) -> None:
    def shuffled(log: LogState) -> LogState:
        items = list(log.found.items())
        chance.shuffle(items)  # type: ignore[attr-defined]
        return replace(log, found=dict(items))

    other = replace(passport, logs=tuple(map(shuffled, passport.logs)))
    assert other == passport
    assert encode_passport(other) == encode_passport(passport)


def test_several_logs_and_kinds_of_source() -> None:
    logs = [folded(board_after(name, ["boot", "window"]), []).logs[0] for name in ("one", "two")]
    file = Board("three", origin=Origin.FILE)
    passport = Passport(BATTERY, (*logs, folded(file, []).logs[0]))
    assert decode_passport(encode_passport(passport), BATTERY) == passport


@given(passports, st.data())
@settings(deadline=None, max_examples=60)
def test_other_bytes_are_refused_or_are_another_passport(passport: Passport, data: st.DataObject) -> None:
    content = bytearray(encode_passport(passport))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    found = None
    with suppress(ValueError):
        found = decode_passport(bytes(content), BATTERY)
    assert found != passport


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_what_is_cut_off_is_refused(length: int) -> None:
    content = encode_passport(folded(board_after("board", ["boot", "window"]), []))
    with pytest.raises(ValueError, match="fold its records again"):
        decode_passport(content[:length], BATTERY)


def test_another_battery_is_refused() -> None:
    content = encode_passport(Passport(BATTERY))
    with pytest.raises(ValueError, match="not the state of this battery"):
        decode_passport(content, replace(BATTERY, id="pack-2"))
