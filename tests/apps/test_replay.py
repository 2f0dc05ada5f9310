"""`packseal replay`: somebody's table in, the board's own estimate beside a reference out."""

from __future__ import annotations

import gzip
import itertools
import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from playwright.sync_api import Page, sync_playwright

from packseal.apps.replay_seen import MAX_POINTS, Thinned
from packseal.cli import main
from packseal.errors import UnavailableError
from packseal.io.table_file import require
from tests.apps.command import Ran, packseal
from tests.apps.replay_tables import HEADER, RATED_MAH, TRUE_MAH, simulated, write_csv
from tests.line.rig import tool

AS_BUILT = ("--chemistry", "nmc", "--rated-capacity", RATED_MAH / 1000)


def replay(table: Path, *arguments: str | float, folder: Path) -> Ran:
    """In this process: to load what it needs takes longer than a short table does."""
    done = CliRunner().invoke(main, ["replay", str(table), "--out", str(folder), *map(str, arguments)])
    return Ran(done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ran, Path]:
    """A replay of two partial cycles on both interpreters."""
    folder = tmp_path_factory.mktemp("replay")
    table = write_csv(folder / "pack $1.csv", simulated())
    return packseal("replay", table, *map(str, AS_BUILT), "--on", "both", "--out", folder / "out"), folder / "out"


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tool("chromium"), args=["--no-sandbox"])
        opened = browser.new_page(viewport={"width": 360, "height": 800})
        opened.set_default_timeout(20_000)
        yield opened
        browser.close()


def test_intervals_hold_the_truth_and_both_interpreters_say_the_same(made: tuple[Ran, Path]) -> None:
    ran, out = made
    assert ran.code == 0, ran.err
    assert "on CPython and MicroPython, which said the same, byte for byte" in ran.out
    assert (out / "statements-cpython.jsonl").read_bytes() == (out / "statements-micropython.jsonl").read_bytes()
    said = [json.loads(line) for line in (out / "statements-cpython.jsonl").read_text().splitlines()]
    statements = [line["soh"] for line in said if "soh" in line]
    assert statements
    for statement in statements:
        assert abs(statement["4"][0] - TRUE_MAH) <= 1.96 * statement["4"][1]
    held = (
        "1 of 1 interval holds it"
        if len(statements) == 1
        else f"{len(statements)} of {len(statements)} intervals hold it"
    )
    assert held in ran.out
    assert "what the BMS claims, against the same: 1 claim; median error +9.00 points" in ran.out


def test_the_picture_is_a_png(made: tuple[Ran, Path]) -> None:
    content = (made[1] / "replay.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG")
    assert (width, height) == (1200, 900)


def test_the_page_says_it_all_and_loads_nothing(made: tuple[Ran, Path], page: Page) -> None:
    asked: list[str] = []
    faults: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: faults.append(message.text))
    page.goto((made[1] / "replay.html").as_uri())
    assert page.inner_text("h1") == "pack $1.csv"
    assert "%" in page.inner_text("[data-value=soh_capacity_cpct]")
    assert "of 1 interval holds it" in page.inner_text("#comparison")
    assert "self-discharge" in page.inner_text("#missing")
    assert page.locator("#statements tbody tr").count() >= 1
    assert "every row and every value was used" in page.inner_text("#lost")
    assert "Pack Current [A]" in page.inner_text("#source")
    box = page.locator("#plot svg").bounding_box()
    assert box is not None
    assert box["height"] > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert len(asked) == 1
    assert faults == []


def test_what_is_bad_is_counted_with_its_reason_and_nothing_is_claimed(tmp_path: Path) -> None:
    """Half a cycle has no second rest; beside it there is all that can be wrong with a log."""
    rows = list(itertools.islice(simulated(), 700))
    rows[100][0] = rows[99][0]
    rows[200][0] = 3.0
    rows[300][2] = 65_535.0
    rows[400][1] = float("nan")
    for row in rows[500:]:
        row[0] += 5_000
    ran = replay(write_csv(tmp_path / "bad.csv", iter(rows)), *AS_BUILT, "--json", folder=tmp_path)
    assert ran.code == 0, ran.err
    assert ran.json["newest"] is None
    assert "rest" in ran.json["not_known"]["state of health"]
    assert ran.json["gaps"] == 1
    assert ran.json["left_out"] == {
        "rows with the time stamp of the row before": 1,
        "rows whose time stamp lies before the row before": 1,
        "values of Voltage/V: beyond 0.5 to 2000 V": 1,
        "values of Pack Current [A]: no number": 1,
    }
    page = (tmp_path / "replay.html").read_text()
    assert "Not yet known" in page
    assert "there is nothing yet to hold against it" in page


