"""Reads segments as JSON, lines of the standard input, and prints as JSON what is known after each window.

Arguments: name of the family, rated_capacity_mah. A line is null for a gap, or what Segment and Totals are made of. The
last line is the bytes of heap that the estimator holds, 0 where that cannot be asked.
"""

import gc
import json
import sys

from logger.core.charge_window import ChargeWindows
from logger.core.curve_family import CurveFamily
from logger.core.segments import Segment
from logger.core.totals import Totals

IS_HEAP_ASKED = hasattr(gc, "mem_alloc")


def allocated():
    gc.collect()
    return gc.mem_alloc() if IS_HEAP_ASKED else 0


def settle(windows):
    steps = 0
    for _ in windows.settle_steps():
        steps += 1
    return steps


def main(name, rated_mah):
    table = __import__("logger.profiles." + name + "_family", None, None, ["FAMILY"]).FAMILY
    before = allocated()
    windows = ChargeWindows(CurveFamily(table), rated_mah)
    line = sys.stdin.readline()
    while line.strip():
        values = json.loads(line)
        if values is None:
            windows.gap()
        else:
            windows.note(
                Segment(values[0], values[1], [values[2]], values[3], values[4], values[5], Totals(*values[6:]))
            )
        if windows.is_due:
            steps = settle(windows)
            print(json.dumps([steps, windows.value()]))
        line = sys.stdin.readline()
    del line, values
    print(allocated() - before)


main(sys.argv[1], int(sys.argv[2]))
