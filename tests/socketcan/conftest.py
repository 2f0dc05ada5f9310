"""These tests need a kernel with vcan0 and vcan1; tests/io/test_socketcan.py runs them in one."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not Path("/sys/class/net/vcan0").exists():
        skip = pytest.mark.skip(reason="has no vcan0 here; tests/io/test_socketcan.py runs it in a kernel that has")
        for item in items:
            if item.path.is_relative_to(HERE):
                item.add_marker(skip)
