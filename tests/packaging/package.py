"""The package as its builder makes it, and what is in it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.line.rig import missing

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "packaging"
TOOLS = {"dh": "debhelper", "dpkg-deb": "dpkg", "readelf": "binutils"}


def needs(tools: dict[str, str]) -> None:
    """tools: program -> Debian package that brings it. Skips the test where one is missing; in CI it fails."""
    absent = [package for tool, package in tools.items() if not shutil.which(tool)]
    if absent:
        missing(f"apt-get install {' '.join(absent)}")


@dataclass(frozen=True)
class Package:
    path: Path

    @classmethod
    def built(cls, out: Path, *options: str) -> Package:
        needs(TOOLS)
        command = [sys.executable, str(SOURCES / "build_deb.py"), "--out", str(out), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return cls(Path(done.stdout.strip()))

    @cached_property
    def modes(self) -> dict[str, str]:
        """path without the first slash -> mode, owner and what a link leads to, as tar shows them"""
        found = {}
        for line in _said("dpkg-deb", "--contents", str(self.path)).splitlines():
            mode, owner, _, _, _, path = line.split(maxsplit=5)
            name, _, leads_to = path.removeprefix("./").partition(" -> ")
            found[name] = f"{mode} {owner} {leads_to}".strip()
        return found

    def field(self, name: str) -> str:
        return _said("dpkg-deb", "--field", str(self.path), name).strip()

    def scripts(self, folder: Path) -> Path:
        """What dpkg runs and reads, in a folder."""
        _said("dpkg-deb", "--control", str(self.path), str(folder))
        return folder

    def content(self, path: str) -> bytes:
        """A file of it."""
        archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", self.path], capture_output=True, check=True).stdout
        command = ["tar", "--extract", "--to-stdout", f"./{path}"]
        return subprocess.run(command, input=archive, capture_output=True, check=True).stdout


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
