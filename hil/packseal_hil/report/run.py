"""What a run on the bench leaves in its folder, and the record of it, run.json.

| file | what |
|---|---|
| run.json | what was run, on what, by which versions, and how each test ended |
| report.html | all of it for a person, one file that loads nothing |
| junit.xml | for a build server |
| tests/NAME/ | of a test: run.json, trace.npz, a bundle (ending.py); archives, policy.toml (evidence.py) |

Decides the names and the shape of the record. Records are read as the work of others: within a limit of bytes, and what
names a folder is the name of one below tests/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from packseal.errors import ConfigError
from packseal.io.files import read_bounded
from packseal_hil.protocols import BenchError

RUN, PAGE, JUNIT, TRACE, TESTS, RECORDINGS = (
    "run.json",
    "report.html",
    "junit.xml",
    "trace.npz",
    "tests",
    "recordings",
)
MAX_RUN_BYTES = 32 << 20  # two thousand tests, each with MAX_WORDS of why it failed
MAX_LEFT_BYTES = 1 << 20
MAX_WORDS = 16_000  # characters of what pytest says of one failure

Outcome = Literal["passed", "failed", "skipped"]
FolderName = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,250})?$")]
Shaped = TypeVar("Shaped")


@dataclass(frozen=True, slots=True)
class Ended:
    """How one part of a test ended that did not pass. phase: setup, call (with the health check) or teardown."""

    phase: str
    words: str


@dataclass(frozen=True, slots=True)
class TestRun:
    """folder: below tests/, "" for a test that left none. not_kept: what of the evidence is missing, and why.
    logged_firmware: the hashes that the board's log states at its starts, each once."""

    __test__ = False  # pytest takes what begins with Test for a test

    name: str
    outcome: Outcome
    seconds: float
    folder: FolderName = ""
    endings: tuple[Ended, ...] = ()
    not_kept: tuple[str, ...] = ()
    logged_firmware: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """asked: the tests that were named, () for all stories. rig: the text of rig.toml, "" without one. pack_seed: None
    for each test's own. commit: "" where the tests are in no repository; is_changed: it had changes that are in no
    commit. versions: by the name of the program."""

    format: Literal[1]
    started_unix_ms: int
    seconds: float
    asked: tuple[str, ...]
    target: str
    rig: str
    pack_seed: int | None
    commit: str
    is_changed: bool
    versions: Mapping[str, str]
    tests: tuple[TestRun, ...] = ()

    def count(self, outcome: Outcome) -> int:
        return sum(test.outcome == outcome for test in self.tests)


@dataclass(frozen=True, slots=True)
class Left:
    """What the bench says of one test (ending.py). firmware_hash: "" where only the log can tell. failing,
    explained: what the health check has found."""

    test: str
    target: str
    rig: str
    seed: int
    clock_rate: int
    firmware_hash: str
    is_replayed: bool
    failing: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()


_RUN, _LEFT = TypeAdapter(Run), TypeAdapter(Left)


def check_folder(folder: Path) -> None:
    """Raises BenchError for one that holds anything but an earlier run, which is the only one to be written over."""
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / RUN).is_file():
            raise BenchError(f"{folder} holds other files than those of a run on the bench; choose another one")
    except OSError as error:
        raise BenchError(f"{folder}: {error.strerror}; choose a folder that can be written") from None


def write_run(run: Run, folder: Path) -> None:
    """Raises BenchError where there is no writing."""
    write_bytes(folder / RUN, _RUN.dump_json(run, indent=1))


def read_run(folder: Path) -> Run:
    """Raises BenchError, which names the file and what is wrong in it."""
    return _read(folder / RUN, _RUN, MAX_RUN_BYTES)


def read_left(folder: Path) -> Left:
    """Of the folder of one test. Raises BenchError."""
    return _read(folder / RUN, _LEFT, MAX_LEFT_BYTES)


def folder_of(test: str, tests: Path) -> str:
    """The name of the folder that a test has left, "" where it has left none."""
    for record in sorted(tests.glob(f"*/{RUN}")):
        if read_left(record.parent).test == test:
            return record.parent.name
    return ""


def write_bytes(path: Path, content: bytes) -> None:
    """Raises BenchError where there is no writing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}; choose a folder that can be written") from None


def _read(path: Path, shape: TypeAdapter[Shaped], max_bytes: int) -> Shaped:
    try:
        return shape.validate_json(read_bounded(path, max_bytes))
    except ConfigError as error:
        raise BenchError(f"{error}; name the folder of a `packseal bench run`") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise BenchError(f"{path} is no record of a run on the bench: {where}: {first['msg']}") from None
