"""Names that companies, sites and parts have in other ecosystems: their form and their check characters, nothing more.

Decides whether a text can be such a name. That two names mean the same company or the same site follows from nothing in
them: a person states it (Associations), and what nobody has stated is a line of the loss report. CX-0010 2.2 (business
partner numbers, ISO/IEC 7064 MOD 1271-36), ISO 17442-1 (LEI, ISO/IEC 7064 MOD 97-10), Ordinance of the Ministry of
Finance 70 of 2014 (corporate numbers of Japan), GS1 General Specifications 7.9 (GLN), Ouranos v1 (OperatorModel,
PlantModel, PartsModel). Whether a name was ever given to anybody is not asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from packseal.exchange.export import UnfitError

MAX_PART_CHARACTERS = 255
MAX_OPEN_OPERATOR_CHARACTERS = 20
_BPN = re.compile(r"BPN[LSA][0-9A-Z]{12}")
_LEI = re.compile(r"[0-9A-Z]{18}[0-9]{2}")
_CORPORATE_NUMBER = re.compile(r"[0-9]{13}")
_GLN = re.compile(r"[0-9]{13}")
_OPEN_PLANT = re.compile(r"[!-~]{0,20}[0-9]{6}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KINDS = {"L": "legal entity", "S": "site", "A": "address"}


def bpnl(text: str) -> str:
    """Number of a legal entity in Catena-X. Raises UnfitError."""
    return _bpn(text, "L")


def bpns(text: str) -> str:
    """Number of a site in Catena-X. Raises UnfitError."""
    return _bpn(text, "S")


def bpna(text: str) -> str:
    """Number of an address in Catena-X. Raises UnfitError."""
    return _bpn(text, "A")


def lei(text: str) -> str:
    """Legal entity identifier: 18 characters and 2 check digits. Raises UnfitError."""
    if not _LEI.fullmatch(text):
        raise UnfitError(f"{text!r} is no LEI: expected 18 capital letters and digits, then 2 check digits")
    if int("".join(str(int(character, 36)) for character in text)) % 97 != 1:
        raise UnfitError(f"{text} is no LEI: its check digits do not fit; compare it with its source")
    return text


def corporate_number(text: str) -> str:
    """Number of a company in Japan: a check digit and 12 digits. Raises UnfitError."""
    if not _CORPORATE_NUMBER.fullmatch(text):
        raise UnfitError(f"{text!r} is no corporate number: expected 13 digits")
    weighed = sum(int(digit) * (1 + position % 2) for position, digit in enumerate(reversed(text[1:])))
    if int(text[0]) != 9 - weighed % 9:
        raise UnfitError(f"{text} is no corporate number: its first digit does not fit; compare it with its source")
    return text


def gln(text: str) -> str:
    """Global location number: 12 digits and a check digit. Raises UnfitError."""
    if not _GLN.fullmatch(text):
        raise UnfitError(f"{text!r} is no GLN: expected 13 digits")
    if sum(int(digit) * (1 + 2 * (position % 2)) for position, digit in enumerate(reversed(text))) % 10:
        raise UnfitError(f"{text} is no GLN: its check digit does not fit; compare it with its source")
    return text


def open_operator_id(text: str) -> str:
    """What an operator is called in Ouranos, openOperatorId: in Japan its corporate number. Raises UnfitError."""
    if not 0 < len(text) <= MAX_OPEN_OPERATOR_CHARACTERS or not text.isprintable():
        raise UnfitError(f"{text!r} is no openOperatorId: expected 1 to {MAX_OPEN_OPERATOR_CHARACTERS} characters")
    return text


def open_plant_id(text: str) -> str:
    """What a plant is called in Ouranos, openPlantId: 6 to 26 characters, the last 6 digits. Raises UnfitError."""
    if not _OPEN_PLANT.fullmatch(text):
        raise UnfitError(f"{text!r} is no openPlantId: expected 6 to 26 characters, the last six of them digits")
    return text


def part_id(text: str) -> str:
    """What a manufacturer calls a kind of part, or one part. Raises UnfitError."""
    if not 0 < len(text) <= MAX_PART_CHARACTERS or not text.isprintable() or text != text.strip():
        raise UnfitError(f"{text!r} is no number of a part: expected 1 to {MAX_PART_CHARACTERS} characters")
    return text


def trace_id(text: str) -> str:
    """What Ouranos calls a part once it is registered: a UUID in small letters. Raises UnfitError."""
    if not _UUID.fullmatch(text):
        raise UnfitError(f"{text!r} is no traceId: expected a UUID in small letters")
    return text


@dataclass(frozen=True, slots=True)
class Party:
    """One company under all its names that somebody has stated. Raises UnfitError for what can be no such name."""

    name: str
    corporate_number: str | None = None
    bpnl: str | None = None
    lei: str | None = None
    gln: str | None = None
    open_operator_id: str | None = None

    def __post_init__(self) -> None:
        _check(corporate_number, self.corporate_number)
        _check(bpnl, self.bpnl)
        _check(lei, self.lei)
        _check(gln, self.gln)
        _check(open_operator_id, self.open_operator_id)

    @property
    def operator(self) -> str | None:
        """Its openOperatorId in Ouranos: the one stated, else its corporate number, which in Japan is the same."""
        return self.open_operator_id or self.corporate_number


@dataclass(frozen=True, slots=True)
class Plant:
    """One site under all its names that somebody has stated. Raises UnfitError for what can be no such name."""

    name: str
    open_plant_id: str | None = None
    bpns: str | None = None
    bpna: str | None = None
    gln: str | None = None

    def __post_init__(self) -> None:
        _check(open_plant_id, self.open_plant_id)
        _check(bpns, self.bpns)
        _check(bpna, self.bpna)
        _check(gln, self.gln)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What one battery is called where it goes. Raises UnfitError for what can be no such name."""

    manufacturer: Party
    manufacturer_part_id: str
    part_instance_id: str | None = None
    plant: Plant | None = None
    trace_id: str | None = None

    def __post_init__(self) -> None:
        _check(part_id, self.manufacturer_part_id)
        _check(part_id, self.part_instance_id)
        _check(trace_id, self.trace_id)


