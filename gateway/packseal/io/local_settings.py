"""[local] of gateway.toml and passport.toml: where this machine, and no other, may ask how the program is."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator

from packseal.io.setting_types import Listen, Table

LOCAL_GATEWAY = "127.0.0.1:8421"  # what the documents and the package's settings name; nothing listens by itself
LOCAL_PASSPORT = "127.0.0.1:8422"


def _loopback(listen: str) -> str:
    host = listen.rpartition(":")[0]
    try:
        is_local = host == "localhost" or ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        is_local = False
    if not is_local:
        raise ValueError(
            f"{host} can be reached from outside, and whoever asks here shows no credential;"
            f' write listen = "{LOCAL_GATEWAY}", and let a proxy or an agent on this machine pass it on'
        )
    return listen


class LocalTable(Table):
    """[local] of gateway.toml and passport.toml"""

    listen: Annotated[Listen, AfterValidator(_loopback)]
