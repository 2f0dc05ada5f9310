"""The one interface to the ecosystem, whatever version of its contract is spoken.

Whoever registers parts, asks for footprints or declares them uses this alone. The clients behind it (io/ouranos_v1.py,
io/ods_v2.py) raise PartnerRefusedError when the partner says no, PartnerUnavailableError when it does not answer, and
UnfitError for a value that its contract does not take. None of them sends twice what would then be there twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from packseal.exchange.ouranos.model import (
    Certification,
    Footprint,
    FootprintLine,
    Inquiry,
    NewRequest,
    Notice,
    Operator,
    Part,
    Plant,
    Request,
    Status,
    Structure,
    Trade,
)
from packseal.exchange.ouranos.structure import Change


class Operators(Protocol):
    def own(self) -> Operator:
        """Whoever is logged in."""

    def find(self, corporate_number: str) -> Operator | None: ...

    def plants(self) -> tuple[Plant, ...]:
        """Our own."""

    def register_plant(self, plant: Plant) -> Plant:
        """-> it, with its id; what is there already stays."""


class Parts(Protocol):
    def find(self, part: Part) -> Part | None:
        """The registered part of this identity."""

    def all(self, *, parents_only: bool = False) -> tuple[Part, ...]: ...

    def structure(self, trace_id: str) -> Structure: ...

    def change(self, change: Change) -> Structure:
        """-> what is registered then. Children that the change does not name stay. Keep the trace ids."""

    def remove(self, trace_id: str) -> None: ...


class Trades(Protocol):
    def request(self, new: NewRequest) -> Request:
        """Asks for a footprint once: an open request of the same part to the same supplier is given back."""

    def requests(self, trace_ids: Sequence[str]) -> tuple[Trade, ...]: ...

    def statuses(self, trace_id: str) -> tuple[Status, ...]:
        """Of what we asked for."""

    def inquiries(self) -> tuple[Inquiry, ...]:
        """What we are asked for."""

    def answer(self, trade_id: str, trace_id: str) -> Trade:
        """Ties our part to a request of the buyer."""

    def cancel(self, request: Request) -> None:
        """Takes our own request back."""

    def reject(self, inquiry: Inquiry, why: str) -> None:
        """Sends a request back to the buyer, with why."""


class Footprints(Protocol):
    def of(self, trace_ids: Sequence[str]) -> tuple[FootprintLine, ...]: ...

    def declare(self, footprint: Footprint) -> Footprint:
        """-> it, with its id."""

    def certifications(self, trace_id: str) -> tuple[Certification, ...]: ...


class Notices(Protocol):
    def send(self, notice: Notice) -> str:
        """-> its id. Sent once: where no answer comes it may have arrived, and is not repeated."""


class OuranosAdapter(Protocol):
    """notices: None where the version has no such service."""

    @property
    def operators(self) -> Operators: ...

    @property
    def parts(self) -> Parts: ...

    @property
    def trades(self) -> Trades: ...

    @property
    def footprints(self) -> Footprints: ...

    @property
    def notices(self) -> Notices | None: ...
