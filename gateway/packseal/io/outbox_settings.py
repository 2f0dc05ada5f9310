"""[outbox_limits] of gateway.toml: how much of a disk, and of a pack's time, may wait for receipts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from packseal.io.setting_types import Table
from packseal.outbox import Limits

BYTES_PER_MB = 1_000_000
Megabytes = Annotated[int, Field(strict=True, ge=4, le=10_000_000)]  # below 4 the write-ahead log alone would fill it


class OutboxLimitsTable(Table):
    """[outbox_limits] of gateway.toml"""

    max_mb: Megabytes = 1_000
    max_hours: Annotated[int, Field(strict=True, ge=1, le=876_000)] = 8_760
    free_mb: Annotated[int, Field(strict=True, ge=0, le=10_000_000)] = 200

    @property
    def limits(self) -> Limits:
        return Limits(self.max_mb * BYTES_PER_MB, self.max_hours, self.free_mb * BYTES_PER_MB)
