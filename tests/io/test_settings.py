"""Configuration errors name file, line and cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from packseal.errors import ConfigError
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings
from packseal.records.acts import Role
from packseal.records.cose import ED25519, ESP256

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
        (f'key = "{OTHER_KEY}"', 'key = "zz"', ":14: public_key: expected 64 or 128 hexadecimal digits"),
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


CAN = """
[[can]]
battery = "pack-3"
interface = "socketcan"
channel = "can0"
dbc = "dbc/pack.dbc"
bind = "pack.toml"
"""


def test_paths_of_tables_are_relative_to_the_file_too(tmp_path: Path) -> None:
    settings = load(tmp_path, GATEWAY + CAN)
    assert settings.key == tmp_path / "gateway.key"
    assert (settings.can[0].dbc, settings.can[0].bind) == (tmp_path / "dbc/pack.dbc", tmp_path / "pack.toml")
    assert settings.can[0].key is None


@pytest.mark.parametrize(("seconds", "window_ms"), [("1", 1000), ("0.1", 100), ("2.3", 2300), ("3600", 3_600_000)])
def test_windows_in_tenths_of_a_second(tmp_path: Path, seconds: str, window_ms: int) -> None:
    settings = load(tmp_path, f"{GATEWAY}{CAN}window_s = {seconds}\n")
    assert settings.can[0].window_ms == window_ms


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (CAN + CAN, "two [[can]] tables have the same battery"),
        (CAN + CAN.replace("pack-3", "pack-4"), 'give all but one [[can]] a key = "….key" of its own'),
        (CAN.replace("channel", "chanel"), ":19: unknown key 'chanel'; did you mean 'channel'?"),
        (CAN + "bitrate = 500_000_000\n", ":22: bitrate: "),
        (CAN + "window_s = 0\n", ":22: window_s: expected 0.1 to 3600 seconds, in tenths"),
        (CAN + "window_s = 0.25\n", ":22: window_s: expected 0.1 to 3600 seconds, in tenths"),
    ],
)
def test_each_mistake_of_a_bus_is_named(tmp_path: Path, more: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, GATEWAY + more)
    assert message in str(refusal.value)


def test_two_buses_with_keys_of_their_own(tmp_path: Path) -> None:
    settings = load(tmp_path, GATEWAY + CAN + CAN.replace("pack-3", "pack-4") + 'key = "pack-4.key"\n')
    assert [can.key for can in settings.can] == [None, tmp_path / "pack-4.key"]


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


PASSPORT = f"""\
broker = "mqtt://localhost"
store = "passport.db"
key = "service.key"
witnesses_needed = 1

[[authority]]
public_key = "{KEY}"
role = "integrator"

[[authority]]
public_key = "{OTHER_KEY * 2}"
role = "operator"

[[witness]]
name = "witness.example"
url = "https://witness.example/"
public_key = "{KEY}"

[[witness]]
name = "witness.example/2"
url = "http://127.0.0.1:8430"
public_key = "{OTHER_KEY}"
"""


def load_passport(folder: Path, text: str = PASSPORT) -> PassportFileSettings:
    path = folder / "passport.toml"
    path.write_text(text)
    return load_settings(path, PassportFileSettings)


def test_a_service_knows_authorities_and_witnesses(tmp_path: Path) -> None:
    settings = load_passport(tmp_path)
    assert settings.log == tmp_path / "passport-log"
    found = [(table.authority.key.algorithm, table.authority.role) for table in settings.authority]
    assert found == [(ED25519, Role.INTEGRATOR), (ESP256, Role.OPERATOR)]
    assert [witness.url for witness in settings.witness] == ["https://witness.example", "http://127.0.0.1:8430"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"integrator"', '"board"', ":8: role: Input should be 'integrator', 'operator', 'assessor', 'recycler' or"),
        ('"integrator"', '"service"', ":8: role: Input should be"),
        (f'"{OTHER_KEY * 2}"', f'"{OTHER_KEY}22"', ":11: public_key: expected 64 or 128 hexadecimal digits"),
        (f'"{OTHER_KEY * 2}"', f'"{KEY}"', "the public_key of an authority stands twice; a key has one role"),
        ('"witness.example/2"', '"witness.example"', "a witness's name or its public_key stands twice"),
        (f'"{OTHER_KEY}"', f'"{KEY}"', "a witness's name or its public_key stands twice"),
        ('"witness.example/2"', '"witness two"', ":20: name: 'witness two': a name of a key or log is not empty and"),
        ("http://127.0.0.1:8430", "ftp://127.0.0.1", ":21: url: ftp://127.0.0.1: expected http:// or https://"),
        ("witnesses_needed = 1", "witnesses_needed = 3", "witnesses_needed: 3, but 2 are listed"),
        ("witnesses_needed = 1", "witnesses_needed = -1", ":4: witnesses_needed: Input should be greater than or"),
        ("witnesses_needed = 1", 'origin = "my log"', ":4: origin: 'my log': a name of a key or log is not empty and"),
    ],
)
def test_each_mistake_of_a_passport_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load_passport(tmp_path, new.join(PASSPORT.rsplit(old, 1)))
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(str(tmp_path / "passport.toml"))
