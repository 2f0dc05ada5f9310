"""What a replay makes of the lines that a firmware says, also one that says more than today's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from packseal.apps.replay_page import page
from packseal.apps.replay_result import Replayed, Table
from packseal.apps.replay_seen import Seen, Thinned
from packseal.apps.replay_statements import Output
from packseal.records.bodies import Estimate, QuantityEstimate
from packseal.records.estimate_words import QUANTITIES, headline, needs
from packseal.signals.column_names import columns_of
from packseal.signals.table_rows import Row, TableRows

CONFIG: Mapping[str, int | str] = {
    "rated_capacity_mah": 2_000, "cell_blocks": 2, "strings": 1, "sample_ms": 1_000, "chemistry": "lfp",
}  # fmt: skip
NAMES = ("time_s", "current_A", "voltage_V")
SOH = {
    "1": 2,
    "2": [3, 9],
    "3": 2_000,
    "4": [1_800, 20],
    "5": [9_000, 100],
    "9": 0,
    "10": [1, 8_900, 120],
    "99": [7, 8],
}
SAID = [
    {"t_ms": 1_000, "soh": SOH},
    {"t_ms": 1_000, "estimate": {"1": 3, "2": 4, "3": [3, 9], "4": [12_000, 300], "8": 0}},
    {"t_ms": 2_000, "estimate": {"1": 7, "2": 6, "5": [1]}},
    {"t_ms": 2_500, "soc_cpct": 4_000},
    {"t_ms": 3_000, "end": {"counters": [0] * 14, "rows": 4, "windows": 1}},
]


def replayed(folder: Path, *said: list[Any], rows: tuple[Row, ...] = ()) -> Replayed:
    outputs = []
    for number, lines in enumerate(said):
        path = folder / f"{number}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        outputs.append(Output(("cpython", "micropython")[number], path))
    seen = Seen(2_000, 1_000)
    for row in rows:
        seen.add(row)
    columns = columns_of(NAMES, {})
    table = Table("<b>.csv", NAMES, columns, TableRows(columns, 2, 1, lambda _: 0))
    return Replayed(table, CONFIG, seen, outputs)


def row(t_s: int, current_ma: int = 0, **values: int) -> Row:
    optional = ("soc_reported_cpct", "soh_reported_cpct", "reference_mah", "discharged_mah")
    return Row(t_s * 1000, current_ma, 6_600, (3_300, 3_300), (), **{name: values.get(name) for name in optional})


def test_every_key_and_every_quantity_is_shown(tmp_path: Path) -> None:
    done = replayed(tmp_path, SAID)
    assert done.health() == "90.00 % (88.04 to 91.96)"
    text = page(done, "<svg></svg>")
    assert "block 1: 89.00 % (86.64 to 91.36)" in text
    assert "<th>key 99</th>" in text
    assert "7 to 8" in text
    assert headline(QuantityEstimate(3, 4, (3, 9), Estimate(12_000, 300))) in text
    assert done.not_known()[QUANTITIES[7].name] == needs([1])
    assert "state of health" not in done.not_known()
    assert "<b>.csv" not in text
    assert "each counts as the voltage / 2" in text


def test_the_reference_lies_on_the_line_between_its_points(tmp_path: Path) -> None:
    rows = (row(0, reference_mah=1_900), row(1), row(2, reference_mah=1_700), row(3, reference_mah=1_700))
    later = {"t_ms": 2_000, "soh": {**SOH, "5": [9_000, 200]}}
    comparison = replayed(tmp_path, [SAID[0], later, SAID[-1]], rows=rows).said.comparison
    assert comparison is not None
    assert (comparison.count, comparison.inside, comparison.worst) == (2, 1, 5.0)
    assert (comparison.median_error, round(comparison.rmse, 3)) == (2.5, 3.536)


def test_claims_are_held_against_the_same_reference(tmp_path: Path) -> None:
    rows = (row(0, reference_mah=1_800, soh_reported_cpct=10_000), row(1, soh_reported_cpct=10_000))
    claims = replayed(tmp_path, [SAID[-1]], rows=rows).claim_comparison()
    assert claims is not None
    assert (claims.count, claims.worst) == (1, 10.0)


def test_without_a_reference_each_whole_discharge_of_the_testers_count_is_one(tmp_path: Path) -> None:
    counts = [(0, 0), (-900, 0), (-900, 700), (0, 700), (-900, 1_500), (900, 1_500), (-900, 0), (-900, 100), (900, 100)]
    rows = [row(i, current_ma, discharged_mah=count) for i, (current_ma, count) in enumerate(counts)]
    done = replayed(tmp_path, SAID, rows=tuple(rows))
    assert done.reference is not None
    assert done.reference.points == [(4_000, 1_500)], "the second one took too little to say anything"


def test_a_difference_between_interpreters_is_a_fault_and_says_where(tmp_path: Path) -> None:
    done = replayed(tmp_path, SAID, [SAID[0], SAID[2], *SAID[2:]])
    assert done.first_difference == 2
    assert "differ from line 2 on" in done.ran_on()
    assert any("a fault of packseal's own" in warning for warning in done.warnings())


@pytest.mark.parametrize(("last_ms", "held"), [(5, [(0, 7), (5, 7)]), (0, [(0, 7)])])
def test_a_value_that_stays_reaches_to_where_it_was_last_seen(last_ms: int, held: list[tuple[int, int]]) -> None:
    thinned = Thinned[int]()
    thinned.note(0, 7)
    thinned.note(last_ms, 7)
    assert thinned.held == held
