"""Semantic identifiers that a descriptor has beside that of the aspect's model: CX-0160 1.1.0, 3.2.3 to 3.8.3."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

SUPPLEMENTAL_IDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "nameplate": (
            "https://admin-shell.io/idta/digitalbatterypassport/nameplate/1/0/Nameplate",
            "https://admin-shell.io/idta/nameplate/3/0/Nameplate",
            "urn:samm:io.admin-shell.idta.digital_nameplate:3.0.0",
        ),
        "handover": ("0173-1#01-AHF578#003",),
        "carbon-footprint": ("https://admin-shell.io/idta/CarbonFootprint/CarbonFootprint/1/0",),
        "technical-data": (
            "https://admin-shell.io/idta/digitalbatterypassport/TechnicalData/1/0",
            "0173-1#01-AHX837#002",
        ),
    }
)
"""By the target's id; what is not named has none."""
