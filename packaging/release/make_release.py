"""A release, with one command: `make release KEY=~/.ssh/packseal-release.pub`.

    1  the tree is the one of a commit, and nothing else        (--any-tree for a trial)
    2  what it is made of is audited, advisories included       (--without-advisories says so in the output)
    3  sdist and wheel are built by the hatchling of build.lock, with the commit's time in them
    4  the Debian package is built from the same sources        (--without-deb where there is no dpkg)
    5  the wheel is installed with the versions of requirements.lock into an environment of its own, by their hashes
    6  a bill of materials is written for the wheel and for the Debian package
    7  SHA256SUMS is written and signed                         (--unsigned for a trial)

The same commit gives the same files, but for the signature; docs/security.md says how that is checked.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from signing import ALLOWED, SigningError, sign

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]


class ReleaseError(Exception):
    """Why there is no release, with its cure."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Build, describe and sign a release.")
    parser.add_argument("--out", type=Path, default=PROJECT / "dist")
    parser.add_argument("--key", type=Path, help="Of the signature: a public key whose private half is in ssh-agent.")
    parser.add_argument("--allowed", type=Path, default=ALLOWED)
    for trial in ("--any-tree", "--without-advisories", "--without-deb", "--unsigned"):
        parser.add_argument(trial, action="store_true")
    options = parser.parse_args()
    try:
        _release(options)
    except (ReleaseError, SigningError) as error:
        sys.exit(f"make_release.py: {error}")


def _release(options: argparse.Namespace) -> None:
    if not options.unsigned and options.key is None:
        raise ReleaseError("name the key with --key FILE; docs/security.md says whose that is")
    if not options.any_tree:
        _check_tree()
    _run([sys.executable, HERE / "audit.py", *([] if options.without_advisories else ["--advisories"])])
    out: Path = options.out
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out} is not empty; name another folder with --out, or empty it")
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        wheel = _built(out, Path(scratch))
        artefacts = [wheel] if options.without_deb else [wheel, _debian_package(out)]
        python = _environment(wheel, Path(scratch) / "run")
        for artefact in artefacts:
            _run([python, HERE / "bill.py", artefact, "-o", out / f"{artefact.name}.cdx.json"])
    if not options.unsigned:
        sign(out, options.key, options.allowed)
    for one in sorted(out.iterdir()):
        sys.stdout.write(f"{one}\n")


def _check_tree() -> None:
    changed = _read(["git", "status", "--porcelain"])
    if changed:
        raise ReleaseError(f"these files are in no commit, so nobody could build this again:\n{changed}")


def _built(out: Path, scratch: Path) -> Path:
    """Sdist and wheel. -> the wheel"""
    python = _new_environment(scratch / "build", ["--requirement", PROJECT / "packaging/build.lock"])
    _run([python, "-m", "hatchling", "build", "--directory", out, "--target", "sdist", "--target", "wheel"])
    (wheel,) = out.glob("*.whl")
    return wheel


def _debian_package(out: Path) -> Path:
    _run([sys.executable, PROJECT / "packaging/build_deb.py", "--out", out])
    (package,) = out.glob("*.deb")
    return package


def _environment(wheel: Path, place: Path) -> Path:
    """With what the wheel is tested with, and what writes its bill. -> its Python"""
    python = _new_environment(place, ["--requirement", PROJECT / "packaging/requirements.lock"])
    _run([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel])
    _run([python, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"])
    return python


def _new_environment(place: Path, wanted: Sequence[str | Path]) -> Path:
    _run([sys.executable, "-m", "venv", place])
    python = place / "bin/python"
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", *wanted])
    return python


def _run(command: Sequence[str | Path]) -> None:
    """With the time of the commit for whatever writes one."""
    at = os.environ.get("SOURCE_DATE_EPOCH") or _read(["git", "log", "-1", "--format=%ct"])
    done = subprocess.run(command, check=False, cwd=PROJECT, env={**os.environ, "SOURCE_DATE_EPOCH": at})
    if done.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))}\nended with {done.returncode}; nothing was signed")


def _read(command: Sequence[str]) -> str:
    return subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
