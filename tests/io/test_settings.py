"""Configuration errors name file, line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.io.settings import GatewaySettings, PassportFileSettings, load_settings

KEY, OTHER_KEY = "11" * 32, "22" * 32
GATEWAY = f"""\
site = "north"
broker = "mqtt://localhost:1883"
outbox = "outbox.db"
service_public_key = "{KEY}"

[[board]]
battery = "pack-1"
port = "/dev/ttyUSB0"
public_key = "{KEY}"

[[board]]
battery = "pack-2"
port = "/dev/ttyUSB1"
public_key = "{OTHER_KEY}"
"""


def load(tmp_path: Path, text: str) -> GatewaySettings:
    path = tmp_path / "gateway.toml"
    path.write_text(text)
    return load_settings(path, GatewaySettings)


def test_good_settings_with_paths_relative_to_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, GATEWAY)
    assert settings.outbox == tmp_path / "outbox.db"
    assert [board.battery for board in settings.board] == ["pack-1", "pack-2"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("site =", "sight =", ":1: unknown key 'sight'; did you mean 'site'?"),
        ('port = "/dev/ttyUSB1"', 'prot = "/dev/ttyUSB1"', ":13: unknown key 'prot'; did you mean 'port'?"),
        ('port = "/dev/ttyUSB1"\n', "", ":11: the key 'port' is missing"),
        ("mqtt://localhost:1883", "localhost", ":2: broker: broker 'localhost': expected mqtt://host:port"),
        (f'key = "{OTHER_KEY}"', 'key = "zz"', ":14: public_key: expected 64 hexadecimal digits"),
        ("/dev/ttyUSB1", "/dev/ttyUSB0", "two boards have the same port"),
        (OTHER_KEY, KEY, "two boards have the same public_key"),
        ('"pack-2"', '"Pack/2"', ":12: battery: String should match pattern"),
        ("[[board]]", "[[board]", ": not TOML: "),
        ('site = "north"', 'site = "north"\nverbose = 1', ":2: unknown key 'verbose'; known: site, "),
    ],
)
def test_each_mistake_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, new.join(GATEWAY.rsplit(old, 1)))
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "gateway.toml"))


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, GATEWAY.replace("site =", "sight =").replace("outbox =", "inbox ="))
    assert len(str(refusal.value).splitlines()) == 4  # two unknown keys, two missing ones


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file"):
        load_settings(tmp_path / "none.toml", GatewaySettings)


def test_a_key_speaks_for_one_battery(tmp_path: Path) -> None:
    battery = '[[battery]]\nid = "{}"\nname = "A"\ncategory = "EV"\nrated_capacity_mah = 1\n'
    source = f'[[battery.source]]\npublic_key = "{KEY}"\nevidence_class = "B"\n'
    head = 'broker = "mqtt://localhost"\nstore = "a.db"\nkey = "a.key"\n'
    path = tmp_path / "passport.toml"
    path.write_text(head + battery.format("a") + source + battery.format("b") + source)
    with pytest.raises(ConfigError, match="a key speaks for one battery"):
        load_settings(path, PassportFileSettings)


def test_an_unknown_key_in_a_nested_table_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "passport.toml"
    path.write_text(
        'broker = "mqtt://localhost"\nstore = "a.db"\nkey = "a.key"\n'
        '[[battery]]\nid = "a"\nname = "A"\ncategory = "EV"\nrated_capacity_mah = 1\n'
        f'[[battery.source]]\npublic_key = "{KEY}"\nevidence_clas = "B"\n'
    )
    with pytest.raises(ConfigError, match=r":11: unknown key 'evidence_clas'; did you mean 'evidence_class'\?"):
        load_settings(path, PassportFileSettings)
