"""What an ESTIMATE says (docs/record.md section 2), in plain words: its quantity and unit, its method, and what is
lacking, with what to do about it. What this version does not know stays a number."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from packseal.records.bodies import METHODS, BlockEstimate, Estimate, QuantityEstimate, margin


@dataclass(frozen=True, slots=True)
class Measure:
    """A quantity in words; its integer has `places` decimals in the unit that people are shown, `kept` are shown."""

    name: str
    unit: str = ""
    places: int = 0
    kept: int = 0

    def text(self, value: int) -> str:
        return f"{value / 10**self.places:.{self.kept}f} {self.unit}".rstrip()


QUANTITIES = {  # ESTIMATE key 1
    1: Measure("state of health", "%", 2, 1),
    2: Measure("resistance of the pack", "mΩ", 3, 2),
    3: Measure("usable energy", "kWh", 3, 2),
    4: Measure("power for 10 s at 80 % charge", "kW", 3, 2),
    5: Measure("power for 10 s at 20 % charge", "kW", 3, 2),
    6: Measure("round-trip efficiency", "%", 2, 1),
    7: Measure("self-discharge", "% in 30 days", 2, 2),
    8: Measure("state of certified energy", "%", 2, 1),
}
LACKING = {  # ESTIMATE key 5: what is missing, and what to do
    1: ("a rest of the pack", "let the pack rest 10 minutes without current"),
    2: ("a wider span of charge between rests", "charge or discharge the pack further before it rests again"),
    3: ("current steps", "switch the load or the charger on and off a few times"),
    4: ("an unbroken count of charge", "keep the board and what it reads from running from one rest to the next"),
    5: ("inputs that agree with each other", "check sensors and settings, then charge the pack and let it rest again"),
    6: ("a sensor", "connect the one that is missing; the board's events name it"),
    7: ("a setting", "put the certified energy into the board's configuration"),
    8: ("a voltage curve of this chemistry", "give the board a curve of these cells"),
    9: ("a full cycle back to the same state of charge", "discharge and charge the pack, back to where it began"),
}


def measure(quantity: int) -> Measure:
    return QUANTITIES.get(quantity) or Measure(f"quantity {quantity}")


def method(number: int) -> str:
    return METHODS.get(number, f"method {number}")


def lacks(code: int) -> tuple[str, str]:
    """What is missing, and what to do."""
    return LACKING.get(code) or (f"what has code {code}", "ask a newer version of PackSeal what that is")


def needs(codes: Iterable[int]) -> str:
    """needs a rest of the pack (let the pack rest ...) and current steps (...)"""
    parts = [f"{what} ({cure})" for what, cure in map(lacks, codes)]
    return "needs " + " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def headline(said: QuantityEstimate) -> str:
    of = measure(said.quantity)
    if said.value is None:
        return f"{of.name} not yet known: {needs(said.lacking)}"
    return f"{of.name}: {_amount(of, said.value)}"


def lines(said: QuantityEstimate) -> list[str]:
    """All that it says, a line each."""
    of = measure(said.quantity)
    found = [headline(said), "by " + ", ".join(filter(None, [method(said.method), _inputs(said), _conditions(said)]))]
    blocks = (("least", said.least), ("greatest", said.most))
    return found + [f"{name} in {_block(of, block)}" for name, block in blocks if block]


def _inputs(said: QuantityEstimate) -> str:
    return f"from records {said.inputs[0]} to {said.inputs[1]}" if said.inputs else ""


def _conditions(said: QuantityEstimate) -> str:
    span, ddegc = said.soc_span_cpct, said.temperature_ddegc
    charge = f"from {span[0] / 100:.1f} to {span[1] / 100:.1f} % charge" if span else ""
    return ", ".join(filter(None, [charge, "" if ddegc is None else f"at {ddegc / 10:.1f} °C"]))


def _amount(of: Measure, value: Estimate | BlockEstimate) -> str:
    return f"{of.text(value.value)} ± {of.text(margin(value.uncertainty))}"


def _block(of: Measure, block: BlockEstimate) -> str:
    return f"cell block {block.cell_block}, {_amount(of, block)}"
