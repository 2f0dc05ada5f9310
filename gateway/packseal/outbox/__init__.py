"""What waits for a receipt, when it is sent again, and what is given up when space ends; without a disk or a clock."""

from packseal.outbox.limits import Depth, Limits
from packseal.outbox.outbox import Item, Outbox, State

__all__ = ["Depth", "Item", "Limits", "Outbox", "State"]
