"""The pytest plug-in: `pytest --target unix --rig hil/rig.toml`, also from another repository. Installed, it is there
by itself under its module's name, so that `-p packseal_hil.plugin` beside it does not load it twice.

A test asks for what it needs by the names of its fixtures: `pack`, `board`, `bus`, `gateway`, `passport`. Decides which
bench they come from: a target that can be had, else the test's recording, else the test is skipped by name. Every test
ends in the health check (health.py), which fails it by the name of what is wrong; nothing is tried again.

| mark | |
|---|---|
| `target("unix", "cortex-m")` | runs on these alone |
| `duration(seconds=40)` | how long it takes on `unix`; `--longest 60` leaves out what takes longer |
| `pack(series_blocks=16, …)` | of what pack (pack_setup.py) |
| `explained("gap", …)` | problems of the health check that the test itself makes |

What only a test on the bench needs is imported when there is one: this file is read in every pytest of its environment.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from packseal_hil.bench import Pack
    from packseal_hil.on_bench import OnBench
    from packseal_hil.opening import OpenBench
    from packseal_hil.pack_setup import PackSetup
    from packseal_hil.protocols import Bus
    from packseal_hil.services import BenchGateway, BenchPassport
    from packseal_hil.targets.target import Target

MARKS = (
    "target(*names): runs on these targets alone (packseal bench)",
    "duration(seconds): how long it takes on the target unix; see --longest (packseal bench)",
    "pack(**setup): of what pack the test is (packseal bench)",
    "explained(*names): problems of the health check that the test makes itself (packseal bench)",
)
PYGAL = "PluginImportFixer"  # its import hook has only the old method

ON_BENCH: pytest.StashKey[OnBench] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("packseal bench")
    group.addoption("--target", default="unix", help="unix, cortex-m or board:/dev/serial/by-id/…; unix by default")
    group.addoption("--rig", type=Path, help="rig.toml of the bench; without it nothing is plugged in")
    group.addoption("--record", action="store_true", help="record what comes from the rig, for replays without it")
    group.addoption("--replay", action="store_true", help="out of recordings, also where the target can be had")
    group.addoption("--recordings", type=Path, help="their folder; by default recordings/ beside the test's file")
    group.addoption("--bench-output", type=Path, help="leaves a folder with trace, bundle and run.json of each test")
    group.addoption("--longest", type=float, metavar="SECONDS", help="leaves out tests whose duration is longer")


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)
    config.addinivalue_line("filterwarnings", f"ignore:{PYGAL}:ImportWarning")
    warnings.filterwarnings("ignore", PYGAL, ImportWarning)  # `pytest --fixtures` imports tests without the line above
    if config.getoption("--record") and config.getoption("--replay"):
        raise pytest.UsageError("--record or --replay, not both")
    _check_rig(config.getoption("--rig"))


def _check_rig(path: Path | None) -> None:
    """Ends pytest where the file is not as it should be: no test could run on it."""
    if path is None:
        return
    from packseal.errors import ConfigError  # noqa: PLC0415 - see above
    from packseal_hil.rig import load_rig  # noqa: PLC0415 - see above

    try:
        load_rig(path)
    except ConfigError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips, saying why, what is not for this target or takes too long."""
    word = str(item.config.getoption("--target"))
    marked = item.get_closest_marker("target")
    if marked and word.partition(":")[0] not in marked.args:
        pytest.skip(f"not for the target {word}: {', '.join(marked.args)} alone")
    longest_s = item.config.getoption("--longest")
    duration = item.get_closest_marker("duration")
    if longest_s is not None and duration and duration.kwargs["seconds"] > longest_s:
        pytest.skip(f"takes {duration.kwargs['seconds']} s, longer than --longest {longest_s:g}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """The test, then the health check; where the test has failed, what the check finds is told beside."""
    try:
        yield
    except BaseException as error:
        held = item.stash.get(ON_BENCH, None)
        if held and not isinstance(error, pytest.skip.Exception):
            held.end_failed(item)
        raise
    held = item.stash.get(ON_BENCH, None)
    if held:
        held.end(item)


@pytest.fixture
def pack_setup(request: pytest.FixtureRequest) -> PackSetup:
    """Of the mark `pack`; a repository's own fixture of this name may say what its pack is."""
    from packseal_hil.pack_setup import PackSetup  # noqa: PLC0415 - see above

    marked = request.node.get_closest_marker("pack")
    return PackSetup(**marked.kwargs) if marked else PackSetup()


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, pack_setup: PackSetup, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OpenBench]:
    """All of it: pack, board, services, devices of the rig."""
    from packseal_hil.on_bench import open_for  # noqa: PLC0415 - see above

    with ExitStack() as opened:
        held = open_for(request.node, pack_setup, tmp_path_factory.mktemp("bench"), opened)
        request.node.stash[ON_BENCH] = held
        yield held.bench


@pytest.fixture
def pack(bench: OpenBench) -> Pack:
    """run, rest, age, reading, truth, trace: packseal_hil.bench.Pack."""
    return bench.pack


@pytest.fixture
def board(bench: OpenBench) -> Target:
    """The target: packseal_hil.targets.target.Target."""
    return bench.board


@pytest.fixture
def gateway(bench: OpenBench) -> BenchGateway:
    return bench.services.gateway


@pytest.fixture
def passport(bench: OpenBench) -> BenchPassport:
    return bench.services.passport


@pytest.fixture
def bus(bench: OpenBench) -> Bus:
    """The first [[can]] of the rig."""
    if not bench.bus_names:
        pytest.skip("the rig has no [[can]]")
    return bench.bus(bench.bus_names[0])
