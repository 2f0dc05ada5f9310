"""What the estimator says of the simulated pack, driven deeper than by itself: `estimates.py TRUE_MAH CYCLES new|used`.

Prints the bodies of all statements as JSON, in order, with the state of charge at the end.
"""

import json
import sys

from logger.core.estimator import Estimator
from logger.core.sampling import Integrator, Sample
from logger.drivers import simulator

RATED_MAH, BLOCKS, STRINGS, SAMPLE_MS, WINDOW_SAMPLES = 10000, 12, 2, 1000, 60
PHASES = ((600000, 0, 0), (1386000, -2400, -1080), (600000, 0, 0), (1386000, 2004, 2004))  # 77 % of rated_capacity
CONFIG: dict = {"rated_capacity_mah": RATED_MAH, "cell_blocks": BLOCKS, "strings": STRINGS, "chemistry": "nmc"}
CERTIFIED_WH = 220


def main(true_mah, cycles, age):
    simulator._PHASES = PHASES  # type: ignore[assignment]
    simulator._FULL_SOC_PPM = 930000
    simulator.CYCLE_MS = sum([phase[0] for phase in PHASES])
    now_ms = [0]
    pack = simulator.SimulatedPack(lambda: now_ms[0], BLOCKS, STRINGS, RATED_MAH, true_mah, 1)
    sample, integrator = Sample(BLOCKS, STRINGS), Integrator([0] * 4, 60 * SAMPLE_MS)
    config = dict(CONFIG)
    config["certified_energy_wh"] = CERTIFIED_WH
    config["is_new_pack"] = int(age == "new")
    estimator, found = Estimator(config, SAMPLE_MS, integrator.energies_uwh), []
    for slot in range(cycles * simulator.CYCLE_MS // SAMPLE_MS):
        now_ms[0] = slot * SAMPLE_MS
        pack.read(sample)
        estimator.add(sample, integrator.add(now_ms[0], sample.current_ma, sample.pack_mv))
        while estimator.has_work:
            estimator.work()
        if slot % WINDOW_SAMPLES == WINDOW_SAMPLES - 1:
            estimator.note_window(slot // WINDOW_SAMPLES)
            statement = estimator.statement()
            if statement:
                found.append(statement)
    print(json.dumps({"said": found, "soc_cpct": estimator.soc_cpct()}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
