"""Writes the tables of docs/exchange.md, below its mark, from the forms' own tables of fields; a test compares.

What has no place in a form is found by making it of the example packs: run it with PYTHONPATH=. in the repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.exchange.packs import CATEGORIES, pack

from packseal.exchange.export import Field, Target, pointer
from packseal.exchange.identifiers import Identifiers, Party, Plant
from packseal.exchange.loss import Why
from packseal.exchange.targets import TARGETS, Made, Named

PAGE = Path(__file__).with_name("exchange.md")
MARK = "<!-- what follows is written by `make docs` -->\n"
NAMED = Named(Identifiers(Party("Maker", bpnl="BPNL00000003AYRE"), "PS-60", "PS60-1", Plant("Works")))
OF_PARTS = frozenset({"aas"})  # its table is that of its parts, which stand before it
PARTS = "Catena-X"  # of these ecosystem's forms each is a part, and together they are the passport
HEAD = f"""{MARK}
## Fields of each form

"From" is the key of the value in the passport ([attributes.md](attributes.md) says who states or measures it). An
asterisk: the model requires it. What stands in a list below a table is written as it is.
"""


def page() -> str:
    """The whole of docs/exchange.md."""
    by_hand = PAGE.read_text().partition(MARK)[0]
    lines = [line for made in TARGETS.values() for line in _target(made)]
    parts = [set(_without_place(made)) for made in TARGETS.values() if made.ecosystem == PARTS]
    lines += ["### What has no place in any part for Catena-X", "", f"{_keys(set.intersection(*parts))}.", ""]
    lines += ["It is carried by `evidence`, as every value is."]
    return f"{by_hand}{HEAD}\n" + "\n".join(lines) + "\n"


def _target(made: Made) -> Iterator[str]:
    target = made.target
    yield from (f"### {target.id}", "", f"{target.name}: `{target.model}` ({made.ecosystem}).", "")
    if target.id in OF_PARTS:
        yield from ("The submodels are the seven parts above, and `evidence` beside them.", "")
    else:
        yield from _fields(target)
    carried = "method, uncertainty and record go along" if target.has_circumstances else (
        "method, uncertainty and record have no place in it: send `evidence` beside it"
    )  # fmt: skip
    yield f"Beside the values: {carried}."
    if made.ecosystem != PARTS and (without := _without_place(made)):
        yield f"No place for: {_keys(without)}."
    yield ""


def _fields(target: Target) -> Iterator[str]:
    told = [line for line in target.fields if line.note or line.clause or line.is_required]
    plain = [line for line in target.fields if line not in told]
    if not target.fields:
        yield from ("Every value of the passport has a line of its own in it.", "")
    if told:
        yield from ("| field | from | what is changed or lost | clause |", "|---|---|---|---|")
        yield from map(_row, told)
        yield ""
    if plain:
        yield from (", ".join(f"`{pointer(line.path)}` from {_key(line)}" for line in plain) + ".", "")


def _row(line: Field) -> str:
    star = " *" if line.is_required else ""
    cells = (f"`{pointer(line.path)}`{star}", _key(line), line.note, line.clause)
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _key(line: Field) -> str:
    return f"`{line.key}`" if line.key else "nothing"


def _without_place(made: Made) -> set[str]:
    exports = [made.make(pack(category), NAMED) for category in CATEGORIES]
    return {loss.key for export in exports for loss in export.losses if loss.why is Why.NO_PLACE and loss.key}


def _keys(keys: set[str]) -> str:
    return ", ".join(f"`{key}`" for key in sorted(keys))


if __name__ == "__main__":
    PAGE.write_text(page())
