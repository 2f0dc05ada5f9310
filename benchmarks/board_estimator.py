"""What the estimator costs on the emulated board, with 96 blocks in series: prints a line `name value` for each figure.

Counts of instructions as in board_cortex_m.py. Heap is what the estimator adds to a board that has imported all else:
its modules, its state, and the most in use while it works on a ring of rests.
"""

import gc

import mps2

gc.threshold(4096)

from logger.core.sampling import Integrator, Sample  # noqa: E402
from logger.drivers.simulator import SimulatedPack  # noqa: E402

INSTRUCTIONS_A_COUNT = 40
COUNTER_MASK = 0x3FFFFFFF
BLOCKS, STRINGS, RATED_MAH, TRUE_MAH = 96, 1, 50000, 45500
SAMPLE_MS, WINDOW_SAMPLES = 1000, 60
SAMPLES = 2520  # three quarters of the simulated pack's cycle: four rests
LOOKED_AT_EVERY = 8  # steps: a collection takes as long as some of them


def live_bytes():
    gc.collect()
    return gc.mem_alloc()


sample, integrator = Sample(BLOCKS, STRINGS), Integrator([0] * 4, 60 * SAMPLE_MS)
now_ms = 0
pack = SimulatedPack(lambda: now_ms, BLOCKS, STRINGS, RATED_MAH, TRUE_MAH, 1)
before_bytes = live_bytes()
from logger.core.estimator import Estimator  # noqa: E402

imported_bytes = live_bytes() - before_bytes
config = {"rated_capacity_mah": RATED_MAH, "cell_blocks": BLOCKS, "strings": STRINGS, "chemistry": "nmc"}
estimator = Estimator(config, SAMPLE_MS, integrator.energies_uwh)
state_bytes = live_bytes() - before_bytes
peak_bytes = settle_most = ring_sum = step_most = steps = settles = settle_sum = 0
adds = []
said = []


def counted(work, *arguments):
    since = mps2.count()
    work(*arguments)
    return ((mps2.count() - since) & COUNTER_MASK) * INSTRUCTIONS_A_COUNT


for slot in range(SAMPLES):
    now_ms = slot * SAMPLE_MS
    pack.read(sample)
    flow = integrator.add(now_ms, sample.current_ma, sample.pack_mv)
    count = counted(estimator.add, sample, flow)
    if slot % 97 == 50:
        adds.append(count)
    if estimator.is_due:
        count = counted(estimator.settle)
        settles += 1
        settle_sum += count
        settle_most = max(settle_most, count)
    while estimator.has_work:
        gc.collect()
        count = counted(estimator.work)
        ring_sum += count
        step_most = max(step_most, count)
        steps += 1
        if steps % LOOKED_AT_EVERY == 0:
            peak_bytes = max(peak_bytes, live_bytes() - before_bytes)
    if slot % WINDOW_SAMPLES == WINDOW_SAMPLES - 1:
        estimator.note_window(slot // WINDOW_SAMPLES)
        statement = estimator.statement()
        if statement:
            said.append(statement[0])

print("estimator_add", sorted(adds)[len(adds) // 2])
print("estimator_settle", settle_most)
print("estimator_step", step_most)
print("estimator_rings", ring_sum)
print("estimator_second", sorted(adds)[len(adds) // 2] + (settle_sum + ring_sum) // (SAMPLES * SAMPLE_MS // 1000))
print("estimator_modules", imported_bytes)
print("estimator_state", state_bytes - imported_bytes)
print("estimator_peak", peak_bytes)
print("statements", len(said))
print("healths", len([kind for kind in said if kind == 3]))
