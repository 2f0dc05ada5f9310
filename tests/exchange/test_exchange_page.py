"""docs/exchange.md: its files load and show every key, its commands exist with their options."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from packseal.cli import main
from packseal.exchange.loss import Why
from packseal.exchange.rules import Form
from packseal.io.catenax_settings import (
    CatenaXSettings,
    ConnectorTable,
    PolicyTable,
    RegistryTable,
    SecretsTable,
    load_catenax,
)
from packseal.io.names_settings import NamesFile
from packseal.io.partner_settings import PartnerFile, RuleTable
from packseal.io.settings_file import load_settings

IN_COMMENTS = {"digits", "at_most"}  # named in the comments beside step and at_least
PAGE = (Path(__file__).parents[2] / "docs/exchange.md").read_text()
BLOCKS = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("packseal ")
]


def test_the_partner_of_the_page_has_a_rule_of_every_form(tmp_path: Path) -> None:
    path = tmp_path / "partner.toml"
    path.write_text(BLOCKS[0])
    partner = load_settings(path, PartnerFile).partner
    assert {rule.form for rule in partner.rules} == set(Form)
    assert set(tomllib.loads(BLOCKS[0])) == set(PartnerFile.model_fields)
    shown = {key for rule in tomllib.loads(BLOCKS[0])["rule"] for key in rule}
    assert shown == set(RuleTable.model_fields) - IN_COMMENTS


def test_the_names_of_the_page_are_names(tmp_path: Path) -> None:
    path = tmp_path / "names.toml"
    path.write_text(BLOCKS[1].replace("…", ""))
    assert load_settings(path, NamesFile).named.identifiers is not None


def test_the_settings_of_catena_x_show_every_key(tmp_path: Path) -> None:
    path = tmp_path / "catenax.toml"
    path.write_text(BLOCKS[2])
    settings = load_catenax(path)
    assert {policy.use for policy in settings.policy} == {"access", "usage"}
    shown = tomllib.loads(BLOCKS[2])
    assert set(shown) == set(CatenaXSettings.model_fields)
    assert set(shown["registry"]) == set(RegistryTable.model_fields)
    assert set(shown["connector"]) == set(ConnectorTable.model_fields)
    assert set(shown["never_named"]) == set(SecretsTable.model_fields)
    assert set(shown["policy"][1]) == set(PolicyTable.model_fields)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_page_exist(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "packseal"
    command: click.Command = main
    while isinstance(command, click.Group):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if re.match("--?[a-z]", word)} <= known


def test_every_kind_of_loss_is_explained() -> None:
    assert set(re.findall(r"^\| `([a-z-]+)` \| ", PAGE, re.MULTILINE)) >= {str(why) for why in Why}
