"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.postgres import cluster, own_cluster

__all__ = ["cluster", "own_cluster", "shared"]
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of facts, logs and vectors that others made. It lies beside the repository, not in it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the data beside the repository: {SHARED} is absent")
    return SHARED
