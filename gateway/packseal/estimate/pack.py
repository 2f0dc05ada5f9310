"""One pack, window by window: what is remembered, and what each new window adds.

Everything here is of constant size. A swap forgets what belonged to the cells that are gone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from packseal.estimate.alarms.claims import ChargeClaim, HealthClaim
from packseal.estimate.alarms.drift import Balance
from packseal.estimate.alarms.fingerprint import Fingerprint
from packseal.estimate.alarms.health import HealthLevel
from packseal.estimate.alarms.offset import SensorOffset
from packseal.estimate.blocks import BlockShares
from packseal.estimate.capacity import Capacity
from packseal.estimate.charges import ChargeTrace
from packseal.estimate.incremental import MeanCurve
from packseal.estimate.readings import Reader, Reading
from packseal.estimate.resistance import Resistance
from packseal.estimate.rests import RestWatch
from packseal.estimate.steps import Steps

FIRST_WEEKS_MS = 21 * 24 * 3_600_000
FIRST_CHARGES = 5
HELD_INPUTS = 12


@dataclass(slots=True)
class Pack:
    blocks: int
    rated_mah: float
    is_new: bool
    reader: Reader
    steps: Steps
    resistance: Resistance
    trace: ChargeTrace
    rests: RestWatch
    capacity: Capacity
    rest_balance: Balance
    charge_balance: Balance
    offset: SensorOffset
    charge_claim: ChargeClaim
    before: Reading | None = None
    first: MeanCurve = field(default_factory=MeanCurve)
    late: MeanCurve = field(default_factory=MeanCurve)
    shares: BlockShares = field(default_factory=BlockShares)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    health_claim: HealthClaim = field(default_factory=HealthClaim)
    own_health: HealthLevel = field(default_factory=HealthLevel)
    first_ms: int = -1  # of the pack as it is now
    charges: int = 0
    is_first_weeks: bool = True
    inputs: list[tuple[int, int]] = field(default_factory=list)
    newest_ms: int = 0
    celsius: float = np.nan
    span_mv: tuple[int, int] = (0, 0)
    known_cpct: tuple[int, int] | None = None  # health and its standard uncertainty after the newest charge

    def forget_cells(self, uptime_ms: int) -> None:
        """Other cells are there. What is known of the sensors and of the BMS stays."""
        self.resistance.forget_blocks()
        self.trace.rows = 0
        self.capacity = Capacity()
        self.rest_balance.forget()
        self.charge_balance.forget()
        self.first, self.late, self.shares = MeanCurve(), MeanCurve(), BlockShares()
        self.fingerprint.forget()
        self.own_health = HealthLevel()
        self.first_ms, self.charges, self.is_first_weeks, self.inputs = uptime_ms, 0, True, []
        self.is_new, self.known_cpct = False, None


def new_pack(blocks: int, rated_mah: float, is_new: bool) -> Pack:
    return Pack(
        blocks,
        rated_mah,
        is_new,
        Reader(blocks),
        Steps(rated_mah / 1000),
        Resistance(blocks, rated_mah / 1000),
        ChargeTrace(blocks, rated_mah),
        RestWatch(blocks, rated_mah),
        Capacity(is_new),
        Balance(blocks),
        Balance(blocks),
        SensorOffset(rated_mah),
        ChargeClaim(rated_mah),
    )
