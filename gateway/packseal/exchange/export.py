"""Puts a target's document together leaf by leaf, and knows of each leaf what it rests on and why it may leave.

Decides that every value of the source is carried or stands in the loss report, and that no leaf is without a rule.
What goes where is each target's own table of fields.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from packseal.exchange.loss import Json, Loss, Why
from packseal.exchange.source import Content, Source, Value

Path: TypeAlias = tuple[str | int, ...]
Converted: TypeAlias = "str | int | float | bool | list[Converted] | dict[str, Converted] | None"
Convert: TypeAlias = Callable[[Content], Converted]
MAX_LIST = 10_000
TOLD_NAMES = "told:names"  # rule of a name that somebody stated beside a passport which says nothing of it


class Rounded(float):
    """The double nearest to a number that no double is. Whoever writes it, the builder says that digits are lost."""


class UnfitError(ValueError):
    """A value has no form that the target takes; the text says why. It becomes a line of the loss report."""


@dataclass(frozen=True, slots=True)
class Field:
    """One line of a target's table: path in its document, key of the passport's value, and how it is written there.

    note: what the table of docs/exchange.md says of the way: units, losses. clause: of the target's own text.
    """

    path: Path
    key: str
    convert: Convert
    is_required: bool = False
    clause: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """id: in commands and rule ids. model: the published name with its version. has_circumstances: there is room for
    method, uncertainty and evidence beside a value, so that none of it is lost."""

    id: str
    name: str
    model: str
    fields: tuple[Field, ...]
    has_circumstances: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """rule: the partner's rule, or `format:<target>` of what the format itself asks for. key: "" for the latter, and
    several with a space between them for what was made of several."""

    rule: str
    key: str

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(self.key.split())


@dataclass(frozen=True, slots=True)
class Export:
    """leaves: by JSON pointer (RFC 6901), one for each text, number, truth value, null and empty list or map."""

    target: str
    model: str
    passport: str
    document: Json
    leaves: Mapping[str, Leaf]
    losses: tuple[Loss, ...]


class Builder:
    def __init__(self, target: Target, source: Source) -> None:
        self.target, self.source = target, source
        self._root: Json = {}
        self._leaves: dict[str, Leaf] = {}
        self._losses: list[Loss] = list(source.withheld)
        self._carried: dict[str, Value] = {}

    def take(self, line: Field) -> bool:
        """Writes what the line says, where there is a source for it; else it is lost, with why. -> whether written."""
        value = self.source.values.get(line.key)
        if value is None:
            self._lacks(line)
            return False
        if value.content is None:
            self.lose(Why.WITHHELD, line.path, line.key, "the partner is told a bound alone, which has no place here")
            return False
        return self._convert(line, value)

    def take_all(self, fields: Iterable[Field]) -> None:
        for line in fields:
            self.take(line)

    def put(self, path: Path, key: str, content: Converted) -> None:
        """What was made of the value `key` in a way that no table has. Raises KeyError where the source has it not."""
        value = self.source.values[key]
        self._write(path, content, Leaf(value.rule or f"source:{self.target.id}", key))
        self._carried[key] = value

    def put_made(self, path: Path, keys: Iterable[str], content: Converted, rule: str) -> None:
        """What was made of several values, or of none where `rule` says whose word it is. Raises KeyError."""
        named = list(keys)
        self._carried.update({key: self.source.values[key] for key in named})
        self._write(path, content, Leaf(rule, " ".join(named)))

    def name(self, path: Path, keys: Iterable[str], content: Converted) -> bool:
        """What somebody stated beside the passport, and what says the values of `keys` in other words: the number of a
        maker, of a plant. It leaves where these may be told, and else is lost. -> whether written."""
        asked = list(keys)
        hidden = [key for key in asked if key in self.source.unnamed]
        if hidden:
            self.lose(Why.WITHHELD, path, hidden[0], "the partner may not be told whose or which it is")
            return False
        there = [key for key in asked if key in self.source.values]
        rule = (self.source.values[there[0]].rule or f"source:{self.target.id}") if there else TOLD_NAMES
        self._write(path, content, Leaf(rule, " ".join(there)))
        return True

    def constant(self, path: Path, content: Converted) -> None:
        """What the format itself asks for: names of models, versions, identifiers of the passport."""
        self._write(path, content, Leaf(f"format:{self.target.id}", ""))

    def lose(self, why: Why, path: Path, key: str, words: str) -> None:
        self._losses.append(Loss(why, pointer(path), key, words))

    def export(self) -> Export:
        left = [self._without_place(value) for key, value in self.source.values.items() if key not in self._carried]
        named = {loss.key for loss in self._losses[len(self.source.withheld) :]}
        losses = (*self._losses, *self._coarser(), *(loss for loss in left if loss.key not in named))
        return Export(
            self.target.id, self.target.model, self.source.passport, self._root, dict(self._leaves), tuple(losses)
        )

    def _convert(self, line: Field, value: Value) -> bool:
        if value.content is None:
            return False
        try:
            content = line.convert(value.content)
        except UnfitError as error:
            self.lose(Why.UNFIT, line.path, line.key, str(error))
            return False
        self.put(line.path, line.key, content)
        return True

    def _lacks(self, line: Field) -> None:
        if line.is_required and not any(loss.key == line.key for loss in self.source.withheld):
            self.lose(Why.NO_SOURCE, line.path, line.key, f"{self.target.name} requires it; the passport has no value")

    def _without_place(self, value: Value) -> Loss:
        return Loss(Why.NO_PLACE, "", value.key, f"{self.target.name} has no field for it")

    def _coarser(self) -> Iterable[Loss]:
        for key, value in self._carried.items():
            lost = [] if self.target.has_circumstances else _circumstances(value)
            if value.is_coarser:
                lost = ["digits, by the partner's rules", *lost]
            if lost:
                yield Loss(Why.COARSER, "", key, f"carried without {', '.join(lost)}")

    def _write(self, path: Path, content: Converted, leaf: Leaf) -> None:
        if isinstance(content, dict) and content:
            for name, one in content.items():
                self._write((*path, name), one, leaf)
        elif isinstance(content, list) and content:
            for number, one in enumerate(content):
                self._write((*path, number), one, leaf)
        else:
            if isinstance(content, Rounded):
                self.lose(Why.COARSER, path, leaf.key, "a double holds fewer digits than the passport states")
            _set(self._root, path, content)
            self._leaves[pointer(path)] = leaf


def pointer(path: Path) -> str:
    """RFC 6901."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def text(content: Content) -> str:
    if not isinstance(content, str):
        raise UnfitError("text is needed")
    return content


