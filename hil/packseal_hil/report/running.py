"""From what somebody wants to run to a pytest process of its own: which tests, on what, into which folder.

Decides that a run has the plug-in of the bench and no other, so that it is the same whatever else is installed; a
repository with plug-ins of its own runs `pytest --bench-report DIR` itself. pytest's exit codes are its own.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import packseal_hil
from packseal.errors import UnavailableError
from packseal_hil.protocols import BenchError
from packseal_hil.report.run import JUNIT, RECORDINGS, check_folder
from packseal_hil.rig import load_rig
from packseal_hil.targets.open import WORDS

CURE = "install it with: pip install 'packseal[bench-run]'"
PARTS = ("packseal_hil.plugin", "packseal_hil.report.pytest_part")
QUICK_S = 30.0  # a first report is there in three minutes, with what has to be installed for it
EXIT_PASSED, EXIT_FAILED, EXIT_NONE_FOUND = 0, 1, 5  # of pytest


@dataclass(frozen=True, slots=True)
class Asked:
    """tests: files or folders, () for the stories that come with the product. rig: None for nothing plugged in.
    longest_s: leaves out what takes longer on `unix`, None for QUICK_S where nothing was named and for nothing else.
    recordings: of a replay, the folder that has them."""

    tests: tuple[str, ...]
    stories: tuple[str, ...]
    target: str
    out: Path
    rig: Path | None = None
    pack_seed: int | None = None
    longest_s: float | None = None
    is_recorded: bool = False
    recordings: Path | None = None


def run(asked: Asked) -> bool:
    """Runs them; what pytest says goes where this process's words go. -> whether all passed.

    Raises UnavailableError without pytest, ConfigError for a rig with a mistake, BenchError for a target or tests that
    there are not, for a folder with other files, and where pytest itself gives up.
    """
    if importlib.util.find_spec("pytest") is None:
        raise UnavailableError(f"this needs pytest, which is not installed; {CURE}")
    if asked.rig:
        load_rig(asked.rig)
    check_target(asked.target)
    check_folder(asked.out)
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    code = subprocess.run(command(asked), env=environment, check=False).returncode
    if code == EXIT_NONE_FOUND:
        raise BenchError("there is no test in what was asked for; name a file or a folder with tests")
    if code not in (EXIT_PASSED, EXIT_FAILED):
        raise BenchError(f"pytest has given up (exit code {code}); what it says above names the reason")
    return code == EXIT_PASSED


def check_target(word: str) -> None:
    """Raises BenchError for a word that names none."""
    named, _, port = word.partition(":")
    if named not in [known.partition(":")[0] for known in WORDS] or (named == "board") != bool(port):
        raise BenchError(f"--target {word}: no such target; there are {', '.join(WORDS)}")


def command(asked: Asked) -> list[str]:
    """Raises BenchError."""
    parts = [word for part in PARTS for word in ("-p", part)]
    words = [sys.executable, "-m", "pytest", *paths_of(asked), *parts, "-p", "no:cacheprovider"]
    words += ["--target", asked.target, "--bench-report", str(asked.out), "--junitxml", str(asked.out / JUNIT)]
    words += ["--rig", str(asked.rig)] if asked.rig else []
    words += ["--pack-seed", str(asked.pack_seed)] if asked.pack_seed is not None else []
    longest_s = QUICK_S if asked.longest_s is None and not (asked.tests or asked.stories) else asked.longest_s
    words += ["--longest", f"{longest_s:g}"] if longest_s is not None else []
    words += ["--record", "--recordings", str(asked.out / RECORDINGS)] if asked.is_recorded else []
    return words + (["--replay", "--recordings", str(asked.recordings)] if asked.recordings else [])


def paths_of(asked: Asked) -> Sequence[str]:
    """Raises BenchError for a story that there is not, and names those that there are."""
    if asked.tests:
        return asked.tests
    folder = stories_folder()
    known = stories(folder)
    for name in asked.stories:
        if name not in known:
            raise BenchError(f"there is no story {name!r}; there are {', '.join(known) or 'none'}")
    return [str(folder / f"test_{name.replace('-', '_')}.py") for name in asked.stories] or [str(folder)]


def stories(folder: Path) -> tuple[str, ...]:
    """Their names."""
    return tuple(sorted(path.stem.removeprefix("test_").replace("_", "-") for path in folder.glob("test_*.py")))


def stories_folder() -> Path:
    """hil/stories of the checkout, or the copy that an installed package carries. Raises BenchError."""
    package = Path(packseal_hil.__file__).parent
    for folder in (package / "stories", package.parent / "stories"):
        if folder.is_dir():
            return folder
    raise BenchError(f"no stories beside {package}; run from a checkout, or name tests of your own")
