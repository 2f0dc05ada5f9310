"""Whose records belong to which battery: the trust that a site's operator states, and nothing else decides."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from packseal.records.acts import Authority
from packseal.records.bodies import Origin
from packseal.records.cose import PUBLIC_KEY_BYTES
from packseal.records.policy import CLASS_ORIGINS, CLASSES

CATEGORIES = {
    "EV": "electric vehicle",
    "LMT": "light means of transport",
    "SBESS": "stationary storage",
    "other_industrial": "industrial",
}
BATTERY_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,62}")  # one level of a topic and of a URL


@dataclass(frozen=True, slots=True)
class EnrolledSource:
    """A key that may speak for a battery, and how far it is to be believed (docs/record.md section 9)."""

    public_key: bytes
    evidence_class: str

    def __post_init__(self) -> None:
        if len(self.public_key) not in PUBLIC_KEY_BYTES.values() or self.evidence_class not in CLASSES:
            raise ValueError("a source is a public key of 32 or 64 bytes and an evidence class A, B, C or D")

    @property
    def origin(self) -> Origin:
        return CLASS_ORIGINS[self.evidence_class]


@dataclass(frozen=True, slots=True)
class BatterySettings:
    id: str
    category: str
    rated_capacity_mah: int | None
    name: str
    sources: tuple[EnrolledSource, ...] = ()
    chemistry: str = ""  # of its cells, where it is told

    def __post_init__(self) -> None:
        if not BATTERY_ID.fullmatch(self.id):
            raise ValueError(f"battery id {self.id!r}: expected up to 63 letters, digits, '.', '_', '~' or '-'")
        if self.category not in CATEGORIES or (self.rated_capacity_mah or 1) <= 0:
            raise ValueError(
                f"battery {self.id}: expected a category of {', '.join(CATEGORIES)}, and no capacity below 1"
            )


@dataclass(frozen=True, slots=True)
class PassportSettings:
    batteries: tuple[BatterySettings, ...]
    authorities: tuple[Authority, ...] = ()  # integrators, operators, assessors, recyclers and gateways
    origin: str = "packseal.invalid/log"  # the name of the service's own log
    _by_id: dict[str, BatterySettings] = field(init=False, repr=False, compare=False, default_factory=dict)
    _by_key: dict[bytes, tuple[BatterySettings, EnrolledSource]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        ids = [battery.id for battery in self.batteries]
        keys = [source.public_key for battery in self.batteries for source in battery.sources]
        if len(set(ids)) < len(ids) or len(set(keys)) < len(keys):
            raise ValueError("a battery id or a public key stands twice; a key speaks for one battery")
        self._by_id.update(zip(ids, self.batteries, strict=True))
        self._by_key.update((source.public_key, (one, source)) for one in self.batteries for source in one.sources)

    def battery(self, battery_id: str) -> BatterySettings | None:
        return self._by_id.get(battery_id)

    def enrolled(self, public_key: bytes) -> tuple[BatterySettings, EnrolledSource] | None:
        """The battery this key speaks for, and as what."""
        return self._by_key.get(public_key)
