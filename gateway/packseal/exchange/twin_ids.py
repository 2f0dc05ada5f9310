"""What a battery, its shell and the shell's submodels are called wherever they are described: at a registry, in an AAS.

Made of the passport's public name alone, so that describing twice makes no second twin, and an AASX that somebody was
sent is the same shell as the registry's. CX-0151 wants unique ids in the form of a UUID of version 4.
"""

from __future__ import annotations

import hashlib
import uuid


def derived_id(passport: str, name: str) -> str:
    """The same for ever for one passport and one purpose."""
    digest = hashlib.sha256(f"packseal:{passport}:{name}".encode()).digest()
    return uuid.UUID(bytes=digest[:16], version=4).urn


def battery_id(passport: str) -> str:
    """globalAssetId: of the battery itself."""
    return derived_id(passport, "battery")


def shell_id(passport: str) -> str:
    return derived_id(passport, "shell")


def submodel_id(passport: str, aspect: str) -> str:
    """aspect: id of its target, such as "nameplate"."""
    return derived_id(passport, aspect)
