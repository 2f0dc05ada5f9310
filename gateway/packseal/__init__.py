"""PackSeal: what a battery pack measured, carried to its passport with proof."""

__version__ = "0.1.0"
