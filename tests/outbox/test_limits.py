"""How full the outbox is, in words and in shares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from packseal.outbox import Depth, Limits

DEPTH = Depth(1200, 60, 5_000, 0, 400, 1000, 12.0, 100, is_disk_short=False)
LIMITS = Limits(1000, None, 300)


@pytest.mark.parametrize(
    ("used", "free", "disk", "allowed"),
    [
        (100, 5000, 10_000, 1000),  # the setting
        (100, 500, 10_000, 300),  # 200 more, then 300 are left for others
        (100, 300, 10_000, 100),  # what it has is its own
        (100, 10, 10_000, 100),
        (100, 500, 1000, 500),  # of a small disk a tenth is left
        (2000, 5000, 10_000, 1000),  # the setting was lowered
    ],
)
def test_the_disk_counts_too(used: int, free: int, disk: int, allowed: int) -> None:
    assert LIMITS.allowed_bytes(used, free, disk) == allowed


def test_the_nearest_limit_counts() -> None:
    assert DEPTH.share == 0.4
    assert replace(DEPTH, hours=70.0).share == 0.7
    assert replace(DEPTH, hours=70.0, limit_hours=None).share == 0.4
    assert replace(DEPTH, limit_bytes=0).share == 1.0


@pytest.mark.parametrize(("used", "summed"), [(939, 1), (940, 4), (979, 4), (980, 16), (1500, 16)])
def test_windows_are_summed_up_the_more_the_less_room_there_is(used: int, summed: int) -> None:
    assert replace(DEPTH, used_bytes=used).windows_summed == summed


@pytest.mark.parametrize(("used", "are_held_off"), [(899, False), (900, True)])
def test_the_last_tenth_is_not_for_boards(used: int, *, are_held_off: bool) -> None:
    depth = replace(DEPTH, used_bytes=used)
    assert depth.are_boards_held_off is are_held_off
    assert ("boards keep their records" in depth.problems[0]) is are_held_off


def test_the_words_have_figures_and_a_cure() -> None:
    assert DEPTH.problems == []
    (words,) = replace(DEPTH, used_bytes=850, limit_bytes=1000).problems
    assert words.startswith("the outbox is 85 % full: 1200 records, 0.0 MB of 0.0 MB, 12.0 hours of 100; ")
    assert words.endswith("or raise max_mb in [outbox_limits]")
    (words,) = replace(DEPTH, used_bytes=850, is_disk_short=True).problems
    assert words.endswith("make room on the disk, which has too little")
    (words,) = replace(DEPTH, emptied=7).problems
    assert words.startswith("there was no room for the values of 7 windows that wait")


@pytest.mark.parametrize(
    ("now_unix_ms", "oldest_ms", "age_s"), [(8_999, 5_000, 3), (4_000, 5_000, 0), (9_000, None, 0)]
)
def test_the_age_is_that_of_the_oldest(now_unix_ms: int, oldest_ms: int | None, age_s: int) -> None:
    assert replace(DEPTH, oldest_stored_ms=oldest_ms).oldest_age_s(now_unix_ms) == age_s
