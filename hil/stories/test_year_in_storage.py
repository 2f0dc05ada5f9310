from __future__ import annotations

import numpy as np
import pytest

from packseal_hil.bench import Pack
from packseal_hil.plant.duty import Duty
from packseal_hil.services import BenchPassport


def checkup():
    # h, C
    parts = [(0.5, 0), (1.0, -0.4), (0.5, 0), (2.4, 0.33), (0.5, 0), (1.8, -0.4), (0.5, 0), (1.0,.33),(.5,0)]
    return Duty("check-up", np.array([h * 3600 for h, _ in parts]), np.array([c for _, c in parts], float), np.full(len(parts), 25.0))


@pytest.mark.pack(series_blocks=8, sample_ms=60_000, window_ms=300_000, checkpoint_every=2, soc=0.5, loss=0.03, block_capacity_ah=50.0)
def test_year(pack: Pack, passport: BenchPassport) -> None:
    import time
    for k in range(1):
        t = time.time()
        pack.run(checkup())
        tr = pack.truth()
        h = passport.health()
        print(time.time() - t, h, pack.setup.true_soh_cpct(tr), tr.soc, passport.size())
        pack.age(1.0, "home-storage")
    tr = pack.trace()
    print(tr.estimate_time_s, tr.estimate_cpct, tr.estimate_low_cpct, tr.estimate_high_cpct)
    print(passport.document()['values']['soh_capacity_cpct'])
    from packseal.records.bodies import QuantityEstimate, StateOfHealth
    print([(e.seq,e.body) for e in passport.entries() if isinstance(e.body,(QuantityEstimate,StateOfHealth))])
