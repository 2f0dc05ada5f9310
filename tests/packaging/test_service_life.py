"""The life of the services on a Debian 12 with systemd, from the first start to the purge: nothing is lost.

Every night (PACKSEAL_NIGHTLY=1, `make test-package`). Each test finds both services running and leaves them so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.line.conftest import needs_micropython
from tests.packaging.machine import copied_root
from tests.packaging.package import Package
from tests.packaging.site import GATEWAY, PASSPORT, SERVICES, Site

pytestmark = pytest.mark.skipif(os.environ.get("PACKSEAL_NIGHTLY") != "1", reason="every night: PACKSEAL_NIGHTLY=1")
NOT_OF_THE_PLACE = re.compile(r"(?m)^(Type|Restart\w*|Watchdog\w*|Exec\w+|RuntimeDirectory\w*|Condition\w+)=.*\n")
KEYS = ("gateway/gateway.key", "passport/service.key")


@pytest.fixture(scope="module")
def site(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    needs_micropython()
    folder = tmp_path_factory.mktemp("site")
    with copied_root(folder / "root") as root:
        made = Site(folder, root, package.path.parent)
        try:
            made.start(package)
            yield made
        finally:
            made.stop()


def test_it_runs_with_what_it_is_allowed(site: Site) -> None:
    assert [site.machine.property(one, "NRestarts") for one in SERVICES] == ["0", "0"]
    assert [site.machine.property(one, "User") for one in SERVICES] == list(SERVICES)
    assert "denied" not in "".join(site.machine.journal(one) for one in SERVICES).lower()
    site.check_goes_on()


@pytest.mark.parametrize("service", SERVICES)
def test_a_kill_costs_nothing(site: Site, service: str) -> None:
    for _ in range(5):
        killed, restarts = site.machine.property(service, "MainPID"), int(site.machine.property(service, "NRestarts"))
        site.machine.run("kill", "-KILL", killed)
        site.wait_for(lambda: int(site.machine.property(service, "NRestarts")) > restarts, "the restart")  # noqa: B023
        site.wait_for(lambda: site.machine.is_active(service), "the service")
        assert site.machine.property(service, "MainPID") != killed
        site.check_goes_on()


def test_what_stands_still_is_started_again(site: Site) -> None:
    """The watchdog: here after seconds, for the test."""
    drop_in = "[Service]\nWatchdogSec=5\nTimeoutStopSec=2\n"
    folder = site.machine.root / f"etc/systemd/system/{GATEWAY}.service.d"
    folder.mkdir()
    (folder / "soon.conf").write_text(drop_in)
    site.machine.run("systemctl", "daemon-reload")
    site.machine.run("systemctl", "restart", GATEWAY)
    stopped = site.machine.property(GATEWAY, "MainPID")
    site.machine.run("kill", "-STOP", stopped)
    site.wait_for(lambda: site.machine.property(GATEWAY, "MainPID") not in (stopped, "0"), "another process")
    assert "watchdog" in site.machine.journal(GATEWAY).lower()
    (folder / "soon.conf").unlink()
    folder.rmdir()
    site.machine.run("systemctl", "daemon-reload")
    site.machine.run("systemctl", "restart", GATEWAY)
    site.check_goes_on()


def test_a_reload_keeps_the_process(site: Site) -> None:
    before = site.machine.property(GATEWAY, "MainPID")
    site.machine.run("systemctl", "reload", GATEWAY)
    assert site.machine.property(GATEWAY, "MainPID") == before
    site.check_goes_on()


def test_it_waits_longer_and_longer_and_never_gives_up(site: Site) -> None:
    """A mistake in the settings; who puts it right is not kept waiting."""
    settings = site.settings / "gateway.toml"
    good = settings.read_text()
    begins = len(site.machine.journal(GATEWAY))

    def said() -> str:
        return site.machine.journal(GATEWAY)[begins:]

    settings.write_text(good.replace("site =", "sight ="))
    site.machine.try_run("systemctl", "restart", "--no-block", GATEWAY)
    site.wait_for(lambda: "failed 4 times in a row; starting in 8 s" in said(), "its patience")
    assert "unknown key 'sight'; did you mean 'site'?" in said()
    settings.write_text(good)
    site.machine.run("timeout", "8", "systemctl", "restart", GATEWAY)
    site.check_goes_on()


def test_after_a_reboot_it_is_there_again(site: Site) -> None:
    site.machine.stop()
    site.machine.start()
    site.check_goes_on()


def test_an_upgrade_while_it_runs(site: Site, package: Package, next_package: Package) -> None:
    before = [site.machine.property(one, "MainPID") for one in SERVICES]
    site.install(next_package)
    assert "0.1.1+next" in site.machine.run("dpkg-query", "--show", "packseal")
    assert all(site.machine.is_active(one) for one in SERVICES)
    assert not set(before) & {site.machine.property(one, "MainPID") for one in SERVICES}
    site.check_goes_on()
    site.machine.run("systemctl", "stop", GATEWAY)
    site.install(package)
    assert [site.machine.is_active(one) for one in SERVICES] == [False, True]
    site.machine.run("systemctl", "start", GATEWAY)
    site.check_goes_on()


@pytest.mark.parametrize("way", ["--remove", "--purge"])
def test_removed_and_installed_again_it_goes_on(site: Site, package: Package, way: str) -> None:
    sizes, keys = site.sizes(), [(site.state / one).read_bytes() for one in KEYS]
    said = site.machine.try_run("dpkg", way, "packseal")
    assert said.returncode == 0, said.stderr
    assert not (site.machine.root / "usr/lib/packseal").exists()
    assert not site.machine.try_run("pgrep", "-x", "packseal").stdout
    assert (site.settings / "gateway.toml").exists()
    assert (site.settings / "gateway.toml.example").exists() == (way == "--remove")
    assert ("evidence and keys are left in /var/lib/packseal" in said.stderr) == (way == "--purge")
    site.install(package)
    assert [(site.state / one).read_bytes() for one in KEYS] == keys
    assert not any(site.machine.is_active(one) for one in SERVICES)
    site.machine.run("systemctl", "enable", "--now", *SERVICES)
    site.check_goes_on()
    assert site.sizes().keys() == sizes.keys()


def test_each_service_is_kept_to_its_own(site: Site) -> None:
    """What a program in its place can do, with the unit's own words for all but what it runs."""
    seen = {service: _probed(site, service) for service in SERVICES}
    common = {"etc": False, "usr": False, "writable_code": False, "packets": False, "clock_set": False, "processes": 1}
    assert seen[GATEWAY] == common | {"gateway": True, "passport": False, "clock_read": True}
    assert seen[PASSPORT] == common | {"gateway": False, "passport": True, "clock_read": False}


