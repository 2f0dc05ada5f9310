"""How long a service that fails waits until its next start: the script as its unit calls it, the waits cut off."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.package import SOURCES, needs

SCRIPT = SOURCES / "systemd" / "back-off"
LONG_AGO_S = 1_700_000_000


@dataclass
class Service:
    """RUNTIME_DIRECTORY and PATH as the script finds them: its `sleep` returns at once."""

    folder: Path
    settings: Path

    @classmethod
    def at(cls, folder: Path) -> Service:
        (folder / "run").mkdir()
        (folder / "bin").mkdir()
        (folder / "bin/sleep").write_text("#!/bin/sh\n")
        (folder / "bin/sleep").chmod(0o755)
        settings = folder / "gateway.toml"
        settings.write_text("")
        os.utime(settings, (LONG_AGO_S, LONG_AGO_S))
        return cls(folder, settings)

    def starts(self) -> str:
        return self._run("wait", str(self.settings)).strip()

    def ends(self, result: str) -> None:
        self._run("note", SERVICE_RESULT=result)

    def fails(self, times: int, result: str) -> None:
        for _ in range(times):
            self.starts()
            self.ends(result)

    def ran_for(self, seconds: int) -> None:
        failures, started_s = self.state.read_text().split()
        self.state.write_text(f"{failures} {int(started_s) - seconds}\n")

    @property
    def state(self) -> Path:
        return self.folder / "run/failures"

    def _run(self, *arguments: str, **environment: str) -> str:
        known = {"PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "RUNTIME_DIRECTORY": str(self.folder / "run")}
        command = ["/bin/sh", str(SCRIPT), *arguments]
        return subprocess.run(command, env=known | environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service.at(tmp_path)


def test_it_waits_twice_as_long_each_time_and_never_more_than_a_minute(service: Service) -> None:
    said = []
    for _ in range(10):
        said.append(service.starts())
        service.ends("exit-code")
    assert said[:4] == ["", "", "failed 2 times in a row; starting in 2 s", "failed 3 times in a row; starting in 4 s"]
    assert [one.split()[-2] for one in said[4:]] == ["8", "16", "32", "64", "64", "64"]


def test_one_that_was_told_to_end_begins_anew(service: Service) -> None:
    service.fails(5, "signal")
    service.starts()
    service.ends("success")
    assert service.starts() == ""


def test_one_that_ran_for_long_begins_anew(service: Service) -> None:
    service.fails(5, "signal")
    service.starts()
    service.ran_for(600)
    service.ends("signal")
    assert service.state.read_text().split()[0] == "1"
    assert service.starts() == ""


def test_who_has_changed_the_settings_is_not_kept_waiting(service: Service) -> None:
    """Neither by the end that comes with a restart."""
    service.fails(5, "exit-code")
    service.starts()
    service.settings.write_text("put right")
    service.ends("signal")
    assert service.starts() == ""
    service.ends("exit-code")
    assert service.starts() == ""
    service.ends("exit-code")
    assert service.starts().startswith("failed 2 times")


def test_the_shell_checker_has_nothing_to_say() -> None:
    needs({"shellcheck": "shellcheck"})
    scripts = [SCRIPT, *(SOURCES / "debian" / f"packseal.{one}" for one in ("postinst", "prerm", "postrm"))]
    done = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
