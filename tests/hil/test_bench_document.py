"""docs/bench.md can fail: its rigs and scripts load, its lists are complete, its commands and options exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from packseal.cli import main
from packseal_hil import plugin, rig
from packseal_hil.faults import load_script
from packseal_hil.health import NAMES
from packseal_hil.pack_setup import CAN
from packseal_hil.plant.duty import DUTIES
from packseal_hil.readings import FaultKind
from packseal_hil.report import pytest_part
from packseal_hil.report.run import JUNIT, PAGE, RECORDINGS, RUN, TRACE
from tests.hil.bench_document import TEXT, blocks

SCRIPTS = [block for block in blocks("toml") if block.startswith("[[fault]]")]
RIGS = [block for block in blocks("toml") if not block.startswith("[[fault]]")]
COMMANDS = re.findall(r"packseal (?:bench|board|verify) [^`\n#]*", TEXT)
DRIVERS = re.compile(r'Literal\["([a-z0-9-]+)"\]')


@pytest.mark.parametrize("text", RIGS)
def test_a_rig_of_the_document_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "rig.toml").write_text(text)
    loaded = rig.load_rig(tmp_path / "rig.toml")
    assert loaded.model_fields_set >= set(tomllib.loads(text))


def test_every_driver_is_shown() -> None:
    drivers = set(DRIVERS.findall(Path(rig.__file__).read_text()))
    assert drivers
    assert {name for name in drivers if f'driver = "{name}"' not in TEXT} == set()


def test_a_script_of_the_document_loads(tmp_path: Path) -> None:
    (script,) = SCRIPTS
    (tmp_path / "faults.toml").write_text(script)
    assert len(load_script(tmp_path / "faults.toml")) == script.count("[[fault]]")


def test_every_fault_duty_fixture_mark_problem_and_file_is_named() -> None:
    fixtures = re.findall(
        r"@pytest\.fixture\ndef (pack|board|bus|gateway|passport)\(", Path(plugin.__file__).read_text()
    )
    marks = [re.split(r"[(:]", mark)[0] for mark in plugin.MARKS]
    assert len(fixtures) == 5
    named = [*(kind.value for kind in FaultKind), *DUTIES, *fixtures, *NAMES, JUNIT, PAGE, RUN, TRACE]
    assert [word for word in named if f"`{word}`" not in TEXT] == []
    assert f'`bms="{CAN}"`' in TEXT
    assert [mark for mark in marks if f"`{mark}(" not in TEXT] == []
    assert f"`{RECORDINGS}/`" in TEXT


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist_with_their_options(line: str) -> None:
    _, *words = shlex.split(line)
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known


def test_options_of_pytest_exist() -> None:
    sources = "".join(Path(str(module.__file__)).read_text() for module in (plugin, pytest_part))
    told = re.search(r"`pytest (--[^`]*--bench-report out)`", TEXT)
    assert told
    for option in (*re.findall(r"--[a-z-]+", told[1]), "--longest"):
        assert f'"{option}"' in sources
