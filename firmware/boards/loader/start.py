"""Lies on a board as main.py, beside the loader: MicroPython starts it."""

import loader
import root

loader.run(root)
