"""What waits for a receipt, and when it is sent again: a state machine without a disk or a clock."""

from packseal.outbox.outbox import Item, Outbox, State

__all__ = ["Item", "Outbox", "State"]
