"""One site for all that only look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.line.conftest import needs_micropython
from tests.security.site import Site


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """At work: its first record has its receipt."""
    needs_micropython()
    made = Site(tmp_path_factory.mktemp("site"))
    try:
        made.start()
        made.next_message("receipt")
        yield made
    finally:
        made.stop()