def _probed(site: Site, service: str) -> dict[str, object]:
    name, root = f"probe-{service}", site.machine.root
    shutil.copy(Path(__file__).with_name("probe.py"), root / "usr/local/bin/probe.py")
    place = NOT_OF_THE_PLACE.sub("", (root / f"lib/systemd/system/{service}.service").read_text())
    run = "[Service]\nType=oneshot\nExecStart=/usr/bin/python3 /usr/local/bin/probe.py\n"
    (root / f"etc/systemd/system/{name}.service").write_text(place.replace("[Service]\n", run))
    site.machine.run("systemctl", "daemon-reload")
    site.machine.run("systemctl", "start", name)
    found = [line for line in site.machine.journal(name).splitlines() if line.startswith("{")]
    probed: dict[str, object] = json.loads(found[-1])
    return probed


def test_a_package_that_was_never_used_leaves_nothing(package: Package, tmp_path: Path) -> None:
    """Installed and purged where no systemd runs."""
    with copied_root(tmp_path / "root") as root:
        (root / "tmp/packseal.deb").write_bytes(package.path.read_bytes())
        for command in (("--install", "/tmp/packseal.deb"), ("--purge", "packseal")):  # noqa: S108 - the root's own
            subprocess.run(["chroot", root, "dpkg", *command], check=True)
            if command[0] == "--install":
                shown = subprocess.run(["chroot", root, "packseal", "--version"], capture_output=True, check=True)
                assert shown.stdout.startswith(b"packseal 0.1.0")
        left = [root / path for path in ("var/lib/packseal", "etc/packseal", "usr/lib/packseal")]
        assert not any(path.exists() for path in left)
