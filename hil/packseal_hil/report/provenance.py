"""Where a run came from: the commit of the repository of its tests, and the versions of what took part."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PACKAGES = ("packseal", "pytest", "numpy", "python-can", "pyserial")
GIT_TIMEOUT_S = 20


@dataclass(frozen=True, slots=True)
class Commit:
    """id: "" where there is no repository, or no git to ask."""

    id: str = ""
    is_changed: bool = False


def commit_of(folder: Path) -> Commit:
    """Of the repository that the folder is in."""
    found = _git(folder, "rev-parse", "HEAD")
    return Commit(found, bool(_git(folder, "status", "--porcelain"))) if found else Commit()


def versions() -> Mapping[str, str]:
    """By the name of the program."""
    found = {name: _version(name) for name in PACKAGES}
    return {**found, "Python": platform.python_version(), "system": platform.platform(terse=True)}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _git(folder: Path, *arguments: str) -> str:
    """What it says; "" where it refuses."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
