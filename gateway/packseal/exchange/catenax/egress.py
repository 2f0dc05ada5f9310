"""The last look at what is about to leave for the data space: it refuses, and says where, or lets it go as it is.

Two rules. CX-0002-CaC-9: nothing competitively sensitive is published in a registry, so no name and no number of a
supplier or customer stands in what is registered there, but as a reader in externalSubjectId, where the registry itself
decides who sees. And nothing leaves that the partner's tier does not cover: every leaf is of a value in a group that it
may see, under a rule of the partner.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from packseal.errors import EgressError
from packseal.exchange.catenax.shells import SPECIFIC_IDS
from packseal.exchange.export import Export, pointer
from packseal.exchange.loss import Json
from packseal.exchange.rules import Partner
from packseal.exchange.source import Source

READERS = "externalSubjectId"
MAX_DEPTH = 50
MIN_NAME_CHARACTERS = 2  # a single letter stands in everything
FIRST_WITHOUT_SPACES = "\u2e80"  # CJK and what follows it in Unicode


@dataclass(frozen=True, slots=True)
class Secrets:
    """names: of suppliers and customers, as they are written. numbers: theirs (BPNL, LEI, corporate number)."""

    names: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


def check_registered(document: Json, secrets: Secrets) -> None:
    """Of a shell descriptor, an asset or a definition. Raises EgressError, which names the place and not the name."""
    names = [_folded(name) for name in secrets.names if len(_folded(name)) >= MIN_NAME_CHARACTERS]
    for path, text in _texts((), document, MAX_DEPTH):
        words = f" {_folded(text)} "
        if any(_is_named(name, words) for name in names):
            raise EgressError(f"{pointer(path)} names a supplier or customer, which CX-0002-CaC-9 forbids; take it out")
        if READERS not in path and any(number in text for number in secrets.numbers):
            raise EgressError(f"{pointer(path)} has a supplier's or customer's number (CX-0002-CaC-9); take it out")
    _check_ids(document)


def check_tier(export: Export, source: Source, partner: Partner) -> None:
    """Raises EgressError, which names the first place that is above the partner's tier, or that no rule lets out."""
    rules = {rule.id for rule in partner.rules}
    for place, leaf in export.leaves.items():
        for key in leaf.keys:
            value = source.values.get(key)
            if value is None:
                raise EgressError(f"{place or '/'} is of {key}, which was not released; it does not leave")
            if value.group not in partner.groups:
                raise EgressError(f"{place or '/'} is of access group {value.group}, above the tier {partner.tier}")
            if value.rule not in rules:
                raise EgressError(f"{place or '/'} leaves under no rule of {partner.id}; it does not leave")


def _check_ids(document: Json) -> None:
    """An identifier that CX-0160 does not name, such as a customer's part number, says who the customer is."""
    found = document.get("specificAssetIds", [])
    names = [one.get("name") for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
    strange = [name for name in names if name not in SPECIFIC_IDS]
    if strange:
        raise EgressError(f"/specificAssetIds: {strange[0]!r} is none of {', '.join(SPECIFIC_IDS)}; take it out")


def _texts(path: tuple[str | int, ...], value: object, depth: int) -> Iterable[tuple[tuple[str | int, ...], str]]:
    """Every text, keys of maps among them."""
    if depth == 0:
        raise EgressError(f"{pointer(path)} is nested too deep to be looked through; it does not leave")
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield (*path, name), name
            yield from _texts((*path, name), one, depth - 1)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from _texts((*path, number), one, depth - 1)
    elif isinstance(value, str):
        yield path, value


def _is_named(name: str, words: str) -> bool:
    """As words of their own; without regard to these in scripts that have no spaces."""
    return name in words if max(name) >= FIRST_WITHOUT_SPACES else f" {name} " in words


def _folded(text: str) -> str:
    """Names are the same with other case, width, accents, punctuation between words or spaces."""
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", bare).strip()
