"""The Ouranos ecosystem, whatever version of its contract is spoken: its interface and its values."""

from packseal.exchange.ouranos.adapter import OuranosAdapter
from packseal.exchange.ouranos.structure import Change

__all__ = ["Change", "OuranosAdapter"]
