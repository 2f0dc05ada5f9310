"""Writes requirements.lock and build.lock: the wheels a package is made of, each by version and SHA-256.

    .venv/bin/python packaging/lock.py

What pyproject.toml asks for is resolved for Debian 12's Python on each architecture, wheels alone, one version for all
of them. Run it when a dependency changes or has a fault that was made public, and read what differs before it is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON_VERSION = "3.11"  # Debian 12's
GLIBC_MINORS = range(36, 16, -1)  # manylinux_2_36 is what Debian 12 runs; 2.17 the oldest that wheels are made for
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
RENEWED_BY = "# written by packaging/lock.py\n"


def platform_options(machine: str) -> list[str]:
    """What pip is told so that it takes the wheels of Debian 12 on this machine, whichever runs it."""
    tags = [f"manylinux_2_{minor}_{machine}" for minor in GLIBC_MINORS] + [f"manylinux2014_{machine}"]
    fixed = ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON_VERSION}"]
    return [*fixed, *(f"--platform={tag}" for tag in tags)]


def resolved(requirements: Sequence[str], machine: str) -> dict[str, str]:
    """name==version -> SHA-256 of its wheel for this machine."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
        command += [f"--target={scratch}/nowhere", f"--report={report}", *platform_options(machine), *requirements]
        subprocess.run(command, check=True)
        installs = json.loads(report.read_bytes())["install"]
    return {
        f"{one['metadata']['name'].lower()}=={one['metadata']['version']}": one["download_info"]["archive_info"][
            "hashes"
        ]["sha256"]
        for one in installs
    }


def lock(requirements: Sequence[str]) -> str:
    """The text of a lock file. The first architecture chooses the versions, the others have to have them too."""
    hashes: dict[str, set[str]] = defaultdict(set)
    pinned: list[str] = []
    for machine in MACHINES.values():
        found = resolved([*requirements, *pinned], machine)
        pinned = pinned or list(found)
        for name, sha256 in found.items():
            hashes[name].add(sha256)
    lines = [f"{name} {' '.join(f'--hash=sha256:{one}' for one in sorted(hashes[name]))}\n" for name in sorted(hashes)]
    return RENEWED_BY + "".join(lines)


def main() -> None:
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text())
    (HERE / "requirements.lock").write_text(lock(project["project"]["dependencies"]))
    (HERE / "build.lock").write_text(lock(project["build-system"]["requires"]))


if __name__ == "__main__":
    main()
