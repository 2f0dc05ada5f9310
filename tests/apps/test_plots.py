"""Plots and their tables: where there is no evidence, there is a gap."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from packseal.apps.languages import language
from packseal.apps.plot_drawing import rows, svg
from packseal.apps.plots import plotted
from tests.apps.browser import ask
from tests.apps.page_states import desk
from tests.passport.board import WINDOW_MS, Board, running_board
from tests.passport.desk import Desk

SVG = "{http://www.w3.org/2000/svg}"


def lines_of(board_desk: Desk, board: Board, quantity: str) -> list[list[int]]:
    """Times of the points of each unbroken line, in windows since the log was opened."""
    found = plotted(board_desk.store, board.log_id, quantity)
    return [[at_ms // WINDOW_MS for at_ms, _ in segment] for segment in found.segments]


def test_evidence_all_the_way_is_one_line(tmp_path: Path) -> None:
    board = running_board(5)
    assert lines_of(desk(tmp_path, board), board, "soc") == [[1, 2, 3, 4, 5]]


def test_lost_windows_are_a_gap(tmp_path: Path) -> None:
    board = running_board(3)
    board.gap(windows=4)
    board.windows(2)
    assert lines_of(desk(tmp_path, board), board, "voltage") == [[1, 2, 3], [8, 9]]


def test_silence_is_a_gap_and_so_is_a_start(tmp_path: Path) -> None:
    board = running_board(2)
    board.uptime_ms += 10 * WINDOW_MS
    board.windows(1)
    board.boot_count += 1
    board.boot()
    board.windows(1)
    assert lines_of(desk(tmp_path, board), board, "soc") == [[1, 2], [13], [14]]


def test_a_record_that_was_altered_is_a_gap(tmp_path: Path) -> None:
    board = running_board(6)
    made = desk(tmp_path, board)
    made.edit(lambda file: file.execute("UPDATE records SET entry = x'00' WHERE seq = 4"))
    assert lines_of(made, board, "temperature") == [[1, 2], [4, 5, 6]]


@pytest.mark.parametrize("quantity", ["capacity", "health"])
def test_statements_are_joined_only_where_records_came_all_along(tmp_path: Path, quantity: str) -> None:
    board = running_board(2)
    board.windows(2)
    board.state_of_health(9_100)
    board.gap(windows=20)
    board.windows(1)
    board.state_of_health(9_000)
    made = desk(tmp_path, board)
    assert lines_of(made, board, quantity) == [[2, 4], [25]]
    table = rows(plotted(made.store, board.log_id, quantity))
    assert [row["gap"] if "gap" in row else row["values"] for row in table][1] == "3 min 30 s"


def test_a_long_log_is_sampled_and_its_long_silence_still_seen(tmp_path: Path) -> None:
    board = running_board(1_200)
    board.uptime_ms += 100 * WINDOW_MS
    board.windows(800)
    lines = lines_of(desk(tmp_path, board), board, "soc")
    assert len(lines) == 2
    assert sum(map(len, lines)) <= 500
    assert lines[1][0] - lines[0][-1] >= 100


def test_the_interval_is_a_band_around_the_line(tmp_path: Path) -> None:
    board = running_board(2)
    for cpct in (9_100, 9_050):
        board.windows(3)
        board.state_of_health(cpct)
    drawn = svg(plotted(desk(tmp_path, board).store, board.log_id, "capacity"), language("de"))
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own drawing
    paths = [path.get("d", "") for path in root.iter(f"{SVG}path") if "reactive" in path.get("class", "")]
    assert [len(re.findall(r"[\d.]+ [\d.]+", path)) for path in paths] == [3, 7]
    words = " ".join(root.itertext())
    assert "Verbleibende Kapazität, Ah" in words
    assert "Intervall von etwa 95 %" in words
    assert re.search(r"\d,\d", words), "numbers have a comma"


def test_each_plot_has_a_table_beside_it(tmp_path: Path) -> None:
    board = running_board(3)
    board.gap(windows=4)
    board.windows(1)
    app = desk(tmp_path, board).app()
    page = ask(app, "/battery/pack-1").text
    links = re.findall(r'href="(/battery/pack-1/table[^"]*)"', page)
    assert len(links) == 7
    table = ask(app, "/battery/pack-1/table?quantity=soc").text
    assert "Gaps in the evidence: 1." in table
    assert "no evidence for 50 s" in table
    assert table.index("79.93") < table.index("no evidence") < table.index("79.98"), "newest first"
