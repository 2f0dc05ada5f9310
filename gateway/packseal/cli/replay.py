"""The board's own estimator over measurements that somebody has."""

from __future__ import annotations

import json
from pathlib import Path

import click

from packseal.cli.root import EXIT_FAULT, FILE, FOLDER, main
from packseal.errors import ConfigError

CHEMISTRIES = ("nmc", "nca", "lfp", "lco")


@main.command()
@click.argument("data", type=FILE)
@click.option("--chemistry", type=click.Choice(CHEMISTRIES), required=True, help="Of the cells.")
@click.option("--rated-capacity", metavar="AH", type=click.FloatRange(0.1, 10_000), required=True, help="Of the pack.")
@click.option("--cells-in-series", type=click.IntRange(1, 128), help="As many as there are cell voltages, else 1.")
@click.option(
    "--on", type=click.Choice(["cpython", "micropython", "both"]), default="cpython", show_default=True,
    help="What runs the firmware.",
)  # fmt: skip
@click.option("--out", type=FOLDER, default="packseal-replay", show_default=True, help="Folder for what is made.")
@click.option("--column", "columns", metavar="QUANTITY=NAME", multiple=True, help="Which column is which; see above.")
@click.option("--discharge-positive", is_flag=True, help="The current in DATA is positive when discharging.")
@click.option("--sample-s", type=click.FloatRange(0.01, 60), help="Of a board that samples less often than DATA.")
@click.option("--setting", "settings", metavar="KEY=VALUE", multiple=True, help="More of a board's configuration.")
@click.option("--json", "as_json", is_flag=True, help="Print what came out as JSON.")
def replay(
    data: Path,
    chemistry: str,
    rated_capacity: float,
    cells_in_series: int | None,
    on: str,
    out: Path,
    columns: tuple[str, ...],
    settings: tuple[str, ...],
    sample_s: float | None,
    *,
    discharge_positive: bool,
    as_json: bool,
) -> None:
    """Run the board's own estimator over DATA, a table of time, current, voltage and temperature, and plot what it says
    beside a reference. Needs: pip install 'packseal[replay]'

    DATA is .csv, .tsv, .csv.gz or .parquet. Its columns are found by their names and units (time_s, "Current(A)", I/mA,
    cell1_V, …). What cannot be told is said with --column: time, current, voltage, cells, temperature, soc, soh,
    reference or discharged, with a unit behind it where NAME has none.

    \b
    packseal replay drive.csv --chemistry nmc --rated-capacity 60 --cells-in-series 96
    packseal replay cell.parquet --chemistry lfp --rated-capacity 2.5 --on both
    packseal replay log.csv --chemistry nca --rated-capacity 3 --column voltage_mV=U_1 --column cells='Z*'
    """
    from packseal.io.table_file import require

    require("matplotlib")  # before the next line does
    from packseal.apps.replay import ReplayOptions
    from packseal.apps.replay import replay as replayed

    interpreters = ("cpython", "micropython") if on == "both" else (on,)
    done = replayed(
        ReplayOptions(
            data, chemistry, round(rated_capacity * 1000), cells_in_series, interpreters, out,
            dict(_pair("--column", text) for text in columns),
            {key: int(value) if value.lstrip("-").isdigit() else value for key, value in _pairs(settings)},
            round(sample_s * 1000) if sample_s else None, discharge_positive,
        )
    )  # fmt: skip
    click.echo(json.dumps(done.as_json(), indent=1) if as_json else "\n".join(done.lines()))
    if not as_json:
        click.echo(f"{out / 'replay.html'}\n{out / 'replay.png'}")
    if done.first_difference is not None:
        raise click.exceptions.Exit(EXIT_FAULT)


def _pairs(texts: tuple[str, ...]) -> list[tuple[str, str]]:
    return [_pair("--setting", text) for text in texts]


def _pair(option: str, text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not (key and equals and value):
        raise ConfigError(f"{option} {text}: expected a name, = and a value")
    return key, value
