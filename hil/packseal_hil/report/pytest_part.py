"""The part of pytest that leaves a report: `pytest --bench-report DIR`, beside the plug-in of the bench (plugin.py).

Decides when what is kept: how each test ended when it has ended, its evidence while the services still run, the record
and the page when the run is over. A test fails by nothing of this; what could not be kept is named in the page.
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from packseal.errors import PackSealError

if TYPE_CHECKING:
    from collections.abc import Callable

    from packseal_hil.report.run import Ended, Outcome, Run


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("packseal bench")
    group.addoption("--bench-report", type=Path, metavar="DIR", help="leaves a report with plots and evidence there")
    group.addoption("--pack-seed", type=int, metavar="N", help="of every pack, in place of each test's own")


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--bench-report")
    if folder is None:
        return
    from packseal_hil.report.run import TESTS  # noqa: PLC0415 - this file is read in every pytest of its environment

    config.option.bench_output = config.option.bench_output or folder / TESTS
    config.pluginmanager.register(RunKeeper(config, folder), "packseal bench report")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The seed joins what the mark `pack` says already."""
    seed = config.getoption("--pack-seed")
    for item in items if seed is not None else ():
        marked = item.get_closest_marker("pack")
        item.add_marker(pytest.mark.pack(**{**(marked.kwargs if marked else {}), "seed": seed}), append=False)


class RunKeeper:
    """Of one run. Every hook is called by one thread."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        self._config, self._folder = config, folder
        self._started_s = time.monotonic()
        self._run = _begun(config)
        self._endings: dict[str, list[Ended]] = {}
        self._outcomes: dict[str, Outcome] = {}
        self._seconds: dict[str, float] = {}
        self._kept: dict[str, tuple[str, tuple[str, ...]]] = {}

    @pytest.fixture(scope="session", autouse=True)
    def _named_in_junit(self, record_testsuite_property: Callable[[str, object], None]) -> None:
        """What junit.xml says of the whole run; of each test the bench says more."""
        run = self._run
        record_testsuite_property("commit", run.commit + (" with changes" if run.is_changed else ""))
        record_testsuite_property("target", run.target)
        for name, version in run.versions.items():
            record_testsuite_property(f"version of {name}", version)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        from packseal_hil.plugin import ON_BENCH  # noqa: PLC0415 - the plug-in may be loaded after this
        from packseal_hil.report.evidence import keep_evidence  # noqa: PLC0415 - the same
        from packseal_hil.report.run import folder_of  # noqa: PLC0415 - the same

        held = item.stash.get(ON_BENCH, None)
        if held is None:
            return
        tests: Path = self._config.getoption("--bench-output")
        try:
            folder = folder_of(item.nodeid, tests)
            failures = keep_evidence(held.bench.services.passport.server, tests / folder) if folder else ()
            self._kept[item.nodeid] = (folder, failures)
        except PackSealError as error:
            self._kept[item.nodeid] = ("", (str(error),))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from packseal_hil.report.run import MAX_WORDS, Ended  # noqa: PLC0415 - see above

        test = report.nodeid
        self._seconds[test] = self._seconds.get(test, 0.0) + report.duration
        if report.outcome != "passed":
            words = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
            self._endings.setdefault(test, []).append(Ended(report.when or "", words[-MAX_WORDS:]))
        if self._outcomes.get(test, "passed") == "passed" or report.outcome == "failed":
            self._outcomes[test] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Raises UsageError where nothing can be written."""
        from packseal_hil.report.page import write_page  # noqa: PLC0415 - see above
        from packseal_hil.report.run import TestRun, write_run  # noqa: PLC0415 - see above

        tests = []
        for name, outcome in self._outcomes.items():
            folder, not_kept = self._kept.get(name, ("", ()))
            endings = tuple(self._endings.get(name, ()))
            tests.append(TestRun(name, outcome, self._seconds[name], folder, endings, not_kept))
        run = replace(self._run, seconds=time.monotonic() - self._started_s, tests=tuple(tests))
        try:
            write_run(run, self._folder)
            write_page(self._folder)
        except PackSealError as error:
            raise pytest.UsageError(str(error)) from None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        from packseal_hil.report.run import PAGE  # noqa: PLC0415 - see above

        terminalreporter.write_line(f"report: {self._folder / PAGE}")


def _begun(config: pytest.Config) -> Run:
    from packseal_hil.report.provenance import commit_of, versions  # noqa: PLC0415 - see above
    from packseal_hil.report.run import Run  # noqa: PLC0415 - see above

    rig: Path | None = config.getoption("--rig")
    commit = commit_of(config.rootpath)
    return Run(
        format=1,
        started_unix_ms=time.time_ns() // 1_000_000,
        seconds=0.0,
        asked=tuple(config.args) if config.args_source is pytest.Config.ArgsSource.ARGS else (),
        target=str(config.getoption("--target")),
        rig=rig.read_text(encoding="utf-8", errors="replace") if rig and rig.is_file() else "",
        pack_seed=config.getoption("--pack-seed"),
        commit=commit.id,
        is_changed=commit.is_changed,
        versions=versions(),
    )
