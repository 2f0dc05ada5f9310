"""A gateway follows its settings file while it runs: what changed is replaced, and all else goes on as it is.

Decides what cannot change under way. Boards, buses, offers and the outbox's limits can; where the records go, who signs
and whose receipts count is what a gateway is, and takes a restart. Nothing has changed when something is refused.
"""

from __future__ import annotations

from pathlib import Path

from packseal.apps.mistakes import Mistakes
from packseal.errors import ConfigError
from packseal.io.keys import load_key
from packseal.io.settings import GatewaySettings

FOLLOWED = ("board", "can", "outbox_limits")
WORDS = "cannot change while the gateway runs; restart it (systemctl restart packseal-gateway)"


def check_can_follow(path: Path, old: GatewaySettings, new: GatewaySettings, public_key: bytes) -> None:
    """public_key: that the gateway signs with. Raises ConfigError, with each key of the file that takes a restart."""
    mistakes = Mistakes(path)
    changed = [name for name in type(new).model_fields if getattr(old, name) != getattr(new, name)]
    for name in changed:
        if name not in FOLLOWED:
            with mistakes.of(name):
                raise ConfigError(f"{name} {WORDS}")
    if "key" not in changed:
        with mistakes.of("key"):
            if load_key(new.key).public_key != public_key:
                raise ConfigError(f"key: another key lies in {new.key}, which {WORDS}")
    if mistakes.found:
        raise mistakes.error
