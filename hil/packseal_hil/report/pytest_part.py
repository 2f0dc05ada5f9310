"""The part of pytest that leaves a report: `pytest --bench-report DIR`, beside the plug-in of the bench (plugin.py).

Decides the options. What is kept, and when, is decided by keeper.py, which is imported where a report is asked for:
this file is read in every pytest of its environment.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

KEEPER = "packseal bench report"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("packseal bench")
    group.addoption("--bench-report", type=Path, metavar="DIR", help="leaves a report with plots and evidence there")
    group.addoption("--pack-seed", type=int, metavar="N", help="of every pack, in place of each test's own")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--bench-report")
    if folder is None:
        return
    from packseal_hil.report.keeper import RunKeeper, taken_folder  # noqa: PLC0415 - see above

    if config.getoption("--bench-output"):
        raise pytest.UsageError("--bench-report has a --bench-output of its own; give one of them")
    config.option.bench_output = taken_folder(folder)
    config.pluginmanager.register(RunKeeper(config, folder), KEEPER)


@pytest.fixture(scope="session", autouse=True)
def _bench_run_in_junit(request: pytest.FixtureRequest) -> None:
    """pytest takes properties of a whole run from a fixture alone."""
    keeper = request.config.pluginmanager.get_plugin(KEEPER)
    if keeper is not None:
        record: Callable[[str, object], None] = request.getfixturevalue("record_testsuite_property")
        for name, value in keeper.junit_properties().items():
            record(name, value)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The seed joins what the mark `pack` says already."""
    seed = config.getoption("--pack-seed")
    for item in items if seed is not None else ():
        marked = item.get_closest_marker("pack")
        item.add_marker(pytest.mark.pack(**{**(marked.kwargs if marked else {}), "seed": seed}), append=False)
