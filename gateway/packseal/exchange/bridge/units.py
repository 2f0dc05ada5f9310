"""What an emission is told for: one kilogram, one piece, one kilowatt-hour; and how one of these becomes another.

Decides the arithmetic, exactly: nothing is rounded here. Units of Ouranos v1 (CfpModel.ghgDeclaredUnit) and of IDTA
02035-3 1.0 (ReferenceImpactUnitForCalculation, ECLASS 0173-1#02-ABG856). A kilogram becomes a piece only where somebody
has stated the mass, a kilowatt-hour only where the energy is stated and it is known of which energy one is meant: of
what the battery gives over its life, as Annex II of Regulation (EU) 2023/1542 has it, or of its rated energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

from packseal.exchange.ouranos.model import Unit

DIGITS = 15  # that a number of JSON carries from any program to any other (IEEE 754 double)
PLACES = Decimal("0.00001")  # Ouranos v1, `cfp`: five decimals, the sixth rounded up
_ENOUGH = Context(prec=60)


class Kind(StrEnum):
    """Of what an amount is; the words go on in a sentence."""

    PIECE = "piece"
    MASS = "mass"
    VOLUME = "volume"
    AREA = "area"
    TRANSPORT = "transport"
    LIFE_ENERGY = "energy given over its life"
    RATED_ENERGY = "rated energy"
    SOME_ENERGY = "energy"


class NotStatedError(ValueError):
    """A number that the arithmetic needs, and nobody has stated; the text says which."""


@dataclass(frozen=True, slots=True)
class Measure:
    """name: as its ecosystem writes it. size: in piece, kg, l, m2, t·km or kWh."""

    name: str
    kind: Kind
    size: Fraction = Fraction(1)


IDTA: Mapping[str, Measure] = MappingProxyType(
    {
        one.name: one
        for one in (
            Measure("g", Kind.MASS, Fraction(1, 1000)),
            Measure("kg", Kind.MASS),
            Measure("t", Kind.MASS, Fraction(1000)),
            Measure("ml", Kind.VOLUME, Fraction(1, 1000)),
            Measure("l", Kind.VOLUME),
            Measure("cbm", Kind.VOLUME, Fraction(1000)),
            Measure("qm", Kind.AREA),
            Measure("piece", Kind.PIECE),
            Measure("kWh", Kind.LIFE_ENERGY),
        )
    }
)
OURANOS: Mapping[Unit, Measure] = MappingProxyType(
    {
        Unit.LITER: Measure("liter", Kind.VOLUME),
        Unit.KILOGRAM: Measure("kilogram", Kind.MASS),
        Unit.CUBIC_METER: Measure("cubic-meter", Kind.VOLUME, Fraction(1000)),
        Unit.KILOWATT_HOUR: Measure("kilowatt-hour", Kind.SOME_ENERGY),
        Unit.MEGAJOULE: Measure("megajoule", Kind.SOME_ENERGY, Fraction(5, 18)),
        Unit.TON_KILOMETER: Measure("ton-kilometer", Kind.TRANSPORT),
        Unit.SQUARE_METER: Measure("square-meter", Kind.AREA),
        Unit.PIECE: Measure("unit", Kind.PIECE),
    }
)
TO_IDTA: Mapping[Unit, str] = MappingProxyType(
    {
        Unit.LITER: "l",
        Unit.KILOGRAM: "kg",
        Unit.CUBIC_METER: "cbm",
        Unit.KILOWATT_HOUR: "kWh",
        Unit.MEGAJOULE: "kWh",
        Unit.SQUARE_METER: "qm",
        Unit.PIECE: "piece",
    }
)
"""Where nobody asks for another one. A ton-kilometre has no counterpart."""
TO_OURANOS: Mapping[str, Unit] = MappingProxyType(
    {
        "g": Unit.KILOGRAM,
        "kg": Unit.KILOGRAM,
        "t": Unit.KILOGRAM,
        "ml": Unit.LITER,
        "l": Unit.LITER,
        "cbm": Unit.CUBIC_METER,
        "qm": Unit.SQUARE_METER,
        "piece": Unit.PIECE,
        "kWh": Unit.KILOWATT_HOUR,
    }
)


@dataclass(frozen=True, slots=True)
class Product:
    """What is stated of one piece. kilowatt_hour: LIFE_ENERGY or RATED_ENERGY, of which Ouranos is told one."""

    mass_kg: Decimal | None = None
    lifetime_energy_kwh: Decimal | None = None
    rated_energy_kwh: Decimal | None = None
    kilowatt_hour: Kind | None = None

    def meant(self, measure: Measure) -> Measure:
        """With the energy that is meant. Raises NotStatedError."""
        if measure.kind is not Kind.SOME_ENERGY:
            return measure
        if self.kilowatt_hour is None:
            raise NotStatedError("of which energy a kilowatt-hour is one: rated, or given over its life")
        return Measure(measure.name, self.kilowatt_hour, measure.size)

    def per(self, emission: Fraction, told: Measure, wanted: Measure) -> Fraction:
        """An emission for one `told` as one for one `wanted`. Raises NotStatedError."""
        told, wanted = self.meant(told), self.meant(wanted)
        of_one = emission / told.size
        if told.kind is not wanted.kind:
            of_one = of_one * self._in_a_piece(told.kind) / self._in_a_piece(wanted.kind)
        return of_one * wanted.size

    def _in_a_piece(self, kind: Kind) -> Fraction:
        amounts: Mapping[Kind, Decimal | None] = {
            Kind.PIECE: Decimal(1),
            Kind.MASS: self.mass_kg,
            Kind.LIFE_ENERGY: self.lifetime_energy_kwh,
            Kind.RATED_ENERGY: self.rated_energy_kwh,
        }
        amount = amounts.get(kind)
        if amount is None:
            raise NotStatedError(f"the {kind} of one piece")
        return Fraction(amount)


@dataclass(frozen=True, slots=True)
class Rounded:
    value: Decimal
    is_exact: bool


def five_places(exact: Fraction) -> Rounded:
    """As Ouranos v1 takes it: the sixth decimal rounded up."""
    scaled = exact / Fraction(PLACES)
    whole = -((-scaled.numerator) // scaled.denominator)
    return Rounded(_plain(Decimal(whole) * PLACES), whole == scaled)


def fifteen_digits(exact: Fraction) -> Rounded:
    """As a number of JSON carries it."""
    near = Context(prec=DIGITS, rounding=ROUND_HALF_EVEN)
    value = near.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return Rounded(_plain(value), Fraction(value) == exact)


def words(exact: Fraction) -> str:
    """For a person: the number itself where it has an end, else its first digits."""
    value = _ENOUGH.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return f"{_plain(value):f}" if Fraction(value) == exact else f"{fifteen_digits(exact).value:f}…"


def _plain(value: Decimal) -> Decimal:
    """Without zeros at its end, and without an exponent above 0."""
    short = value.normalize(_ENOUGH)
    return short.quantize(Decimal(1), context=_ENOUGH) if short == short.to_integral_value() else short
