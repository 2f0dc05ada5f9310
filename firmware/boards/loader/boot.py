"""MicroPython runs this before main.py: a heap that is collected late is a heap in pieces."""

import gc

gc.threshold(4096)
