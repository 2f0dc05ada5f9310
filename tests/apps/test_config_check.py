"""`packseal config check`: which file it is, every mistake with its line and its cure, and the files that it names."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from packseal.apps.config_check import MODELS, check_config, kind_of
from packseal.cli import main
from packseal.cli.operate import KINDS
from packseal.errors import ConfigError
from packseal.io.keys import load_or_make_key
from tests.apps.can_site import BIND, DBC
from tests.apps.command import Ran
from tests.line.rig import PACKSEAL

ROOT = Path(__file__).parents[2]
KEY = "11" * 32
GATEWAY = f"""\
site = "north"
broker = "mqtt://127.0.0.1:1883"
outbox = "outbox.db"
service_public_key = "{KEY}"

[[board]]
battery = "pack-1"
port = "/dev/ttyUSB0"
public_key = "{"22" * 32}"

[[can]]
battery = "pack-2"
interface = "virtual"
channel = "one"
dbc = "pack.dbc"
bind = "pack.toml"
"""
PASSPORT = """\
broker = "mqtt://127.0.0.1:1883"
store = "passport.db"
key = "service.key"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pack.dbc").write_text(DBC)
    (tmp_path / "pack.toml").write_text(BIND)
    (tmp_path / "gateway.toml").write_text(GATEWAY)
    (tmp_path / "passport.toml").write_text(PASSPORT)
    return tmp_path


def packseal(*arguments: str | Path) -> Ran:
    """In this process: a start of Python for each would take longer than all that is tested here."""
    done = CliRunner().invoke(main, [str(one) for one in arguments])
    return Ran(done.exit_code, done.stdout, done.stderr)


def said(path: Path, kind: str | None = None) -> list[str]:
    return [f"{one.line}: {one.words}" for one in check_config(path, kind).mistakes]


def test_a_good_file_is_good_and_nothing_is_made(folder: Path) -> None:
    ran = packseal("config", "check", folder / "gateway.toml")
    assert (ran.code, ran.out, ran.err) == (0, f"{folder / 'gateway.toml'}: good (gateway)\n", "")
    assert packseal("config", "check", folder / "passport.toml", "--json").json == {
        "file": str(folder / "passport.toml"), "kind": "passport", "is_good": True, "mistakes": [],
    }  # fmt: skip
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["pack.dbc", "pack.toml", "gateway.toml", "passport.toml"]
    ), "it makes nothing: no key and no outbox"


def test_every_mistake_is_said_at_once_with_its_line_also_of_the_files_it_names(folder: Path) -> None:
    path = folder / "gateway.toml"
    text = GATEWAY.replace('site = "north"', 'site = "North"').replace('"pack.dbc"\n', '"nowhere.dbc"\n')
    text = text.replace('port = "/dev/ttyUSB0"', 'prt = "/dev/ttyUSB0"')
    text += (
        '\n[[can]]\nbattery = "pack-3"\ninterface = "nonsense"\nchannel = "x"\ndbc = "pack.dbc"\nbind = "bad.toml"\n'
    )
    text += f'\n[[board]]\nbattery = "p"\nport = "/dev/x"\npublic_key = "{"33" * 32}"\nupdate = "gone.bin"\n'
    path.write_text(text)
    (folder / "bad.toml").write_text(BIND.replace('"Voltage"', '"Voltag"'))
    found = said(path)
    lines = {int(words.split(":")[0]) for words in found}
    wanted = {"site": 1, "[[board]]": 6, "prt": 8, "dbc's table": 16, "nonsense": 20, "bad.toml": 23, "gone.bin": 29}
    assert lines == set(wanted.values())
    assert any("did you mean 'port'" in words for words in found)
    assert any("bad.toml: quantities.pack_voltage_mv.signal" in words for words in found)
    ran = packseal("config", "check", path, "--json")
    assert (ran.code, len(ran.json["mistakes"]), ran.json["is_good"]) == (2, len(found), False)
    plain, old = packseal("config", "check", path), packseal("gateway", "check", path)
    assert (plain.code, old.code) == (2, 2)
    assert plain.err == old.err, "one code checks for both"
    assert all(re.match(rf"(packseal: )?{re.escape(str(path))}:\d+: ", line) for line in plain.err.splitlines())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('outbox = "', 'outbox = "missing/'), "there is no folder"),
        (('"virtual"', '"slcan"\nbitrate = 12345'), "bit rate"),
        (('bind = "pack.toml"\n', 'bind = "pack.toml"\ntransmit = ["7E4:220101"]\n'), "reads nothing from that answer"),
        (('"/dev/ttyUSB0"', '"slcan:/dev/ttyACM0@500000#ff"'), "an address on a bus is from 00 to fd"),
        (('outbox = "outbox.db"', 'outbox = "outbox.db"\n[local]\nlisten = "0.0.0.0:8421"'), "write listen = "),
        (('outbox = "outbox.db"', 'outbox = "outbox.db"\n[local]\nlisten = "[::1]:8421"'), "write listen = "),
    ],
)
def test_what_a_start_would_refuse_is_refused(folder: Path, change: tuple[str, str], words: str) -> None:
    path = folder / "gateway.toml"
    tables = GATEWAY.partition("\n[[board]]")
    text = tables[0].replace('outbox = "outbox.db"\n', "") + 'outbox = "outbox.db"\n' + tables[1] + tables[2]
    if "transmit" not in change[1] and "slcan" not in change[1]:
        text = text.partition("\n[[can]]")[0]  # whose DBC takes half a second to read
    assert change[0] in text
    path.write_text(text.replace(*change))
    assert any(words in one for one in said(path)), said(path)


