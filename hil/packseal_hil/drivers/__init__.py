"""Drivers: one product each behind a protocol of the bench, without decisions."""

from packseal_hil.drivers.open import Devices

__all__ = ["Devices"]
