"""What the stories share: which pack they have on which target.

A story says its pack with the mark `pack`. On the target unix the pack's clock runs fast; on all others an hour is an
hour: there windows are short, and a story that goes through hours tells its first seconds.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from packseal_hil.pack_setup import PackSetup


@pytest.fixture
def pack_setup(request: pytest.FixtureRequest) -> PackSetup:
    marked = request.node.get_closest_marker("pack")
    setup = PackSetup(**marked.kwargs) if marked else PackSetup()
    if request.config.getoption("--target") == "unix":
        return setup
    return replace(setup, sample_ms=1_000, window_ms=5_000, checkpoint_every=1)
