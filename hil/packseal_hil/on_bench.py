"""One test on the bench, between pytest and the bench: where it runs, how it ends, what it leaves. See plugin.py."""

from __future__ import annotations

import re
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from packseal.errors import PackSealError
from packseal_hil.ending import observed, rig_end, write_end, write_run
from packseal_hil.health import Verdict, verdict
from packseal_hil.opening import NoTargetError, OpenBench, Wanted, open_bench, open_recorded
from packseal_hil.pack_setup import PackSetup
from packseal_hil.recording import Recorder, read_recording
from packseal_hil.rig import Rig, load_rig


@dataclass(frozen=True, slots=True)
class OnBench:
    """What one test has. rig: its name, or that of the recording."""

    bench: OpenBench
    recorder: Recorder | None
    rig: str

    def end(self, item: pytest.Item) -> None:
        """After a test that has passed: the health check may still fail it. The recording is kept if not."""
        found = self._check(item, "passed")
        if found.failing:
            words = "\n".join(str(problem) for problem in found.failing)
            pytest.fail(f"the health check of the bench found\n{words}", pytrace=False)
        if self.recorder:
            self.recorder.keep()

    def end_failed(self, item: pytest.Item) -> None:
        """After a test that has failed by itself: what the check finds stands beside, and hides nothing."""
        try:
            self._check(item, "failed")
        except PackSealError as error:
            item.add_report_section("call", "bench health", f"cannot be checked: {error}")

    def _check(self, item: pytest.Item, outcome: str) -> Verdict:
        """Leaves the files of the run as well. Raises PackSealError."""
        end = rig_end(self.bench)
        if self.recorder:
            write_end(end, self.recorder)
            self.recorder.drop()  # what comes from now on is of no test
        seen = observed(self.bench, end)
        marked = [name for mark in item.iter_markers("explained") for name in mark.args]
        found = verdict(seen, self.bench.pack.faults, marked)
        item.add_report_section("call", "bench health", found.words() or "all is well")
        item.user_properties.extend(self._properties())
        said = {"test": item.nodeid, "rig": self.rig, "outcome": "failed" if found.failing else outcome}
        folder = item.config.getoption("--bench-output")
        if folder:
            write_run(self.bench, seen, found, said, folder / _file_name(item))
        return found

    def _properties(self) -> list[tuple[str, object]]:
        """For JUnit's report."""
        board = self.bench.board
        return [
            ("target", board.name),
            ("firmware_hash", board.firmware_hash.hex()),
            ("seed", self.bench.pack.setup.seed),
            ("rig", self.rig),
            ("is_replayed", self.bench.is_replayed),
        ]


def open_for(item: pytest.Item, setup: PackSetup, folder: Path, opened: ExitStack) -> OnBench:
    """On the target of the options, else out of the test's recording, else skipped. folder: empty, for its files."""
    config = item.config
    path, recording = config.getoption("--rig"), _recording_path(item)
    rig = load_rig(path) if path else Rig()
    if config.getoption("--replay"):
        return _replayed(recording, folder, opened, "--replay")
    recorder = Recorder(recording) if config.getoption("--record") else None
    if recorder:
        opened.callback(recorder.drop)
    wanted = Wanted(item.name, str(config.getoption("--target")), rig, setup, folder, recorder)
    try:
        return OnBench(opened.enter_context(open_bench(wanted)), recorder, rig.name)
    except NoTargetError as error:
        if recorder:
            pytest.fail(f"nothing to record from: {error}", pytrace=False)
        return _replayed(recording, folder, opened, str(error))


def _replayed(path: Path, folder: Path, opened: ExitStack, why: str) -> OnBench:
    if not path.is_file():
        pytest.skip(f"no target ({why}) and no recording {path}")
    return OnBench(opened.enter_context(open_recorded(read_recording(path), folder)), None, f"recording {path.name}")


def _recording_path(item: pytest.Item) -> Path:
    """One for each test, by the names of file and test."""
    name = _file_name(item)
    folder = item.config.getoption("--recordings") or item.path.parent / "recordings"
    return Path(folder) / f"{name}.jsonl"


def _file_name(item: pytest.Item) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", f"{item.path.stem}.{item.name}").strip("-")
