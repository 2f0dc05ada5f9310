"""Writes docs/attributes.md from the table of attributes and that of the guidance; a test compares."""

from __future__ import annotations

from pathlib import Path

from packseal.passport.attributes import ATTRIBUTES, DOCUMENT_KEYS, OWN_GROUPS, Attribute, Duty, Group
from packseal.passport.derived import DERIVED
from packseal.passport.guidance import VERSION, guidance
from packseal.passport.settings import CATEGORIES
from packseal.passport.stated_values import MEASURED, OF_LIFE, OF_NOTES

PAGE = Path(__file__).with_name("attributes.md")
SEEN_BY = {
    Group.PUBLIC: "everybody",
    Group.MODEL: "legitimate interest, authorities",
    Group.AUTHORITIES: "authorities",
    Group.INDIVIDUAL: "legitimate interest",
    None: "-",
}
LETTERS = {
    Duty.MANDATORY: "M", Duty.CONDITIONAL: "C", Duty.PENDING: "P", Duty.VOLUNTARY: "V", Duty.PART_B: "B",
    Duty.NOT_APPLICABLE: "-",
}  # fmt: skip
HEAD = """# Attributes of a passport

Written by `make docs` from `passport/attributes.py` and `passport/guidance.py`. Who is in which role, and the clauses
behind it, are in [regulation.md](regulation.md).

Duty: M mandatory, C mandatory where its condition holds, P waits for an act, V voluntary, B kept by the BMS (Annex VII
part B), - not for this category. "From": *records*, measured and signed by a board; *derived*, of a record and of what
was stated of the new battery; *acts*, decided by the life cycle; *notes*; *stated*, signed by who answers for it.
"""


def page() -> str:
    """The whole of docs/attributes.md."""
    derived = {one.key for one in DERIVED}
    lines = [HEAD, "| key | what | unit | seen by | " + " | ".join(CATEGORIES) + " | from | clause |"]
    lines.append("|---|---|---|---|" + "---|" * (len(CATEGORIES) + 2))
    lines += [_row(one, derived) for one in ATTRIBUTES.values()]
    lines += ["", "## Values beside the attributes", "", "Seen by who has a legitimate interest: "]
    lines[-1] += ", ".join(f"`{key}`" for key, group in OWN_GROUPS.items() if group is Group.INDIVIDUAL) + "."
    parts = ", ".join(f"`{key}` ({of})" for key, of in DOCUMENT_KEYS.items() if key != of)
    lines += ["", f"In a passport's document under another key: {parts}.", ""]
    lines += [f"## The Commission's data points (guidance {VERSION})", ""]
    lines += ["| nr | what | clause | filled by |", "|---|---|---|---|"]
    for point in guidance(VERSION):
        filled = ", ".join(f"`{key}`" for key in point.keys) or "never filled"
        lines.append(f"| {point.number} | {point.name} | {point.clause} | {filled} |")
    return "\n".join(lines) + "\n"


def _row(one: Attribute, derived: set[str]) -> str:
    duties = " | ".join(LETTERS[one.duties[category]] for category in CATEGORIES)
    return (
        f"| `{one.key}` | {one.name} | {one.unit} | {SEEN_BY[one.group]} | {duties} | {_from(one, derived)}"
        f" | {one.clause} |"
    )


def _from(one: Attribute, derived: set[str]) -> str:
    if one.group is None:
        return "-"
    if one.key in derived:
        return "derived"
    if one.key in MEASURED:
        return "records"
    return "acts" if one.key in OF_LIFE else "notes" if one.key in OF_NOTES else "stated"


if __name__ == "__main__":
    PAGE.write_text(page())
