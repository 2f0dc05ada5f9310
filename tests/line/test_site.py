"""Commands beside a running site: an import through its broker, an export from its store, what its operator is told."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from packseal.apps.demo import CHECK_TIMEOUT_S
from packseal.io.keys import load_or_make_key
from tests.line.rig import BATTERY, PACKSEAL, Process, Rig

ROOT = Path(__file__).parents[2]


def packseal(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [PACKSEAL, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_import_through_a_site_is_a_replay_and_never_its_state(rig: Rig, shared: Path) -> None:
    key = load_or_make_key(rig.folder / "import.key").public_key.hex()
    rig.passport.kill()
    with (rig.folder / "passport.toml").open("a") as settings:
        settings.write(f'[[battery]]\nid = "leaf"\nname = "Leaf"\ncategory = "EV"\n'
                       f'[[battery.source]]\npublic_key = "{key}"\nevidence_class = "D"\n')  # fmt: skip
    rig.passport.start()
    cars = shared / "data/can"
    log = cars / "dalathegreat__EV-CANlogs/leaf/ZE0w24kWhstock.log"
    dbc = cars / "dalathegreat__leaf_can_bus_messages/EV-can_ZE0.dbc"
    bind = resources.files("packseal.signals") / "bindings/leaf_ze0.toml"
    options = ["--battery", "leaf", "--gateway", rig.folder / "gateway.toml", "--json"]
    run = packseal("import", log, "--dbc", dbc, "--bind", bind, *options)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["records"] > 2
    document = json.loads(rig.page("battery/leaf/data.json"))
    assert document["replay"] is True
    assert document["values"]["soh_reported_cpct"]["value"] == 51.0
    assert {m.topic for m in rig.heard if m.kind == "state"} == {f"packseal/rig/{BATTERY}/state"}


def test_export_takes_the_newest_and_keeps_a_policy_that_is_there(rig: Rig, tmp_path: Path) -> None:
    rig.next_message("receipt")
    settings, out = rig.folder / "passport.toml", tmp_path / "out"
    first = packseal("export", settings, "--battery", BATTERY, "--record", 1, "--out", out)
    assert first.stdout.strip() == str(out / "record-1.bundle")
    assert packseal("verify", out / "record-1.bundle").stdout.startswith("OK  record 1 (BOOT)")
    (out / "policy.toml").write_text("# mine\n")
    second = packseal("export", settings, "--battery", BATTERY, "--out", out)
    assert "is left as it is" in second.stderr
    assert (out / "policy.toml").read_text() == "# mine\n"
    refused = packseal("verify", second.stdout.strip())
    assert refused.returncode == 1
    assert "unknown-service" in refused.stderr


def test_export_never_makes_a_key(rig: Rig, tmp_path: Path) -> None:
    rig.next_message("receipt")
    (rig.folder / "service.key").rename(tmp_path / "away.key")
    run = packseal("export", rig.folder / "passport.toml", "--battery", BATTERY, "--out", tmp_path)
    assert run.returncode == 2
    assert not (rig.folder / "service.key").exists()


def test_operators_are_told_of_a_missing_port_and_a_missing_broker(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"mqtt://127.0.0.1:{closed.getsockname()[1]}"
        (tmp_path / "gateway.toml").write_text(
            f'site = "s"\nbroker = "{address}"\noutbox = "o.db"\nservice_public_key = "{"11" * 32}"\n'
            f'[[board]]\nbattery = "b"\nport = "/dev/nope"\npublic_key = "{"22" * 32}"\n'
        )
        gateway = Process([PACKSEAL, "gateway", "run", str(tmp_path / "gateway.toml")], tmp_path / "gateway.log")
        gateway.start()
        try:
            gateway.wait_for_output("battery b: no connection: ", f"broker {address}: does not answer")
        finally:
            gateway.kill()


def test_make_demo_of_the_readme(tmp_path: Path) -> None:
    """The command of a new machine, ended as a person ends it, on the address that the README names."""
    with socket.socket() as probe:
        if not probe.connect_ex(("127.0.0.1", 8420)):
            pytest.skip("something serves on 127.0.0.1:8420 already")
    command = ["make", "-C", str(ROOT), "demo", f"BIN={Path(sys.executable).parent}", "READY="]
    demo = Process([*command, f"DEMO=--data {tmp_path / 'demo'}"], tmp_path / "demo.log")
    demo.start()
    try:
        words = ("verified: the first record after", "OK  record", "(SOH)", "http://127.0.0.1:8420")
        demo.wait_for_output(*words, timeout_s=CHECK_TIMEOUT_S)  # half a minute, where nothing runs beside it
    finally:
        demo.interrupt()
