"""The units: systemd takes every word of them, and how exposed they leave their programs does not grow unseen."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.packaging.package import SOURCES, needs

UNITS = {  # exposure by `systemd-analyze security` of systemd 252, in tenths; 0 is none, 100 all
    "packseal-gateway": 20,  # CAN, serial ports, the network, and to read the clock
    "packseal-gateway@": 20,  # the same
    "packseal-passport": 11,  # the network
    "packseal-worker@": 11,  # the same
}
UNSHARED = {"packseal-gateway": "/var/lib/packseal/passport", "packseal-passport": "/var/lib/packseal/gateway"}
OF_A_WORKER = {  # what its unit says otherwise than the passport service's
    "Description", "ConditionPathExists", "ExecStartPre", "ExecStart", "TimeoutStartSec", "RuntimeDirectory",
}  # fmt: skip
OF_AN_INSTANCE = {  # what the unit of several gateways says otherwise than that of one
    "Description", "ConditionPathExists", "ExecStartPre", "ExecStart", "WorkingDirectory", "StateDirectory",
    "RuntimeDirectory",
}  # fmt: skip


@pytest.fixture(autouse=True)
def analyser() -> None:
    needs({"systemd-analyze": "systemd"})


def unit(name: str) -> Path:
    return SOURCES / "systemd" / f"{name}.service"


def settings(name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, value in re.findall(r"(?m)^(\w+)=(.*)$", unit(name).read_text()):
        found.setdefault(key, []).append(value)
    return found


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root with what the units name, and nothing else."""
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for target in ("basic", "multi-user", "network", "shutdown", "sysinit"):
        (units / f"{target}.target").write_text("[Unit]\n")
    for place in ("usr/bin/packseal", "usr/lib/packseal/back-off", "bin/kill"):
        path = tmp_path / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_every_word(name: str, installed: Path) -> None:
    (installed / f"usr/lib/systemd/system/{name}.service").write_text(unit(name).read_text())
    command = ["systemd-analyze", "verify", "--man=no", f"--root={installed}", f"{name}.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_refuses_a_word_that_is_wrong(installed: Path) -> None:
    """So that the test above can fail."""
    text = unit("packseal-gateway").read_text().replace("NoNewPrivileges=", "NoNewPriviledges=")
    (installed / "usr/lib/systemd/system/wrong.service").write_text(text)
    command = ["systemd-analyze", "verify", "--man=no", f"--root={installed}", "wrong.service"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "NoNewPriviledges" in done.stderr


@pytest.mark.parametrize(("name", "exposure"), UNITS.items())
def test_how_exposed_it_is(name: str, exposure: int) -> None:
    command = [
        "systemd-analyze",
        "security",
        "--offline=true",
        "--no-pager",
        f"--threshold={exposure}",
        str(unit(name)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    found = re.search(r"Overall exposure level .*: (\d+)\.(\d)", done.stdout)
    assert found
    assert int(found[1] + found[2]) == exposure, "it became better: keep the new figure, here and in docs/install.md"


@pytest.mark.parametrize("name", UNITS)
def test_it_never_gives_up(name: str) -> None:
    found = settings(name)
    assert (found["Restart"], found["StartLimitIntervalSec"], found["Type"]) == (["always"], ["0"], ["notify"])
    assert found["ExecStartPre"][0].startswith("/usr/lib/packseal/back-off wait ")
    assert found["ExecStopPost"] == ["/usr/lib/packseal/back-off note"]


@pytest.mark.parametrize("name", UNSHARED)
def test_it_writes_below_its_own_folder_alone(name: str) -> None:
    found = settings(name)
    own = f"packseal/{name.removeprefix('packseal-')}"
    assert (found["User"], found["StateDirectory"], found["StateDirectoryMode"]) == ([name], [own], ["0700"])
    assert (found["ProtectSystem"], found["UMask"]) == (["strict"], ["0077"])
    assert "ReadWritePaths" not in found
    assert found["InaccessiblePaths"] == [f"-{UNSHARED[name]}"]


def test_a_worker_may_what_the_passport_service_may() -> None:
    """It is of the same user, with the same key: its sandbox is the same word for word."""
    worker, passport = settings("packseal-worker@"), settings("packseal-passport")
    assert {key for key in worker | passport if worker.get(key) != passport.get(key)} == OF_A_WORKER


def test_workers_of_one_machine_have_nothing_in_common_that_changes() -> None:
    """Each has its settings, and its own count of failures."""
    found = settings("packseal-worker@")
    assert found["RuntimeDirectory"] == ["packseal-worker-%i"]
    assert found["ExecStart"] == ["/usr/bin/packseal passport serve /etc/packseal/worker-%i.toml"]
    assert found["ExecStartPre"] == ["/usr/lib/packseal/back-off wait /etc/packseal/worker-%i.toml"]


def test_one_gateway_of_several_may_what_a_gateway_may() -> None:
    several, one = settings("packseal-gateway@"), settings("packseal-gateway")
    assert {key for key in several | one if several.get(key) != one.get(key)} == OF_AN_INSTANCE


def test_gateways_of_one_machine_have_nothing_in_common_that_changes() -> None:
    """Each has its settings, its folder, which alone it can write, and its own count of failures."""
    found = settings("packseal-gateway@")
    assert found["StateDirectory"] == ["packseal/gateway-%i"]
    assert found["WorkingDirectory"] == ["/var/lib/packseal/gateway-%i"]
    assert found["RuntimeDirectory"] == ["packseal-gateway-%i"]
    assert found["ExecStart"] == ["/usr/bin/packseal gateway run /etc/packseal/gateway-%i.toml"]
    assert found["ExecStartPre"] == ["/usr/lib/packseal/back-off wait /etc/packseal/gateway-%i.toml"]
    assert found["ConditionPathExists"] == ["/etc/packseal/gateway-%i.toml"]


def test_the_manual_promises_a_reload_of_what_can_be_reloaded() -> None:
    promised = re.findall(r"(?m)^\.B systemctl reload(?: (\S+))?$", (SOURCES / "packseal.1").read_text())
    assert promised == ["packseal-gateway"]
    assert {name.removesuffix("@") for name in UNITS if "ExecReload" in settings(name)} == set(promised)


def test_the_gateway_may_read_the_clock() -> None:
    """ProtectClock= would forbid adjtimex(2), and each attestation would say of a disciplined clock that it is not."""
    found = settings("packseal-gateway")
    assert found["SystemCallFilter"][-1] == "adjtimex clock_adjtime"
    assert "ProtectClock" not in found
    assert found["CapabilityBoundingSet"] == [""]


def test_only_the_gateway_reaches_serial_ports_and_can() -> None:
    gateway, passport = settings("packseal-gateway"), settings("packseal-passport")
    assert gateway["SupplementaryGroups"] == ["dialout"]
    assert "AF_CAN" in gateway["RestrictAddressFamilies"][0]
    assert not {"SupplementaryGroups", "DeviceAllow"} & passport.keys()
    assert "AF_CAN" not in passport["RestrictAddressFamilies"][0]


def test_ports_that_come_after_the_start_are_allowed_by_number() -> None:
    """A name of /proc/devices counts only where its driver is loaded when the service starts."""
    allowed = {one.split()[0] for one in settings("packseal-gateway")["DeviceAllow"]}
    assert {"char-188", "char-166", "char-189", "char-204"} <= allowed  # ttyUSB, ttyACM, USB devices, ttyAMA