def number(content: Content) -> int | float:
    """As JSON has it: whole numbers stay whole, others are doubles (RFC 8259 section 6), Rounded where they lose."""
    if isinstance(content, bool) or not isinstance(content, int | Decimal):
        raise UnfitError("a number is needed")
    if content == int(content):
        return int(content)
    double = float(content)
    return double if Decimal(repr(double)) == content else Rounded(double)


def scaled(factor: str) -> Convert:
    """In another unit: times `factor`, exactly."""

    def convert(content: Content) -> Converted:
        if isinstance(content, bool) or not isinstance(content, int | Decimal):
            raise UnfitError("a number is needed")
        return number(content * Decimal(factor))

    return convert


def one_of(words: Mapping[str, str]) -> Convert:
    """The target's word for ours."""

    def convert(content: Content) -> Converted:
        if not isinstance(content, str) or content not in words:
            raise UnfitError(f"the target has no word for {content!r}; it knows those for {', '.join(words)}")
        return words[content]

    return convert


def _circumstances(value: Value) -> list[str]:
    named = (
        ("its method", value.method),
        ("its uncertainty", value.standard_uncertainty),
        ("the record that it rests on", value.record),
        ("the statement that it rests on", value.statement),
        (f"what stands beside it ({', '.join(sorted(value.details))})", value.details or None),
    )
    return [words for words, said in named if said is not None]


def _set(root: Json, path: Path, content: Converted) -> None:
    """Makes the maps and lists on the way; an item of a list comes after the one before it."""
    *way, last = path
    here: object = root
    for part, after in zip(way, path[1:], strict=True):
        here = _step(here, part, after)
    _place(here, last, content)


def _step(here: object, part: str | int, after: str | int) -> object:
    if isinstance(here, dict) and isinstance(part, str):
        return here.setdefault(part, [] if isinstance(after, int) else {})
    if isinstance(here, list) and isinstance(part, int) and part <= len(here) < MAX_LIST:
        if part == len(here):
            here.append([] if isinstance(after, int) else {})
        return here[part]
    raise ValueError(f"{part!r} has no place here")


def _place(here: object, part: str | int, content: object) -> None:
    if isinstance(here, dict) and isinstance(part, str):
        here[part] = content
    elif isinstance(here, list) and isinstance(part, int) and part <= len(here) < MAX_LIST:
        here[part : part + 1] = [content]
    else:
        raise ValueError(f"{part!r} has no place here")
