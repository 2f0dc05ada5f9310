"""The tests of tests/socketcan, in a kernel that has SocketCAN: this machine's own may have none.

It boots once; each test inside is reported here by its name.
"""

from __future__ import annotations

import ast
import contextlib
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest

from packseal.errors import MicroPythonError
from tests.socketcan import boot
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]
INSIDE = ROOT / "tests/socketcan"
OUTCOME = re.compile(r"^tests/socketcan/\w+\.py::(\w+)\S* (\w+)", re.MULTILINE)


def names_inside() -> list[str]:
    trees = [ast.parse(path.read_bytes()) for path in sorted(INSIDE.glob("test_*.py"))]
    functions = [node for tree in trees for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [function.name for function in functions if function.name.startswith("test_")]


@pytest.fixture(scope="module")
def run_inside() -> Callable[..., tuple[int, str]]:
    words = f"needs {', '.join(absent)}: {boot.CURE}" if (absent := boot.missing()) else ""
    try:
        if not words:
            boot.kernel()
    except MicroPythonError as error:
        words = str(error)
    if words:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(words)
    return boot.run_inside


@pytest.fixture(scope="module")
def inside(
    run_inside: Callable[..., tuple[int, str]], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, set[str]], str]:
    """(outcomes by test, all that was printed)"""
    command = [sys.executable, "-m", "pytest", "-vv", "-p", "no:cacheprovider", str(INSIDE.relative_to(ROOT))]
    _, output = run_inside(command, ROOT, tmp_path_factory.mktemp("kernel"))
    outcomes = defaultdict(set)
    for name, outcome in OUTCOME.findall(output):
        outcomes[name].add(outcome)
    return outcomes, output


@pytest.mark.parametrize("name", names_inside())
def test_inside_a_kernel_with_socketcan(name: str, inside: tuple[dict[str, set[str]], str]) -> None:
    outcomes, output = inside
    assert outcomes.get(name) == {"PASSED"}, output


def test_every_test_inside_is_reported(inside: tuple[dict[str, set[str]], str]) -> None:
    outcomes, output = inside
    assert outcomes.keys() == set(names_inside()), output


def test_what_fails_inside_fails_here(run_inside: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    code, output = run_inside([sys.executable, "-c", "print('seen'); raise SystemExit(3)"], ROOT, tmp_path)
    assert (code, output) == (3, "seen\n")


def test_what_does_not_end_is_ended_whole(run_inside: Callable[..., tuple[int, str]], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="not ended after 8 s\nbegun\n"):
        run_inside(["sh", "-c", "echo begun; sleep 600"], ROOT, tmp_path, timeout_s=8)
    until(lambda: not processes_that_name(tmp_path), "the end of all its processes")


def processes_that_name(folder: Path) -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if str(folder).encode() in (process / "cmdline").read_bytes():
                found.append(process)
    return found
