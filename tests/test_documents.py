"""Documents can fail: what they say of commands, settings and files is compared with the program."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from packseal.cli import main
from packseal.io.settings import GatewaySettings, PassportFileSettings, PolicyFileSettings
from packseal.io.settings_file import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SETTINGS = (ROOT / "docs/settings.md").read_text()
CONSOLE = [line[2:].split("#")[0].strip() for line in README.splitlines() if line.startswith("$ ")]


@pytest.mark.parametrize("name", ["commands", "attributes", "exchange"])
def test_pages_that_are_written_by_programs_are_up_to_date(name: str) -> None:
    page = runpy.run_path(str(ROOT / f"docs/make_{name}.py"))["page"]()
    assert (ROOT / f"docs/{name}.md").read_text() == page, "run: make docs"


@pytest.mark.parametrize("line", CONSOLE)
def test_commands_of_the_readme_exist_with_their_options(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "packseal"
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


@pytest.mark.parametrize("target", ["demo", "test", "bench"])
def test_make_targets_of_the_readme_exist(target: str) -> None:
    assert f"make {target}" in README
    run = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def _blocks() -> dict[str, str]:
    return dict(re.findall(r"^## (\S+\.toml)$.*?```toml\n(.*?)```", SETTINGS, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize(
    ("name", "model"),
    [("gateway.toml", GatewaySettings), ("passport.toml", PassportFileSettings), ("policy.toml", PolicyFileSettings)],
)
def test_documented_settings_load_and_are_complete(
    name: str, model: type[GatewaySettings | PassportFileSettings | PolicyFileSettings], tmp_path: Path
) -> None:
    text = re.sub(r'"[0-9a-f]{4,}…"', lambda match: '"' + (match[0][1:5] * 16)[:64] + '"', _blocks()[name])
    text = re.sub(r'(log_id = "[0-9a-f]{32})[0-9a-f]*', r"\1", text)
    (tmp_path / name).write_text(text)
    load_settings(tmp_path / name, model)
    assert _keys(tomllib.loads(text)) == _model_keys(model)


def _keys(table: object) -> set[str]:
    if isinstance(table, list):
        return set().union(*(_keys(item) for item in table))
    if not isinstance(table, dict):
        return set()
    return set(table) | set().union(*(_keys(value) for value in table.values()))


def _model_keys(model: type) -> set[str]:
    found: set[str] = set()
    for name, field in getattr(model, "model_fields", {}).items():
        found.add(name)
        for argument in (field.annotation, *getattr(field.annotation, "__args__", ())):
            found |= _model_keys(argument)
    return found


def test_every_dependency_has_a_reason() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    for line in lines:
        if re.match(r'    "[a-z0-9-]+[>=]', line):
            assert "#" in line, line


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "dbc/README.md"]:
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def test_help_starts_quickly_without_the_heavy_libraries() -> None:
    code = "import sys, packseal.cli; print([m for m in ('numpy', 'cantools', 'uvicorn', 'paho') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
