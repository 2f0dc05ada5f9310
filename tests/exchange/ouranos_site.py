"""A buyer and a supplier at a simulated Ouranos platform, each with the real client."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs

from packseal.exchange.ouranos.model import Footprint, NewRequest, Part, Plant, Quality, Unit
from packseal.io.ouranos_v1 import OuranosV1, open_v1
from tests.sim.ouranos_auth import auth_app
from tests.sim.ouranos_contract import Contract
from tests.sim.ouranos_data import data_app
from tests.sim.ouranos_world import API_KEY, Company, Platform, company
from tests.sim.server import Served, served

TIMEOUT_S = 5.0
SHORT_S = 0.4  # for requests that hang
QUALITY = Quality(Decimal("2.1"), Decimal("2"), Decimal("1.5"))


@dataclass
class Time:
    """Stands still but where somebody waits."""

    now_s: float = 1000.0
    waited_s: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.waited_s.append(seconds)
        self.now_s += seconds


@dataclass
class Site:
    platform: Platform
    auth: Served
    data: Served
    buyer: Company
    supplier: Company
    time: Time = field(default_factory=Time)

    def client(self, who: Company, *, timeout_s: float = TIMEOUT_S, password: str | None = None) -> OuranosV1:
        return open_v1(
            self.auth.url,
            self.data.url,
            API_KEY,
            who.account,
            password or who.password,
            wait=self.time.wait,
            clock_s=self.time,
            timeout_s=timeout_s,
            is_private_allowed=True,
        )

    def plant_of(self, who: Company) -> str:
        plant = Plant(None, who.operator_id, f"{who.number}000001", "Main plant", "Osaka")
        made = self.client(who).operators.register_plant(plant)
        assert made.plant_id
        return made.plant_id

    def writes(self, target: str) -> int:
        """How often this was asked to be written, whatever came of it."""
        asked = (parse_qs(one.query) for one in self.data.asked if one.method == "PUT")
        return sum(one["dataTarget"] == [target] for one in asked)


@contextmanager
def ouranos(shared: Path) -> Iterator[Site]:
    contract = Contract(shared)
    buyer, supplier = company("1234567890123", "oem_a"), company("1234567890124", "supplier_b")
    platform = Platform([buyer, supplier])
    with served(auth_app(platform, contract)) as auth, served(data_app(platform, contract)) as data:
        yield Site(platform, auth, data, buyer, supplier)
    assert platform.broken == []
    assert platform.erased == []


def part_of(who: Company, plant_id: str, name: str, amount: str | None = None) -> Part:
    needed = None if amount is None else Decimal(amount)
    return Part(None, who.operator_id, plant_id, name, "2027", False, needed, Unit.KILOGRAM)


def asked_of(buyer: Company, supplier: Company, trace_id: str) -> NewRequest:
    return NewRequest(buyer.operator_id, trace_id, supplier.operator_id, "2027-03-31", "Please answer this month.")


def footprint_of(trace_id: str, emissions: Sequence[str] = ("1.5", "10", "0", "0")) -> Footprint:
    own_pre, own_main, bought_pre, bought_main = map(Decimal, emissions)
    return Footprint(
        trace_id, None, Unit.KILOGRAM, own_pre, own_main, bought_pre, bought_main, QUALITY, replace(QUALITY)
    )
