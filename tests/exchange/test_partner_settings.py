"""partner.toml: read as rules, or refused with file, line and cure."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.exchange.rules import Form, Partner, Rule
from packseal.io.partner_settings import PartnerFile
from packseal.io.settings_file import load_settings
from tests.exchange.packs import CATEGORIES, pack

HEAD = 'id = "depot"\naudience = "https://depot.example"\ntier = "legitimate-interest"\ncontract = "2027-0815"\n'
RULES = """
[[rule]]
id = "open"
keys = ["group:1", "soc"]
form = "whole"

[[rule]]
id = "health"
keys = ["soh_capacity_cpct"]
form = "threshold"
at_least = [90, "70.5", 80]
until = 2028-01-01

[[rule]]
id = "energy"
keys = ["energy_throughput"]
form = "rounded"
digits = -2

[[rule]]
id = "heat"
keys = ["temperature"]
form = "rounded"
step = "0.5"

[[rule]]
id = "not"
keys = ["serial_number"]
form = "withheld"
"""


def read(folder: Path, text: str) -> Partner:
    path = folder / "depot.toml"
    path.write_text(text)
    return load_settings(path, PartnerFile).partner


def test_a_file_is_its_rules(tmp_path: Path) -> None:
    found = read(tmp_path, HEAD + RULES)
    rules = (
        Rule("open", frozenset({"soc"}), frozenset({1})),
        Rule("health", frozenset({"soh_capacity_cpct"}), form=Form.THRESHOLD,
             limits=(Decimal("70.5"), Decimal(80), Decimal(90)), until_unix_ms=1_830_297_600_000),
        Rule("energy", frozenset({"energy_throughput"}), form=Form.ROUNDED, step=Decimal(100)),
        Rule("heat", frozenset({"temperature"}), form=Form.ROUNDED, step=Decimal("0.5")),
        Rule("not", frozenset({"serial_number"}), form=Form.WITHHELD),
    )  # fmt: skip
    assert found == Partner(
        "depot", "https://depot.example", "legitimate-interest", frozenset({1, 2, 4}), "2027-0815", rules
    )


def test_a_partner_without_rules_is_told_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, HEAD).rules == ()


WRONG = {
    "a key that is none": ('keys = ["soh"]\nform = "whole"', "'soh' is no value that a partner can be told"),
    "a key misspelt": ('keys = ["chemistri"]\nform = "whole"', "did you mean 'chemistry'?"),
    "no such group": ('keys = ["group:5"]\nform = "whole"', "'group:5' is no value"),
    "of no passport": ('keys = ["socr"]\nform = "whole"', "'socr' is no value"),
    "above its tier": ('keys = ["test_reports"]\nform = "whole"', "test_reports is not for a partner of the tier"),
    "a group above it": ('keys = ["group:3"]\nform = "whole"', "group:3 is not for a partner of the tier"),
    "numbers without use": ('keys = ["mass"]\nform = "whole"\ndigits = 1', "form 'whole' goes with no numbers"),
    "no digits": ('keys = ["mass"]\nform = "rounded"', "goes with either digits or step"),
    "both": ('keys = ["mass"]\nform = "rounded"\ndigits = 1\nstep = "1"', "goes with either digits or step"),
    "no limits": ('keys = ["mass"]\nform = "threshold"', "goes with either at_least or at_most"),
    "both ends": (
        'keys = ["mass"]\nform = "threshold"\nat_least = [1]\nat_most = [2]', "goes with either at_least or at_most"
    ),
    "a float": ('keys = ["mass"]\nform = "rounded"\nstep = 0.5', "expected a number as text"),
    "no number": ('keys = ["mass"]\nform = "threshold"\nat_least = ["a lot"]', "expected a number with at most 6"),
    "no step": ('keys = ["mass"]\nform = "rounded"\nstep = "0"', "expected a number above 0"),
    "a day as text": ('keys = ["mass"]\nform = "whole"\nuntil = "2028-01-01"', "expected a day such as 2028-01-01"),
    "a time without zone": ('keys = ["mass"]\nform = "whole"\nuntil = 2028-01-01T00:00:00', "a time with its zone"),
    "under another key": ('keys = ["soce"]\nform = "withheld"', "'soce' stands in a passport as soce_cpct"),
    "under two": ('keys = ["remaining_power"]\nform = "whole"', "as power_at_80 and power_at_20; name that"),
    "nothing": ('keys = []\nform = "whole"', "keys"),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, rule: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, f'{HEAD}[[rule]]\nid = "r"\n{rule}\n')
    assert words in str(refused.value)
    assert f"{tmp_path / 'depot.toml'}:" in str(refused.value)


def test_two_rules_for_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the key mass stands in two rules"):
        read(tmp_path, HEAD + "".join(f'[[rule]]\nid = "{n}"\nkeys = ["mass"]\nform = "whole"\n' for n in "ab"))


def test_every_value_of_a_passport_can_be_named(tmp_path: Path) -> None:
    keys = sorted({key for category in CATEGORIES for key in pack(category).values})
    named = ", ".join(f'"{key}"' for key in keys)
    head = HEAD.replace("legitimate-interest", "operator")
    (rule,) = read(tmp_path, f'{head}[[rule]]\nid = "all"\nkeys = [{named}]\nform = "whole"\n').rules
    assert rule.keys == set(keys)


def test_a_tier_is_a_role(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"depot\.toml:3: tier: .*'public'"):
        read(tmp_path, HEAD.replace("legitimate-interest", "everything"))
