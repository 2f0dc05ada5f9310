"""Settings of a service for many boards."""

from __future__ import annotations

from packseal.passport.settings import BatterySettings, EnrolledSource, PassportSettings
from tests.passport.board import RATED_MAH, Board


def settings_of(packs: dict[str, Board]) -> PassportSettings:
    """packs: by battery."""
    return PassportSettings(
        tuple(
            BatterySettings(battery, "SBESS", RATED_MAH, "A pack", (EnrolledSource(board.public_key, "B"),))
            for battery, board in packs.items()
        )
    )
