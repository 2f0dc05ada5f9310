"""names.toml: the names of a battery elsewhere, each checked, or refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.named import Named
from packseal.io.names_settings import NamesFile
from packseal.io.settings_file import load_settings

WHOLE = """manufacturer_part_id = "PS-60"
part_instance_id = "PS60-000123"
trace_id = "2680ed32-19a3-435b-a094-23ff43aaa611"
passport_url = "https://passports.example.org/battery/3f"

[manufacturer]
name = "Cells AG"
bpnl = "BPNL00000003AYRE"

[operator]
name = "Store KK"
corporate_number = "9011103002584"

[plant]
name = "Works"
open_plant_id = "654321"
"""
LEAST = 'manufacturer_part_id = "PS-60"\n[manufacturer]\nname = "Cells AG"\n'


def read(folder: Path, text: str) -> Named:
    path = folder / "names.toml"
    path.write_text(text)
    return load_settings(path, NamesFile).named


def test_every_name_is_where_it_belongs(tmp_path: Path) -> None:
    maker, plant = Party("Cells AG", bpnl="BPNL00000003AYRE"), Plant("Works", open_plant_id="654321")
    trace_id = "2680ed32-19a3-435b-a094-23ff43aaa611"
    assert read(tmp_path, WHOLE) == Named(
        Identifiers(maker, "PS-60", "PS60-000123", plant, trace_id),
        Party("Store KK", corporate_number="9011103002584"),
        "https://passports.example.org/battery/3f",
    )


def test_what_nobody_told_is_not_there(tmp_path: Path) -> None:
    assert read(tmp_path, LEAST) == Named(Identifiers(Party("Cells AG"), "PS-60"))


@pytest.mark.parametrize(
    ("right", "wrong", "words"),
    [
        ("BPNL00000003AYRE", "BPNL00000003AYRF", "names.toml:8: bpnl: .*check characters do not fit"),
        ("9011103002584", "8011103002584", "names.toml:12: corporate_number: .*first digit does not fit"),
        ("https://passports", "http://passports", "names.toml:4: passport_url"),
        ('"PS-60"', '" "', "names.toml:1: manufacturer_part_id"),
        ("[manufacturer]", "[maker]", "the key 'manufacturer' is missing"),
    ],
)
def test_what_is_no_name_is_refused_with_its_line(tmp_path: Path, right: str, wrong: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, WHOLE.replace(right, wrong))
