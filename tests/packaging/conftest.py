"""One package for all tests that look at it."""

from __future__ import annotations

import pytest

from tests.packaging.package import Package


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Hardly compressed, else as it is released."""
    return Package.built(tmp_path_factory.mktemp("package"), "--fast")


@pytest.fixture(scope="session")
def next_package(package: Package) -> Package:
    """The same of a higher version, in the same folder."""
    return Package.built(package.path.parent, "--fast", "--version=0.1.1+next")
