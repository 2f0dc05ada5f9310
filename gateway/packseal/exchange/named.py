"""What a form is told of a battery that follows from no passport."""

from __future__ import annotations

from dataclasses import dataclass

from packseal.exchange.identifiers import Identifiers, Party


@dataclass(frozen=True, slots=True)
class Named:
    """identifiers: what the battery is called by its maker and in data spaces. operator: who answers for the passport,
    where that is not the maker. link: public address of the passport, "" for none."""

    identifiers: Identifiers | None = None
    operator: Party | None = None
    link: str = ""
