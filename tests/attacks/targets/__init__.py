"""Every parser of bytes that came from somebody else, as a target of the fuzzers: by room, then by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

from tests.attacks.targets import bench, evidence, exchange, logs, partners, service, settings, signals
from tests.attacks.targets.target import Target

ROOMS: Mapping[str, Callable[[], Mapping[str, Target]]] = MappingProxyType(
    {
        "evidence": evidence.targets,
        "logs": logs.targets,
        "signals": signals.targets,
        "exchange": exchange.targets,
        "partners": partners.targets,
        "settings": settings.targets,
        "service": service.targets,
        "bench": bench.targets,
    }
)

__all__ = ["ROOMS", "Target", "targets_of"]


@cache
def targets_of(room: str) -> Mapping[str, Target]:
    return ROOMS[room]()