@dataclass(frozen=True, slots=True)
class Associations:
    """Which names mean the same company or site, as a person has stated it: the one way from a name to another.

    Raises UnfitError where one name stands for two: then none of the two may be taken.
    """

    parties: tuple[Party, ...] = ()
    plants: tuple[Plant, ...] = ()

    def __post_init__(self) -> None:
        _once("parties", ((one.name, _party_names(one)) for one in self.parties))
        _once("plants", ((one.name, _plant_names(one)) for one in self.plants))

    def party(self, name: str) -> Party | None:
        """By any of its numbers, not by what it is called."""
        return next((one for one in self.parties if name in _party_names(one)), None)

    def plant(self, name: str) -> Plant | None:
        return next((one for one in self.plants if name in _plant_names(one)), None)


def _bpn(text: str, letter: str) -> str:
    kind = _KINDS[letter]
    if not _BPN.fullmatch(text) or text[3] != letter:
        raise UnfitError(f"{text!r} is no number of a {kind}: expected BPN{letter} and 12 capital letters or digits")
    # CX-0010 2.2 wants the check characters to cover the whole number; those in circulation, and the reference
    # implementation that issues them, cover the entity characters alone. Both are taken.
    if not _holds(text[4:]) and not _holds(text):
        raise UnfitError(
            f"{text} is no number of a {kind}: its check characters do not fit; compare it with its source"
        )
    return text


def _holds(text: str) -> bool:
    """ISO/IEC 7064, 7.2: the value of the text, its two check characters with it, is congruent to 1."""
    return int(text, 36) % 1271 == 1


def _check(form: Callable[[str], str], text: str | None) -> None:
    if text is not None:
        form(text)


def _party_names(party: Party) -> set[str]:
    names = (party.corporate_number, party.bpnl, party.lei, party.gln, party.open_operator_id)
    return {name for name in names if name is not None}


def _plant_names(plant: Plant) -> set[str]:
    return {name for name in (plant.open_plant_id, plant.bpns, plant.bpna, plant.gln) if name is not None}


def _once(of: str, named: Iterable[tuple[str, set[str]]]) -> None:
    owners: dict[str, str] = {}
    for owner, names in named:
        for name in sorted(names):
            if name in owners:
                raise UnfitError(f"{name} stands for two {of}, {owners[name]} and {owner}; keep it at one")
            owners[name] = owner
