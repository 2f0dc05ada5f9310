"""The tests of tests/socketcan, in a kernel that has SocketCAN: this machine's own may have none."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.socketcan import boot

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def kernel() -> None:
    if absent := boot.missing():
        words = f"needs {', '.join(absent)}: {boot.CURE}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(words)


@pytest.mark.usefixtures("kernel")
def test_inside_a_kernel_with_socketcan(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/socketcan"]
    code, output = boot.run_inside(command, ROOT, tmp_path)
    assert code == 0, output
    assert not re.search(r"skipped|SKIPPED", output), output
    assert " passed" in output or "100%" in output, output


@pytest.mark.usefixtures("kernel")
def test_what_fails_inside_fails_here(tmp_path: Path) -> None:
    code, output = boot.run_inside([sys.executable, "-c", "print('seen'); raise SystemExit(3)"], ROOT, tmp_path)
    assert (code, output) == (3, "seen\n")
