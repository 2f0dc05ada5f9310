"""Keeps a run on the bench while pytest runs it, and writes its record and its page when it is over.

Decides when what is kept: how each part of a test ended as soon as it has, and the evidence of a test while its
services still run. No test fails by anything of this; what could not be kept is named in the page.
"""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from packseal.errors import PackSealError
from packseal_hil.plugin import ON_BENCH
from packseal_hil.protocols import BenchError
from packseal_hil.report.evidence import keep_evidence, logged_firmware
from packseal_hil.report.page import write_page
from packseal_hil.report.provenance import commit_of, versions
from packseal_hil.report.run import (
    MAX_WORDS,
    PAGE,
    TESTS,
    Ended,
    Run,
    TestRun,
    check_folder,
    folder_of,
    write_run,
)


def taken_folder(folder: Path) -> Path:
    """Takes an empty folder or that of an earlier run, whose tests are removed. -> where tests leave their files.

    Raises UsageError for a folder that holds anything else.
    """
    try:
        check_folder(folder)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder / TESTS, ignore_errors=True)
    except BenchError as error:
        raise pytest.UsageError(str(error)) from None
    except OSError as error:
        raise pytest.UsageError(f"{folder}: {error.strerror}; choose a folder that can be written") from None
    return folder / TESTS


class RunKeeper:
    """Of one run. Every hook is called by one thread."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        """Raises UsageError where nothing can be written."""
        self._folder = folder
        self._started_s = time.monotonic()
        self._run = _begun(config)
        self._tests: dict[str, TestRun] = {}
        self._write(self._run)

    def junit_properties(self) -> dict[str, str]:
        """What junit.xml says of the whole run; of each test the bench says more."""
        commit = self._run.commit + (" with changes" if self._run.is_changed else "")
        named = {f"version of {name}": version for name, version in self._run.versions.items()}
        return {"commit": commit, "target": self._run.target, **named}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        held = item.stash.get(ON_BENCH, None)
        if held is None:
            return
        tests, test = self._folder / TESTS, self._test(item.nodeid)
        try:
            folder = folder_of(item.nodeid, tests)
            passport = held.bench.services.passport
            not_kept = keep_evidence(passport.server, tests / folder) if folder else ()
            firmware = logged_firmware(passport.entries())
            self._tests[item.nodeid] = replace(test, folder=folder, not_kept=not_kept, logged_firmware=firmware)
        except PackSealError as error:
            self._tests[item.nodeid] = replace(test, not_kept=(str(error),))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = self._test(report.nodeid)
        outcome, endings = test.outcome, test.endings
        if report.outcome != "passed":
            outcome = "failed" if outcome == "failed" else report.outcome
            endings += (Ended(report.when or "", _words(report)),)
        seconds = test.seconds + report.duration
        self._tests[report.nodeid] = replace(test, outcome=outcome, seconds=seconds, endings=endings)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be read has tests that nobody has run."""
        if report.outcome == "failed":
            words = report.longreprtext[-MAX_WORDS:]
            self._tests[report.nodeid] = TestRun(report.nodeid, "failed", 0.0, endings=(Ended("collect", words),))

    def pytest_sessionfinish(self) -> None:
        seconds = time.monotonic() - self._started_s
        self._write(replace(self._run, seconds=seconds, tests=tuple(self._tests.values())))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.write_line(f"report: {self._folder / PAGE}")

    def _test(self, name: str) -> TestRun:
        return self._tests.get(name) or TestRun(name, "passed", 0.0)

    def _write(self, run: Run) -> None:
        try:
            write_run(run, self._folder)
            write_page(self._folder)
        except PackSealError as error:
            raise pytest.UsageError(str(error)) from None


def _words(report: pytest.TestReport) -> str:
    """Why it failed, with what else pytest knows; of a skipped one the reason alone."""
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2][-MAX_WORDS:]
    health = [content for title, content in report.sections if title == "bench health"]
    return "\n".join([report.longreprtext, *health])[-MAX_WORDS:]


def _begun(config: pytest.Config) -> Run:
    rig: Path | None = config.getoption("--rig")
    commit = commit_of(config.rootpath)
    is_asked = config.args_source is pytest.Config.ArgsSource.ARGS
    return Run(
        format=1,
        started_unix_ms=time.time_ns() // 1_000_000,
        seconds=0.0,
        asked=tuple(config.args) if is_asked else (),
        target=str(config.getoption("--target")),
        rig=rig.read_text(encoding="utf-8", errors="replace") if rig and rig.is_file() else "",
        pack_seed=config.getoption("--pack-seed"),
        commit=commit.id,
        is_changed=commit.is_changed,
        versions=versions(),
    )
