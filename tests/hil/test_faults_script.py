"""Scripts of faults: what is in one is what was meant, and a mistake is named with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from packseal.errors import ConfigError
from packseal_hil.faults import RULES, Place, conflict, load_script, problem_of
from packseal_hil.faults.chance import Extent, random_faults
from packseal_hil.faults.kinds import MAX_FAULTS, end_s
from packseal_hil.faults.script import script_text
from packseal_hil.plant import PLANT_FAULTS
from packseal_hil.readings import Fault, FaultKind

PAGE = Path(__file__).resolve().parents[2] / "docs" / "bench_buses.md"
WORDS = {Place.BMS: "BMS"}
GOOD = """
[[fault]]
at_s = 600
kind = "open-wire"
where = "3"
for_s = 120

[[fault]]
at_s = 30.5
kind = "power-cut"
amount = 4096
for_s = 10
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "faults.toml"


def test_what_a_script_says(script: Path) -> None:
    script.write_text(GOOD)
    assert load_script(script) == (
        Fault(600.0, FaultKind.OPEN_WIRE, "3", 0.0, 120.0),
        Fault(30.5, FaultKind.POWER_CUT, "", 4096.0, 10.0),
    )


def test_an_empty_script_has_no_faults(script: Path) -> None:
    script.write_text("")
    assert load_script(script) == ()


@pytest.mark.parametrize(
    ("line", "changed", "words"),
    [
        (4, 'kind = "open-wires"', "did you mean 'open-wire'?"),
        (4, 'kind = "fire"', "no such fault 'fire'; open-wire, stuck-sensor"),
        (5, 'where = "the third"', "expects a cell block, counted from 0"),
        (3, "at_s = -1", "expected seconds from the beginning of the run"),
        (3, 'at_s = "soon"', "at_s: expected a number, not 'soon'"),
        (6, "for_s = -2", "expected seconds, or 0 for good"),
        (6, "for_s = inf", "expected seconds, or 0 for good"),
        (11, "amount = 0.5", "a whole number from 0 to"),
        (11, "amuont = 4096", "did you mean 'amount'?"),
        (12, "where = 'flash'", "expects nothing"),
    ],
)
def test_a_mistake_is_named_by_its_line(script: Path, line: int, changed: str, words: str) -> None:
    lines = GOOD.splitlines()
    lines[line - 1] = changed
    script.write_text("\n".join(lines))
    with pytest.raises(ConfigError) as error:
        load_script(script)
    told = [problem for problem in str(error.value).splitlines() if problem.startswith(f"{script}:{line}: ")]
    assert any(words in problem for problem in told), error.value


def test_what_is_missing_is_named(script: Path) -> None:
    script.write_text('[[fault]]\nat_s = 1\nkind = "short"\nwhere = "0"\n')
    with pytest.raises(ConfigError, match=r"toml:1: amount: short expects|toml:1: amount: .*0.0001 to 100000 \(ohm\)"):
        load_script(script)
    script.write_text('[[fault]]\nkind = "bus-off"\n')
    with pytest.raises(ConfigError, match=r"toml:1: the key 'at_s' is missing"):
        load_script(script)


def test_two_that_cannot_be_had_together_are_named_with_both_lines(script: Path) -> None:
    one = '[[fault]]\nat_s = {}\nkind = "{}"\nwhere = "2"\nfor_s = 60\n'
    drifting = one.format(40, "drifting-sensor") + "amount = 4\n"
    script.write_text(one.format(0, "stuck-sensor") + "\n" + drifting)
    with pytest.raises(ConfigError, match=r"toml:7: with that of line 1: .*ends while"):
        load_script(script)
    script.write_text(one.format(0, "stuck-sensor") + "\n" + drifting.replace("at_s = 40", "at_s = 60"))
    assert len(load_script(script)) == 2


def test_more_than_anyone_writes_is_refused(script: Path) -> None:
    script.write_text('[[fault]]\nat_s = 1\nkind = "bms-reset"\n' * (MAX_FAULTS + 1))
    with pytest.raises(ConfigError, match=f"at most {MAX_FAULTS}"):
        load_script(script)


def test_the_page_has_every_kind_with_its_place_and_its_script_loads(script: Path) -> None:
    page = PAGE.read_text()
    rows = re.findall(r"^\| `([a-z-]+)` \| (plant|BMS|bus|target|gateway) \|", page, re.MULTILINE)
    assert sorted(rows) == sorted((kind.value, WORDS.get(rule.place, rule.place.value)) for kind, rule in RULES.items())
    script.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert [fault.kind for fault in load_script(script)] == [FaultKind.OPEN_WIRE, FaultKind.POWER_CUT]


def test_every_kind_has_a_rule_and_the_plant_does_what_is_said_to_be_its() -> None:
    assert RULES.keys() == set(FaultKind)
    plants = {kind for kind, rule in RULES.items() if rule.place is Place.PLANT}
    assert plants == PLANT_FAULTS - {FaultKind.BMS_RESET}, "the emulated BMS is what forgets"


def test_another_pack_comes_between_no_begin_and_its_end() -> None:
    swap = Fault(50, FaultKind.PACK_SWAP, amount=80)
    short = Fault(10, FaultKind.SHORT, "1", 5, for_s=60)
    assert "begin in one pack and end in another" in conflict(swap, short)
    assert "begin in one pack and end in another" in conflict(short, swap)
    assert conflict(swap, Fault(10, FaultKind.SHORT, "1", 5, for_s=30)) == ""
    assert conflict(swap, Fault(10, FaultKind.SHORT, "1", 5)) == "", "it leaves with its pack"


@settings(deadline=None, max_examples=50)
@given(
    seed=st.integers(),
    duration_s=st.floats(1, 1e7),
    kinds=st.lists(st.sampled_from(FaultKind), min_size=1, unique=True),
    every=st.floats(0.02, 2),
)
def test_chance_draws_what_a_script_could_say_and_all_is_over_at_the_end(
    seed: int, duration_s: float, kinds: list[FaultKind], every: float
) -> None:
    extent = Extent(12, 2, ("cells-2",))
    found = random_faults(seed, duration_s, kinds, extent, every * duration_s)
    assert found == random_faults(seed, duration_s, kinds[::-1], extent, every * duration_s)
    assert [fault.at_s for fault in found] == sorted(fault.at_s for fault in found)
    assert {fault.kind for fault in found} <= set(kinds)
    for index, fault in enumerate(found):
        assert problem_of(fault) == ""
        assert end_s(fault) <= duration_s + 1e-6
        assert not any(conflict(other, fault) for other in found[:index])


def test_another_seed_is_another_list() -> None:
    day_s = 86_400.0
    lists = {random_faults(seed, day_s, every_s=600) for seed in range(20)}
    assert len(lists) == 20
    assert {fault.kind for found in lists for fault in found} == set(FaultKind), "every kind is drawn at some time"


@settings(deadline=None, max_examples=20)
@given(st.integers())
def test_what_chance_has_drawn_can_be_kept_as_a_script(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    script = tmp_path_factory.mktemp("chance") / "faults.toml"
    found = random_faults(seed, 86_400, every_s=7_200)
    script.write_text(script_text(found))
    assert load_script(script) == found


def test_chance_without_a_run_or_a_kind_is_refused() -> None:
    for arguments in ((1, 0.5), (1, float("inf")), (1, 60.0, ())):
        with pytest.raises(ValueError, match="a run of a second or more"):
            random_faults(*arguments)
    with pytest.raises(ValueError, match=r"at most 1000 faults; let every_s be 0\.06 or more"):
        random_faults(1, 60.0, every_s=0.01)
