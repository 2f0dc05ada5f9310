"""The page of a replay: one file that needs no other, with the picture inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from packseal import __version__
from packseal.apps.replay_result import Replayed
from packseal.apps.replay_words import label, shown
from packseal.passport import words
from packseal.records.estimate_words import lines as estimate_lines

FOLDER = Path(__file__).parent
MAX_STATEMENTS = 100
CHEMISTRIES = {"nmc": "NMC", "nca": "NCA", "lfp": "LFP", "lco": "LCO"}


def page(done: Replayed, svg: str) -> str:
    """svg: our own drawing, put in as it is; everything else is escaped."""
    loader = FileSystemLoader(FOLDER / "templates")
    templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    others = [(words.span(t_ms), estimate_lines(said)) for t_ms, said in done.said.estimates.values()]
    return templates.get_template("replay.html").render(
        done=done, css=(FOLDER / "static/page.css").read_text(), svg=svg, version=__version__, table=_table(done),
        columns=_columns(done), unused=_unused(done), settings=_settings(done), others=others,
        chemistry=CHEMISTRIES[str(done.config["chemistry"])],
    )  # fmt: skip


def _table(done: Replayed) -> dict[str, Any]:
    """The newest statements, each under the names that any of them has."""
    newest = [statement for _, statement in done.said.statements.points][-MAX_STATEMENTS:]
    names = list(
        dict.fromkeys(name for statement in newest for name in statement.values if name != "rated_capacity_mah")
    )
    rows = [
        [words.span(one.t_ms), *(shown(name, one.values[name]) if name in one.values else "" for name in names)]
        for one in reversed(newest)
    ]
    return {"head": ["After", *map(label, names)], "rows": rows, "is_all": len(newest) == done.said.statements.count}


def _columns(done: Replayed) -> list[tuple[str, str]]:
    found = []
    for key, columns in done.table.columns.items():
        names = [column.name for column in columns]
        listed = ", ".join(names) if len(names) <= 4 else f"{names[0]} to {names[-1]}, {len(names)} columns"
        unit = columns[0].unit_text if columns[0].has_unit or key != "time" else "as found"
        found.append((key, f"{listed} ({unit})"))
    return found


def _unused(done: Replayed) -> str:
    used = {column.name for columns in done.table.columns.values() for column in columns}
    return ", ".join(name for name in done.table.names if name not in used)


def _settings(done: Replayed) -> str:
    return ", ".join(f"{key} = {value}" for key, value in done.config.items())
