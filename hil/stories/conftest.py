"""What the stories share: which pack they have on which target, and how long a thing takes there.

A story says its pack with the mark `pack`. On the target unix the pack's clock runs fast; on all others an hour is an
hour, so that there windows are short, and a story that goes through days tells its first minutes (`on_the_wall`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from packseal_hil.pack_setup import PackSetup
from packseal_hil.targets.target import Target

ON_THE_WALL = {"sample_ms": 1_000, "window_ms": 5_000, "checkpoint_every": 1}

Lengths = Callable[[float, float], float]


@pytest.fixture
def pack_setup(request: pytest.FixtureRequest) -> PackSetup:
    marked = request.node.get_closest_marker("pack")
    setup = PackSetup(**marked.kwargs) if marked else PackSetup()
    return setup if request.config.getoption("--target") == "unix" else replace(setup, **ON_THE_WALL)


@pytest.fixture
def length_s(board: Target) -> Lengths:
    """length_s(all_s, wall_s): all of it where the pack's clock runs fast, else so many seconds."""
    return lambda all_s, wall_s: all_s if board.clock_rate > 1 else min(all_s, wall_s)
