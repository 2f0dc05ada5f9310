"""Follows cells through recorded rings: prints what is known of each after every ring, and the state that is kept.

A line of input is a cell as JSON: {"chemistry", "is_new", "rings": [[days, [anchor, ...]], ...]}.
"""

import json
import sys
from binascii import hexlify
from hashlib import sha256

from logger.core.electrodes import Curves
from logger.core.fit import Fit


def follow(cell):
    profile = __import__("logger.profiles." + cell["chemistry"], None, None, ["ELECTRODES"])
    fit = Fit(Curves(profile), is_new=cell["is_new"])
    for days, anchors in cell["rings"]:
        steps = 0
        for _ in fit.ring_steps(anchors, days):
            steps += 1
        uv = fit.ocv_uv(500000)
        digest = hexlify(sha256(fit.to_bytes()).digest()[:8]).decode()
        print(steps, *fit.capacity(), uv, *fit.soc_ppm(uv + 5000), digest)


for line in sys.stdin:
    follow(json.loads(line))
