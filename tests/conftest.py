"""Fixtures of all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.postgres import cluster, own_cluster

# a machine that is busy is no fault of what is tested: no example has a deadline, however slowly it is drawn
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

__all__ = ["cluster", "own_cluster", "shared"]
SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of facts, logs and vectors that others made. It lies beside the repository, not in it."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the data beside the repository: {SHARED} is absent")
    return SHARED
