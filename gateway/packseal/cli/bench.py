"""The bench: tests of a board with a pack behind it, on a simulated board, an emulated one or a real one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from packseal.cli.root import EXIT_REFUSED, FILE, main

if TYPE_CHECKING:
    from packseal_hil.report.running import Asked

RUN_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
TESTS = click.argument("tests", nargs=-1)
OUT = "packseal-bench"


@main.group()
def bench() -> None:
    """Tests of a board with a pack behind it, and a report of each run. Needs: pip install 'packseal[bench-run]'"""


@bench.command("run")
@TESTS
@click.option("--target", default="unix", show_default=True, help="unix, cortex-m or board:/dev/serial/by-id/…")
@click.option("--rig", type=FILE, help="rig.toml: what stands on the bench. Without it nothing is plugged in.")
@click.option("--story", "stories", multiple=True, metavar="NAME", help="Of the stories this one; may be repeated.")
@click.option("--seed", type=click.IntRange(0, (1 << 32) - 1), help="Of every pack, in place of each test's own.")
@click.option("--longest", type=click.FloatRange(0), metavar="SECONDS", help="Leave out what takes longer on unix; 25 "
              "where neither a test nor a story is named.")  # fmt: skip
@click.option("--record", is_flag=True, help="Keep what comes from the rig as well, for `packseal bench replay`.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=OUT, show_default=True,
              help="Folder for the report.")  # fmt: skip
def bench_run(tests: tuple[str, ...], target: str, rig: Path | None, stories: tuple[str, ...], seed: int | None,
              longest: float | None, out: Path, *, record: bool) -> None:  # fmt: skip
    """Run TESTS, files or folders of pytest, on the bench; without any, the short ones of the stories that come with
    the product.

    OUT then has report.html, one page with plots that loads nothing; junit.xml; and of each test its trace and its
    evidence. Exit code 1: a test failed.

    \b
    packseal bench run
    packseal bench run --longest 600
    packseal bench run --story day-in-a-vehicle --seed 7
    packseal bench run tests/bench --target board:/dev/serial/by-id/usb-… --rig rig.toml --record
    """
    from packseal_hil.report.running import Asked

    _run(Asked(tests, stories, target, out, rig, seed, longest, is_recorded=record))


@bench.command("replay")
@click.argument("run_folder", metavar="RUN", type=RUN_FOLDER)
@TESTS
@click.option("--story", "stories", multiple=True, metavar="NAME", help="Of the stories this one; may be repeated.")
@click.option("-o", "--out", type=click.Path(file_okay=False, path_type=Path), default=f"{OUT}-replay",
              show_default=True, help="Folder for the report.")  # fmt: skip
def bench_replay(run_folder: Path, tests: tuple[str, ...], stories: tuple[str, ...], out: Path) -> None:
    """Run the tests of RUN again out of what was recorded in it, without its rig: what the board said is played into a
    real gateway and a real passport service. RUN is the folder of a `packseal bench run --record`.

    \b
    packseal bench replay packseal-bench
    """
    from packseal_hil.protocols import BenchError
    from packseal_hil.report.run import RECORDINGS, read_run
    from packseal_hil.report.running import Asked

    recordings = run_folder / RECORDINGS
    if not recordings.is_dir():
        raise BenchError(f"{recordings} is missing; record a run with `packseal bench run --record`")
    run = read_run(run_folder)
    _run(Asked(tests or (() if stories else run.asked), stories, run.target, out, recordings=recordings.absolute()))


@bench.command("report")
@click.argument("run_folder", metavar="RUN", type=RUN_FOLDER)
def bench_report(run_folder: Path) -> None:
    """Verify the evidence in RUN again, and write its report.html anew.

    \b
    packseal bench report packseal-bench
    """
    from packseal_hil.report.page import write_page

    click.echo(write_page(run_folder))


def _run(asked: Asked) -> None:
    from packseal_hil.report.running import run

    if not run(asked):
        raise click.exceptions.Exit(EXIT_REFUSED)
