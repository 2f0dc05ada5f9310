"""What the container is built of: the ignore file lets through all that the package's builder takes."""

from __future__ import annotations

import os
import runpy
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.packaging.package import ROOT, SOURCES

PATTERNS = (SOURCES / "Containerfile.containerignore").read_text().split()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def places(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.syspath_prepend(SOURCES)  # as for a program that is started there
    found: dict[str, str] = runpy.run_path(str(SOURCES / "build_deb.py"))["PLACES"]
    return found


def passes(path: Path) -> bool:
    """The last pattern that a file or one of its folders matches decides; with `!` it is let through."""
    parts = path.relative_to(ROOT).parts
    wholes = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    is_in = True
    for pattern in PATTERNS:
        bare = pattern.removeprefix("!").removeprefix("**/")
        candidates = [*wholes, *parts] if "**/" in pattern else wholes
        if any(fnmatchcase(one, bare) for one in candidates):
            is_in = pattern.startswith("!")
    return is_in


def test_all_that_the_package_is_made_of_gets_into_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = [Path(os.path.normpath(SOURCES / one)) for one in places(monkeypatch)]
    sources += [
        ROOT / one for one in (*wheel["packages"], *wheel["force-include"], "pyproject.toml", "docs/commands.md")
    ]
    sources += [ROOT / PROJECT["project"]["readme"], ROOT / "LICENSE", SOURCES / "container/healthy"]
    assert ROOT / "SECURITY.md" in sources
    assert [str(one) for one in sources if not (one.exists() and passes(one))] == []


@pytest.mark.parametrize("name", ["tests/conftest.py", ".git/config", "gateway/packseal/__pycache__/x.pyc"])
def test_nothing_else_gets_into_the_build(name: str) -> None:
    assert not passes(ROOT / name)