def test_a_current_with_the_wrong_sign_shows(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "sign.csv", itertools.islice(simulated(), 700))
    turned = replay(table, *AS_BUILT, "--discharge-positive", "--json", folder=tmp_path).json
    assert "the other way round" in turned["warnings"][0]


def test_parquet_gives_what_text_gives(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = list(itertools.islice(simulated(step_s=4), 600))
    text = gzip.compress(write_csv(tmp_path / "pack.csv", iter(rows)).read_bytes())
    (tmp_path / "pack.csv.gz").write_bytes(text)
    columns = {name: list(column) for name, column in zip(HEADER, zip(*rows, strict=True), strict=True)}
    parquet.write_table(pyarrow.table(columns), tmp_path / "pack.parquet")
    found = [
        replay(tmp_path / name, *AS_BUILT, "--sample-s", 8, "--json", folder=tmp_path / name[-3:])
        for name in ("pack.csv.gz", "pack.parquet")
    ]
    assert found[0].json == found[1].json
    assert found[0].json["left_out"] == {"rows between two samples of the board": 300}


@pytest.mark.parametrize(
    ("name", "content", "arguments", "words"),
    [
        ("a.csv", "one,two\n1,2\n", (), "say which one does with --column time_s=NAME"),
        ("a.csv", "time_s,current_A,voltage_V\n", (), "not two rows that can be used. Left out: nothing"),
        ("a.csv", "time_s,current_A,V\n1,2,3\n", ("--column", "voltage"), "expected a name, = and a value"),
        ("a.xlsx", "", (), "expected .csv, .tsv"),
        ("a.csv.gz", "no gzip", (), "damaged, or not what its name says"),
        ("a.parquet", "no parquet", (), "no Parquet file that can be read"),
        ("a.csv", "time_s,V1,V2,I\n1,3,3,0\n2,3,3,0\n", ("--cells-in-series", "3"), "which is no multiple of it"),
        ("a.csv", "time_s,V,V,I\n", (), 'two columns are named "V"'),
        ("a.csv", "t,V,I\n1,3,0\n2,3,0\n", ("--setting", "strings=2"), "--setting strings: comes from the table"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(
    name: str, content: str, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    ran = replay(tmp_path / name, *AS_BUILT, *arguments, folder=tmp_path / "out")
    assert ran.code == 2
    assert words in ran.err
    assert ran.err.count("\n") == 1


def test_cells_of_others_are_read_with_their_references(shared: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    cells = shared / "data/cells"
    if not cells.is_dir():
        pytest.skip(f"needs the recordings of cells beside the repository: {cells} is absent")
    with gzip.open(cells / "nasa_pcoe/B0005.csv.gz", "rt") as whole:
        (tmp_path / "B0005.csv").write_text("".join(itertools.islice(whole, 6_000)))
    ran = replay(tmp_path / "B0005.csv", "--chemistry", "nca", "--rated-capacity", 2, folder=tmp_path / "nasa")
    assert ran.code == 0, ran.err
    assert "reference" in (tmp_path / "nasa/replay.html").read_text()
    parquet.write_table(parquet.read_table(cells / "calce_cs2/CS2_35.parquet").slice(0, 6_000), tmp_path / "c.parquet")
    ran = replay(tmp_path / "c.parquet", "--chemistry", "lco", "--rated-capacity", 1.1, "--json", folder=tmp_path / "c")
    assert ran.code == 0, ran.err
    assert "dis_Ah (Ah)" in (tmp_path / "c/replay.html").read_text()
    assert ran.json["rows"] > 5_500


def test_without_the_extra_the_pip_command_is_named() -> None:
    with pytest.raises(UnavailableError, match=r"needs no_such_plots.*pip install 'packseal\[replay\]'"):
        require("no_such_plots")


def test_a_long_table_is_thinned_evenly_and_counted_whole() -> None:
    thinned = Thinned[int]()
    for t_ms in range(10 * MAX_POINTS):
        thinned.add(t_ms, t_ms)
    assert thinned.count == 10 * MAX_POINTS
    assert MAX_POINTS / 2 <= len(thinned.points) <= MAX_POINTS
    assert thinned.last == 10 * MAX_POINTS - 1
    steps = {after[0] - before[0] for before, after in itertools.pairwise(thinned.points)}
    assert len(steps) == 1