def test_a_place_that_the_service_cannot_write_is_named(folder: Path) -> None:
    """A folder of others, such as /etc/packseal is for the service's user, that it may only read."""
    path, place = folder / "gateway.toml", folder / "etc"
    place.mkdir(0o555)
    site = GATEWAY.partition("\n[[board]]")[0].replace('"outbox.db"', '"etc/outbox.db"')
    path.write_text(f'key = "etc/gateway.key"\n{site}')
    command = [PACKSEAL, "config", "check", str(path), "--json"]
    if os.geteuid() == 0:  # who may write everywhere: without that right, as the service is
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["mistakes"]
    assert (done.returncode, [one["line"] for one in found]) == (2, [1, 4])
    assert all(f"the folder {place} cannot be written" in one["words"] for one in found)
    assert all("below /var/lib/packseal, and check as the user of the service" in one["words"] for one in found)
    place.chmod(0o755)
    assert said(path) == []


def test_a_key_that_others_can_read_is_named(folder: Path) -> None:
    load_or_make_key(folder / "gateway.key")
    (folder / "gateway.key").chmod(0o644)
    (folder / "gateway.toml").write_text(GATEWAY.partition("\n[[can]]")[0])
    (words,) = said(folder / "gateway.toml")
    assert f"chmod 600 {folder / 'gateway.key'}" in words


def test_files_of_a_passport_toml_are_checked(folder: Path) -> None:
    path = folder / "passport.toml"
    (folder / "hook.secret").write_bytes(b"short")
    path.write_text(
        PASSPORT + '[[webhook]]\nurl = "https://a.example"\nsecret_file = "hook.secret"\n'
        '[tls]\ncertificate = "server.pem"\nkey = "server-tls.key"\n'
    )
    found = said(path)
    assert [words.split(":")[0] for words in found] == ["7", "6"]
    assert "server-tls.key: cannot be read" in found[0]
    assert packseal("passport", "check", path).code == 2


@pytest.mark.parametrize("kind", MODELS)
def test_a_file_is_known_by_its_name(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.toml"
    path.write_text("nothing = 1\n")
    assert kind_of(path) == kind
    assert any("unknown key 'nothing'" in words for words in said(path)) or kind == "policy"


def test_files_of_the_documents_are_known_by_their_keys(tmp_path: Path) -> None:
    settings = (ROOT / "docs/settings.md").read_text()
    blocks = re.findall(r"^## (\S+)\.toml$.*?```toml\n(.*?)```", settings, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in blocks} >= {"gateway", "passport", "policy", "witness", "monitor"}
    for name, text in blocks:
        path = tmp_path / f"my-{name}.toml"
        path.write_text(text)
        assert kind_of(path) == name


def test_a_file_of_no_kind_is_refused_with_the_option(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("a = 1\n")
    ran = packseal("config", "check", path)
    assert ran.code == 2
    assert "--kind" in ran.err
    assert said(path, "gateway")


def test_the_command_knows_every_kind() -> None:
    assert set(KINDS) == set(MODELS)


@given(st.binary(max_size=200))
def test_no_content_is_anything_but_a_mistake(content: bytes) -> None:
    with NamedTemporaryFile(suffix=".toml") as file:
        file.write(content)
        file.flush()
        with pytest.raises(ConfigError, match="--kind"):
            kind_of(Path(file.name))
        assert check_config(Path(file.name), "gateway").mistakes
