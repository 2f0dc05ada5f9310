"""The health check: each thing that can be wrong by its name, what a fault explains, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from packseal.errors import Reason
from packseal.passport.audit import Difference
from packseal.records.bodies import Boot, Gap, Window
from packseal.records.entries import Entry
from packseal_hil.health import EXPLAINS, HOST, NAMES, Observed, problems, verdict
from packseal_hil.readings import FaultKind

BOOT = Boot(bytes(32), 1, 2, 1, 12, 1, 5_000)


def log(*bodies: object) -> tuple[Entry, ...]:
    return tuple(Entry(0, seq, 1, 1_000 * seq, body) for seq, body in enumerate(bodies))  # type: ignore[arg-type]


WELL = Observed(
    starts=1,
    entries=log(BOOT, Window(60_000, 60), Window(60_000, 60)),
    bus_words={"pack": ""},
    bus_counters={"pack": {"frames_received": 100, "frames_sent": 3, "frames_lost": 0, "error_frames": 0}},
    board_counters={"size": 3, "receipted_size": 2, "frames_refused": 0},
    counts={"records_stored": 3, "records_receipted": 2},
    oldest_waiting_s=1,
)
LOST = Difference(3, 4, Reason.MISSING_ENTRIES, "was stored and is no longer there")
WRONG: list[tuple[str, str, dict[str, Any]]] = [
    ("bench", "behind", {"bench_words": "3 s behind the board's clock"}),
    ("board", "raised", {"board_words": "the firmware raised: Traceback"}),
    ("board", "last good configuration", {"board_counters": {"config_refused": 1}}),
    ("restarted", "2 lives, the bench started the board 1 times", {"entries": log(BOOT, BOOT)}),
    ("bus", "pack: not connected", {"bus_words": {"pack": "not connected"}}),
    ("bus", "frames_lost is 2", {"bus_counters": {"pack": {"frames_lost": 2}}}),
    ("bus", "error_frames is 1", {"bus_counters": {"pack": {"error_frames": 1}}}),
    ("line", "4 frames", {"board_counters": {"frames_refused": 4}}),
    ("bms", "5 answers", {"board_counters": {"source_refused": 5}}),
    ("gateway", "broker", {"gateway_words": ("broker: does not answer",)}),
    ("passport", "clock", {"passport_words": ("the clock is behind",)}),
    ("refused", "board_fork: 1", {"counts": {"records_stored": 3, "board_fork": 1}}),
    ("refused", "unknown-log", {"refusals": ("unknown-log: nobody",)}),
    ("refused", "orders", {"board_counters": {"orders_refused": 1}}),
    ("waiting", "31 s", {"oldest_waiting_s": 31}),
    ("altered", "records 3 to 4", {"differences": (LOST,)}),
    ("gap", "record 1: 7 windows", {"entries": log(BOOT, Gap(1, 7, (0, 1)))}),
    ("gap", "1 samples of 60", {"entries": log(BOOT, Window(60_000, 59, slots_missed=1))}),
    ("gap", "full", {"board_counters": {"windows_lost": 1}}),
    ("host", "wait 0.6 s", {"entries": log(BOOT, Window(60_000, 59, slots_missed=1)), "host_late_ms": 600}),
]
FAILING = [wrong for wrong in WRONG if wrong[0] != HOST]


def test_all_is_well() -> None:
    assert problems(WELL) == []
    assert verdict(WELL, []).words() == ""


def test_every_name_has_its_case() -> None:
    assert {name for name, _, _ in WRONG} == set(NAMES)


@pytest.mark.parametrize(("name", "words", "changes"), WRONG)
def test_one_thing_is_wrong(name: str, words: str, changes: dict[str, Any]) -> None:
    (problem,) = problems(replace(WELL, **changes))
    assert problem.name == name
    assert words in problem.words


@pytest.mark.parametrize("kind", list(EXPLAINS))
@pytest.mark.parametrize(("name", "_words", "changes"), FAILING)
def test_a_fault_explains_what_it_does_and_no_more(
    kind: FaultKind, name: str, _words: str, changes: dict[str, Any]
) -> None:
    found = verdict(replace(WELL, **changes), [kind])
    is_explained = name in EXPLAINS[kind]
    assert [problem.name for problem in found.failing] == ([] if is_explained else [name])
    assert [problem.name for problem in found.explained] == ([name] if is_explained else [])
    assert ("(explained)" in found.words()) is is_explained


def test_nothing_explains_that_records_were_altered_but_the_test_itself() -> None:
    altered = replace(WELL, differences=(LOST,))
    assert verdict(altered, list(FaultKind)).failing
    assert not verdict(altered, [], ["altered"]).failing


@pytest.mark.parametrize(("host_late_ms", "is_failing"), [(0, True), (149, True), (150, False), (2_000, False)])
def test_a_missed_sample_is_excused_by_what_the_machine_let_the_board_wait(host_late_ms: int, is_failing: bool) -> None:
    """Three slots of 100 ms: at least half of that."""
    entries = log(BOOT, Window(60_000, 100, slots_missed=3))
    found = verdict(replace(WELL, entries=entries, slot_ms=100, host_late_ms=host_late_ms), [])
    assert bool(found.failing) is is_failing
    assert "3 samples of 103" in found.words()


def test_a_machine_that_was_late_is_told_and_hides_nothing_else() -> None:
    missed = log(BOOT, Window(60_000, 59, slots_missed=1), Gap(1, 7, (0, 1)))
    found = verdict(replace(WELL, entries=missed, host_late_ms=5_000), [])
    assert [problem.name for problem in found.failing] == ["gap"]
    assert [problem.name for problem in found.explained] == [HOST]


def test_a_life_that_was_cut_before_it_was_signed_is_no_restart() -> None:
    assert not problems(replace(WELL, starts=3))


def test_an_answer_to_the_board_before_its_restart_is_nobodys_fault() -> None:
    one, two = ({"source_refused": refused} for refused in (1, 2))
    assert problems(replace(WELL, board_counters=one))
    assert not problems(replace(WELL, board_counters=one, starts=2))
    assert problems(replace(WELL, board_counters=two, starts=2))
