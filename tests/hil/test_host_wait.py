"""How long the machine lets a process wait: as Linux has it in files, and of a child of this process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from packseal_hil.bench import WallPace
from packseal_hil.host_wait import PROCESSES, HostWait
from tests.waiting import until

SPIN = "import os\nwhile os.getppid() == {parent}: pass"


def lay(folder: Path, waited_ns: dict[tuple[int, int], int]) -> None:
    """As /proc is, of children by (process, thread)."""
    own = folder / "self" / "task" / "1"
    own.mkdir(parents=True, exist_ok=True)
    (own / "children").write_text(" ".join(str(process) for process, _ in waited_ns))
    for (process, thread), ns in waited_ns.items():
        task = folder / str(process) / "task" / str(thread)
        task.mkdir(parents=True, exist_ok=True)
        (task / "schedstat").write_text(f"1000000 {ns} 7\n")


def test_what_children_waited_since_it_was_made_is_added_up(tmp_path: Path) -> None:
    lay(tmp_path, {(10, 10): 5_000_000, (10, 11): 0})
    wait = HostWait(tmp_path)
    assert wait.waited_ms == 0
    lay(tmp_path, {(10, 10): 9_000_000, (10, 11): 2_000_000, (12, 12): 3_000_000})
    wait.look()
    assert wait.waited_ms == 4 + 2 + 3


def test_who_has_ended_has_waited_what_was_seen(tmp_path: Path) -> None:
    """A power cut ends the board's process."""
    wait = HostWait(tmp_path)
    lay(tmp_path, {(10, 10): 5_000_000})
    wait.look()
    lay(tmp_path, {(12, 12): 1_000_000})
    wait.look()
    assert wait.waited_ms == 6


def test_a_machine_that_does_not_count_excuses_nothing(tmp_path: Path) -> None:
    wait = HostWait(tmp_path / "nothing")
    wait.look()
    assert wait.waited_ms == 0


@contextmanager
def spinning(count: int) -> Iterator[None]:
    command = [sys.executable, "-c", SPIN.format(parent=threading.main_thread().native_id)]
    with ExitStack() as opened:
        for _ in range(count):
            process = opened.enter_context(subprocess.Popen(command))
            opened.callback(process.kill)
        yield


@pytest.mark.skipif(not (PROCESSES / "self" / "schedstat").is_file(), reason="this machine does not count it")
def test_children_that_share_a_processor_wait_for_each_other() -> None:
    wait = HostWait()
    with spinning(2 + len(os.sched_getaffinity(0))):
        until(lambda: wait.waited_ms > 100, "that they wait", meanwhile=wait.look)


def test_a_pace_that_is_asked_for_what_is_past_notes_by_how_much() -> None:
    pace = WallPace(1_000)
    pace.until(-500.0)
    assert pace.worst_late_s >= 0.5
    assert pace.overslept_s == 0
