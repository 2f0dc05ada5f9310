"""What is installed in a folder of Python packages: names, versions, licences, and what needs what.

Reads the packages' own metadata (Core Metadata 2.4: License-Expression, else License, else the classifiers); nothing is
imported or run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement

WORDS: Mapping[str, str] = {  # SPDX identifiers of what older metadata say; "BSD License" alone says not which
    "MIT License": "MIT",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Apache Software License": "Apache-2.0",
    "GNU LGPL v3+": "LGPL-3.0-or-later",
    "GNU Lesser General Public License v3 or later (LGPLv3+)": "LGPL-3.0-or-later",
    "BSD": "BSD License",
}
LONGEST_LICENCE = 60  # a longer one is the text itself


@dataclass(frozen=True, slots=True)
class Installed:
    """name: as the index compares it, small letters and hyphens. licence: an SPDX expression where its metadata have
    one, else their word, "" without any. requires: as its metadata have it, each with its marker."""

    name: str
    version: str
    licence: str
    requires: tuple[str, ...]


def installed_in(site_packages: Path) -> Mapping[str, Installed]:
    """By name."""
    found = (_installed(one) for one in distributions(path=[str(site_packages)]))
    return {one.name: one for one in found}


def closure(requirements: Iterable[str], installed: Mapping[str, Installed]) -> Mapping[str, frozenset[str]]:
    """Name of each package that these requirements lead to on this machine -> names of those that it needs itself.

    Raises LookupError for what is needed and not there.
    """
    found: dict[str, set[str]] = {}
    waiting = list(_wanted(requirements, frozenset()))
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name not in installed:
            raise LookupError(f"{name} is needed and not installed; install what pyproject.toml asks for first")
        wanted = list(_wanted(installed[name].requires, extras))
        found.setdefault(name, set()).update(other for other, _ in wanted if other != name)
        waiting += wanted
    return {name: frozenset(needs) for name, needs in found.items()}


def canonical(name: str) -> str:
    """PEP 503: how an index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted(lines: Iterable[str], extras: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """(name, extras) of each requirement that counts on this machine, where these extras are asked for."""
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonical(requirement.name), frozenset(requirement.extras)


def _installed(distribution: Distribution) -> Installed:
    name, requires = canonical(distribution.metadata["Name"]), tuple(distribution.requires or ())
    return Installed(name, distribution.version, _licence(distribution), requires)


def _licence(distribution: Distribution) -> str:
    metadata = distribution.metadata
    classified = [
        one.rpartition(" :: ")[2] for one in metadata.get_all("Classifier") or [] if one.startswith("License")
    ]
    said = [*(metadata.get_all("License-Expression") or ()), *(metadata.get_all("License") or ()), *classified]
    known = [WORDS.get(one, one) for one in said if one and len(one) <= LONGEST_LICENCE and "\n" not in one]
    return known[0] if known else ""
