"""A document of either ecosystem, as somebody else's program wrote it: bytes -> values within limits, decimals exact.

Decides nothing about what the document says. RFC 8259; numbers become Decimal, so that none is rounded on the way in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TypeAlias

from packseal.errors import TableError
from packseal.exchange.export import Path, pointer
from packseal.exchange.loss import Json
from packseal.exchange.source import Origin, Source, Value

MAX_DOCUMENT_BYTES = 4 << 20
MAX_DEPTH = 24  # of a whole io.catenax.pcf: nine
MAX_LEAVES = 50_000
MAX_DIGITS = 30  # of one number: more than any emission has
MAX_EXPONENT = 20
Scalar: TypeAlias = "str | int | Decimal | bool | None"
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"')


def read_document(content: bytes, name: str) -> Json:
    """name: of the file, for messages. A bare list is the reply to `dataTarget=cfp`. Raises TableError."""
    if len(content) > MAX_DOCUMENT_BYTES:
        raise TableError(f"{name}: {len(content)} bytes; the limit is {MAX_DOCUMENT_BYTES}; split it by parts")
    try:
        whole = _parsed(content.decode("utf-8-sig"))
    except ValueError as error:
        raise TableError(f"{name}: no JSON that can be read: {error}") from None
    document: object = {"cfp": whole} if isinstance(whole, list) else whole
    if not isinstance(document, dict):
        raise TableError(f"{name}: expected an object, or the list of carbon footprints of one part")
    if sum(1 for _ in leaves(document)) > MAX_LEAVES:
        raise TableError(f"{name}: more than {MAX_LEAVES} values; split it by parts")
    return document


def leaves(document: object, path: Path = ()) -> Iterator[tuple[Path, Scalar]]:
    """Each text, number, truth value and null by its path; what holds nothing has none."""
    if isinstance(document, dict):
        for name, one in document.items():
            yield from leaves(one, (*path, name))
    elif isinstance(document, list):
        for number, one in enumerate(document):
            yield from leaves(one, (*path, number))
    elif document is None or isinstance(document, str | int | Decimal):
        yield path, document
    else:
        raise TypeError(f"{type(document).__name__} is no value of a document")


def source_of(document: Json) -> Source:
    """Every value of the document by its JSON pointer, so that each is carried or lost by name. A null says nothing."""
    said = {pointer(path): one for path, one in leaves(document) if one is not None}
    values = {key: Value(key, one, unit="", group=1, origin=Origin.STATED) for key, one in said.items()}
    return Source(passport="", battery="", category="", status=None, as_of_unix_ms=0, values=values)


def at(document: object, path: Path) -> object:
    """What stands there; None for nothing, and for what stands where a map or list was expected."""
    for part in path:
        if isinstance(document, dict) and isinstance(part, str):
            document = document.get(part)
        elif isinstance(document, list) and isinstance(part, int) and part < len(document):
            document = document[part]
        else:
            return None
    return document


def decimal_of(said: object) -> Decimal | None:
    """The number that it is; None for anything else."""
    return Decimal(said) if isinstance(said, int | Decimal) and not isinstance(said, bool) else None


def _parsed(text: str) -> object:
    depth = _depth(text)
    if depth > MAX_DEPTH:
        raise ValueError(f"nested {depth} deep; at most {MAX_DEPTH}")
    return json.loads(
        text, parse_float=_number, parse_int=_number, parse_constant=_refused, object_pairs_hook=_each_once
    )


def _depth(text: str) -> int:
    deepest = depth = 0
    for character in _TEXTS.sub("", text):
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    return deepest


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if len(number.as_tuple().digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_EXPONENT:
        raise ValueError(f"a number of {len(text)} characters is no quantity of this kind")
    return number


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is no number")


def _each_once(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found
