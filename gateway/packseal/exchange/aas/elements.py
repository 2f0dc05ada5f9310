"""From value-only JSON and the table of a submodel to its elements in the JSON of the AAS (IDTA 01001-3-1).

Decides which element a value becomes and how its text is written (IDTA 01002-3-1, clause 11.4.2, the other way round),
and refuses by the rules of the meta model, which aas-core checks: a value that cannot stand there becomes no element. A
text that is of a value, not of the format, is a Carried, so that whoever writes the document knows what it rests on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from aas_core3_1 import jsonization, verification
from aas_core3_1.types import Class

from packseal.exchange.aas.structure import Kind, Node
from packseal.exchange.export import Path


@dataclass(frozen=True, slots=True)
class Carried:
    """path: of the leaf in the value-only document."""

    text: str
    path: Path


@dataclass(frozen=True, slots=True)
class Refused:
    """path: of the leaf in the value-only document that became no element."""

    path: Path
    words: str
    has_no_place: bool = False


Element: TypeAlias = "dict[str, str | bool | Carried | Element | list[Element]]"
Jsonable: TypeAlias = "str | bool | list[Jsonable] | dict[str, Jsonable]"
Written: TypeAlias = "tuple[list[Element], list[Refused]]"
_READ: Mapping[Kind, Callable[[Jsonable], Class]] = {
    Kind.PROPERTY: jsonization.property_from_jsonable,
    Kind.MULTILINGUAL: jsonization.multi_language_property_from_jsonable,
    Kind.FILE: jsonization.file_from_jsonable,
    Kind.RANGE: jsonization.range_from_jsonable,
}


def elements(nodes: Sequence[Node], document: Mapping[str, object], path: Path) -> Written:
    """In the order of the table. path: of the document in the part's, () for the whole."""
    made: list[Element] = []
    refused: list[Refused] = []
    for node in nodes:
        if node.key in document:
            found, lost = _element(node, document[node.key], (*path, node.key), is_item=False)
            made += found
            refused += lost
    known = {node.key for node in nodes}
    for name, content in document.items():
        if name not in known:
            left = _leaves(content, (*path, name))
            refused += (Refused(one, "the template has no element for it", has_no_place=True) for one in left)
    return made, refused


def reference(semantic_id: str) -> Element:
    return {"type": "ExternalReference", "keys": [{"type": "GlobalReference", "value": semantic_id}]}


def _element(node: Node, content: object, path: Path, *, is_item: bool) -> Written:
    if isinstance(content, dict) and node.kind is Kind.COLLECTION:
        return _collection(node, content, path, is_item)
    if isinstance(content, list) and node.kind is Kind.LIST:
        return _list(node, content, path, is_item)
    element = _head(node, is_item) | _values(node, content, path)
    problem = _problem(node, element)
    if problem is None:
        return [element], []
    return [], [Refused(one, problem) for one in _leaves(content, path)]


def _collection(node: Node, content: Mapping[str, object], path: Path, is_item: bool) -> Written:
    made, refused = elements(node.parts, content, path)
    if content and not made:
        return [], refused
    return [_head(node, is_item) | ({"value": made} if made else _empty(node, path))], refused


def _list(node: Node, content: Sequence[object], path: Path, is_item: bool) -> Written:
    """All items are of the one kind that the list names, and carry its meaning (constraints AASd-107 to 109, 120)."""
    (item,) = node.parts
    made: list[Element] = []
    refused: list[Refused] = []
    for number, one in enumerate(content):
        found, lost = _element(item, one, (*path, number), is_item=True)
        made += found
        refused += lost
    if content and not made:
        return [], refused
    kind: Element = {"semanticIdListElement": reference(item.semantic_id), "typeValueListElement": str(item.kind)}
    if item.kind is Kind.PROPERTY:
        kind["valueTypeListElement"] = f"xs:{item.value_type}"
    return [_head(node, is_item) | kind | ({"value": made} if made else _empty(node, path))], refused


def _head(node: Node, is_item: bool) -> Element:
    named: Element = {} if is_item else {"idShort": node.id_short}
    return {"modelType": str(node.kind)} | named | {"semanticId": reference(node.semantic_id)}


def _empty(node: Node, path: Path) -> Element:
    """The meta model has no empty list: that there is nothing is said by the element alone."""
    return {"displayName": [{"language": "en", "text": Carried(node.id_short or str(node.kind), path)}]}


def _values(node: Node, content: object, path: Path) -> Element:
    match node.kind, content:
        case Kind.PROPERTY, dict() | list() if not node.is_any:
            return {}
        case Kind.PROPERTY, _:
            text = _any(content) if node.is_any else _text(content, node.value_type)
            return {"valueType": f"xs:{node.value_type}", "value": Carried(text, next(_leaves(content, path)))}
        case Kind.MULTILINGUAL, list(rows):
            return {"value": list(_languages(rows, path))}
        case Kind.FILE, {"value": str(value), "contentType": str(kind)}:
            return {"value": Carried(value, (*path, "value")), "contentType": Carried(kind, (*path, "contentType"))}
        case Kind.RANGE, {"low": low, "high": high}:
            return {
                "valueType": f"xs:{node.value_type}",
                "min": Carried(_text(low, node.value_type), (*path, "low")),
                "max": Carried(_text(high, node.value_type), (*path, "high")),
            }
    return {}


def _languages(rows: Sequence[object], path: Path) -> Iterator[Element]:
    """AAS 3.1 has a list of maps with one language each."""
    for number, row in enumerate(rows):
        for language, words in row.items() if isinstance(row, dict) else ():
            yield {"language": language, "text": Carried(str(words), (*path, number, language))}


def _text(content: object, value_type: str) -> str:
    """As XSD has it: no exponents in its decimals."""
    if isinstance(content, bool):
        return "true" if content else "false"
    if isinstance(content, float) and value_type == "decimal":
        return f"{Decimal(repr(content)):f}"
    return str(content)


def _any(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _problem(node: Node, element: Element) -> str | None:
    """Why it cannot stand there, in the words of the meta model."""
    read = _READ.get(node.kind)
    if read is None or not {"value", "min"} & set(element):
        return f"the template has a {node.kind} there"
    try:
        found = read(plain(element))
    except jsonization.DeserializationException as error:
        return error.cause
    return next((error.cause for error in verification.verify(found)), None)


def plain(element: Element | list[Element] | Carried | str | bool) -> Jsonable:
    """With the texts of what is carried."""
    if isinstance(element, dict):
        return {name: plain(one) for name, one in element.items()}
    if isinstance(element, list):
        return [plain(one) for one in element]
    return element.text if isinstance(element, Carried) else element


def _leaves(content: object, path: Path) -> Iterator[Path]:
    """Of each text, number, truth value, null and empty list or map, as exports count them."""
    if isinstance(content, dict) and content:
        for name, one in content.items():
            yield from _leaves(one, (*path, name))
    elif isinstance(content, list) and content:
        for number, one in enumerate(content):
            yield from _leaves(one, (*path, number))
    else:
        yield path
