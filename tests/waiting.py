"""Waits for what another thread or process brings about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

LONGEST_S = 60  # on a machine with much else to do; what comes, comes much sooner
PAUSE_S = 0.05


def until(condition: Callable[[], bool], what: str = "it", meanwhile: Callable[[], object] = lambda: None) -> None:
    """Fails where the condition does not come true. `meanwhile` is done before each further look."""
    deadline = time.monotonic() + LONGEST_S
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not come in {LONGEST_S} s")
        meanwhile()
        threading.Event().wait(PAUSE_S)
