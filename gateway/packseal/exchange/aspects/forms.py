"""Forms that the parts of a battery passport share: documents, files, texts in languages, rows of a list.

Decides how one value of ours is written there, or says in an UnfitError why it cannot be. Value-only JSON of the AAS
specification, part 2: a text in languages is a list of one map each, a file is a map of value and contentType.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal

from packseal.exchange.export import Builder, Convert, Converted, Field, Path, UnfitError
from packseal.exchange.forms import UNDETERMINED, is_digest, named_information
from packseal.exchange.loss import Why
from packseal.exchange.source import Content, File

SPEC = "DIN DKE SPEC 99100"
_ENDING = re.compile(r"https://[^?#]*/[^/?#]*\.([A-Za-z0-9]+)(?:[?#].*)?")
_MEDIA_TYPES = {
    "pdf": "application/pdf", "json": "application/json", "xml": "application/xml", "html": "text/html",
    "htm": "text/html", "txt": "text/plain", "csv": "text/csv", "png": "image/png", "jpg": "image/jpeg",
    "jpeg": "image/jpeg", "svg": "image/svg+xml", "tif": "image/tiff", "tiff": "image/tiff",
}  # fmt: skip


def filled(content: Content) -> str:
    """Text that says something: an empty one is no value in any of these models."""
    if not isinstance(content, str) or not content:
        raise UnfitError("text is needed")
    return content


def multilingual(content: Content) -> Converted:
    return in_language(filled(content))


def in_language(words: str, language: str = UNDETERMINED) -> list[Converted]:
    return [{language: words}]


def documents(content: Content) -> list[Converted]:
    """Identifiers of documents, each once: the link, or the SHA-256 of the file."""
    if not (found := list(dict.fromkeys(texts(content)))):
        raise UnfitError("it names no document")
    return list(found)


def texts(content: Content) -> list[str]:
    return [filled(one) for one in content] if isinstance(content, list) else [filled(content)]


def document(content: Content) -> list[Converted]:
    """One document by what it is called."""
    return [filled(content)]


def text_list(content: Content) -> list[Converted]:
    return list(texts(content))


def rows(content: Content) -> list[Mapping[str, Content]]:
    """Each a table. Raises UnfitError for a list that holds anything else."""
    found: list[Mapping[str, Content]] = []
    if isinstance(content, list):
        found += (one for one in content if isinstance(one, dict))
    if not isinstance(content, list) or len(found) < len(content):
        raise UnfitError("a list of tables is needed")
    return found


def part(name: str, convert: Convert) -> Convert:
    """Of a table, what it says under `name`."""

    def of_part(content: Content) -> Converted:
        if not isinstance(content, dict) or name not in content:
            raise UnfitError(f"it has no {name}")
        return convert(content[name])

    return of_part


def rounded(content: Content) -> int:
    """To the nearest whole number, where the model has no others."""
    return _whole(content, ROUND_HALF_EVEN)


def completed(content: Content) -> int:
    """What is whole of it: a cycle or a year that is not over does not count."""
    return _whole(content, ROUND_DOWN)


def exactly_whole(content: Content) -> int:
    if not isinstance(content, int | Decimal) or content != rounded(content):
        raise UnfitError("the model takes whole numbers alone")
    return rounded(content)


def _whole(content: Content, rounding: str) -> int:
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        raise UnfitError("a number is needed")
    return int(Decimal(content).to_integral_value(rounding))


def file_of(reference: str, files: Mapping[str, File]) -> dict[str, Converted]:
    """files: attached ones by digest. A file that is attached is named by its digest (RFC 6920), for its bytes are not
    here. Raises UnfitError where nothing says of which kind it is."""
    if reference in files:
        return {"value": named_information(reference), "contentType": files[reference].media_type}
    if is_digest(reference):
        raise UnfitError(f"file {reference[:12]} is not attached, so nobody knows its kind; attach it to the statement")
    ending = _ENDING.fullmatch(reference)
    media_type = _MEDIA_TYPES.get(ending[1].lower()) if ending else None
    if media_type is None:
        raise UnfitError(f"{reference} does not tell its kind of file; attach the file, or end the address in .pdf")
    return {"value": reference, "contentType": media_type}


def take_part(builder: Builder, name: str, line: Field) -> bool:
    """As Builder.take of a table's part `name`. A part that is not stated has no source; the table is not unfit."""
    value = builder.source.values.get(line.key)
    if value is not None and isinstance(value.content, dict) and name not in value.content:
        if line.is_required:
            builder.lose(Why.NO_SOURCE, line.path, line.key, f"{line.key} does not say its {name}; state it there")
        return False
    return builder.take(line)


def take_whole(builder: Builder, line: Field) -> bool:
    """As Builder.take, of a number that the model wants whole: a fraction that was there is a line of the losses."""
    written = builder.take(line)
    content = builder.source.values[line.key].content if written else None
    if isinstance(content, int | Decimal) and content != line.convert(content):
        builder.lose(Why.COARSER, line.path, line.key, "the model takes whole numbers alone")
    return written


def lose_rest(builder: Builder, path: Path, key: str, names: Iterable[str]) -> None:
    """Names of parts of a table that was carried without them."""
    if left := sorted(set(names)):
        builder.lose(Why.COARSER, path, key, f"carried without what it says under {', '.join(left)}")
