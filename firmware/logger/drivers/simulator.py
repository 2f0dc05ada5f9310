"""A simulated pack: cells of one open-circuit curve behind a resistance, driven round and round through one cycle.

A pure function of the time since a fixed origin, so that a restart of the firmware does not restart the pack. Integers
only. Its curve, noise and spread are unknown to the estimator. With words of 64 bits `read` makes nothing on the heap;
with 32 it does, and no board with a pack runs it.
"""

KIND = 0  # docs/record.md, BOOT key 3
_S = 1000

_PULSE_ON_MS, _PULSE_MS = 14 * _S, 20 * _S
# how long in ms; current while a pulse is on, and between pulses, in thousandths of rated_capacity / 1 h. Some 73 % of
# the capacity are taken in pulses and given back evenly; four rests on the way show which way the cells have aged.
_REST, _DRIVE = (270 * _S, 0, 0), (440 * _S, -2400, -1080)
_CHARGE = (1320 * _S, 2004, 2004)  # the mean of the pulses, so that the cycle closes
_PHASES = (_REST, _DRIVE, _REST, _DRIVE, _REST, _DRIVE, _REST, _CHARGE)
CYCLE_MS = sum([phase[0] for phase in _PHASES])

_FULL_SOC_PPM = 930000  # at the top of the cycle
_CELL_UOHM = 18000  # at 25 °C
_CELL_COLDER_PERMIL = 3  # more for each tenth of a degree below, and less above: about 25 kJ/mol
_SPREAD_PPM = 4000  # between the capacities of the blocks, up and down
_METER_OFFSET_MA, _METER_OFFSET_MV = 5, 3  # the same for ever; that of a cell up to so much
_CELL_NOISE_MV, _PACK_NOISE_MV, _CURRENT_NOISE_MA, _TEMPERATURE_NOISE_DDEGC = 2, 6, 15, 2
_COOL_DDEGC, _WARMING_DDEGC = 251, 38
_REPORTED_STEP_CPCT = 100
_REPORTED_SOH_CPCT = 10000  # a BMS that has never measured its own

# An NMC 811 cell with a graphite-silicon anode, in tenths of a millivolt and steps of 2 %. Computed by us from the two
# electrode functions and the limits that Chen and others measured on a 5 Ah LG M50 (J. Electrochem. Soc. 167, 080534,
# 2020).
_OCV_STEP_PPM = 20000
_OCV_DMV = (
    24977, 28374, 30159, 31175, 31892, 32577, 33255, 33777, 34105, 34320, 34493, 34662, 34844,
    35045, 35262, 35483, 35693, 35884, 36052, 36204, 36343, 36477, 36613, 36754, 36908, 37078,
    37265, 37468, 37678, 37887, 38089, 38289, 38502, 38748, 39006, 39236, 39434, 39619, 39808,
    40008, 40215, 40423, 40616, 40773, 40880, 40941, 40988, 41080, 41264, 41555, 41929,
)  # fmt: skip


class SimulatedPack:
    """The source of a board without a pack. `now_ms` gives pack time: milliseconds since the pack's origin."""

    kind = KIND
    refused = 0  # nothing comes from outside, so nothing is ever damaged

    def __init__(self, now_ms, cell_blocks, strings, rated_capacity_mah, true_capacity_mah, seed):
        """Capacities are the pack's; cell_blocks counts over all strings."""
        self.temperature_sensors = strings
        self._now_ms = now_ms
        self._strings = strings
        self._rated_mah = rated_capacity_mah
        self._current_ma = self._charge_mams = 0
        self._seed = seed
        steps = max(cell_blocks - 1, 1)
        self._capacities_mah = [
            true_capacity_mah * (1000000 + (2 * block - cell_blocks + 1) * _SPREAD_PPM // steps) // 1000000
            for block in range(cell_blocks)
        ]
        self._offsets_mv = [self._noise(0, block, _METER_OFFSET_MV) for block in range(cell_blocks)]

    def step(self, now_ms):
        """Nothing to drain, nothing to ask for."""

    def read(self, sample):
        """Fills sample with what the meters of this pack show now."""
        now_ms = self._now_ms()
        sample.missing = 0
        at_ms = now_ms % CYCLE_MS
        self._drive(at_ms)
        current_ma = self._current_ma
        charge_mams = self._charge_mams
        warm_ddegc = _COOL_DDEGC + _WARMING_DDEGC * min(at_ms, CYCLE_MS - at_ms) * 2 // CYCLE_MS
        cell_uohm = _CELL_UOHM + _CELL_UOHM * _CELL_COLDER_PERMIL * (250 - warm_ddegc) // 1000
        drop_dmv = current_ma // self._strings * cell_uohm // 100000
        blocks = len(self._capacities_mah)
        pack_dmv = soc_sum_ppm = 0
        for block in range(blocks):
            soc_ppm = _FULL_SOC_PPM + charge_mams * 10 // (self._capacities_mah[block] * 36)
            cell_dmv = _open_circuit_dmv(soc_ppm) + drop_dmv
            pack_dmv += cell_dmv
            soc_sum_ppm += soc_ppm
            noise_mv = self._offsets_mv[block] + self._noise(now_ms, block, _CELL_NOISE_MV)
            sample.cell_mv[block] = (cell_dmv + 5) // 10 + noise_mv
        sample.current_ma = current_ma + _METER_OFFSET_MA + self._noise(now_ms, blocks, _CURRENT_NOISE_MA)
        sample.pack_mv = pack_dmv // (10 * self._strings) + self._noise(now_ms, blocks + 1, _PACK_NOISE_MV)
        for string in range(self._strings):
            noise_ddegc = self._noise(now_ms, blocks + 2 + string, _TEMPERATURE_NOISE_DDEGC)
            sample.temperature_ddegc[string] = warm_ddegc + noise_ddegc
        reported_cpct = soc_sum_ppm // (100 * blocks) // _REPORTED_STEP_CPCT * _REPORTED_STEP_CPCT
        sample.soc_reported_cpct = min(max(reported_cpct, 0), 10000)
        sample.soh_reported_cpct = _REPORTED_SOH_CPCT

    def _drive(self, left_ms):
        """Sets current, and charge in mA·ms since the top of the cycle, at a time in it: in closed form."""
        self._charge_mams = 0
        for length_ms, on_rate, off_rate in _PHASES:
            on_ma = self._rated_mah * on_rate // 1000
            off_ma = self._rated_mah * off_rate // 1000
            in_phase_ms = min(left_ms, length_ms)
            part_ms = in_phase_ms % _PULSE_MS
            on_ms = in_phase_ms // _PULSE_MS * _PULSE_ON_MS + min(part_ms, _PULSE_ON_MS)
            self._charge_mams += on_ma * on_ms + off_ma * (in_phase_ms - on_ms)
            if left_ms < length_ms:
                self._current_ma = on_ma if part_ms < _PULSE_ON_MS else off_ma
                return
            left_ms -= length_ms
        raise ValueError("a time beyond the cycle")

    def _noise(self, now_ms, channel, limit):
        """From -limit to limit, even, and the same whenever it is asked for the same moment."""
        # multipliers below 2^30, so that products stay below 2^62 and off the heap
        mixed = ((now_ms & 0xFFFFFFFF) * 739982445 + channel * 40503 + self._seed * 69069 + 1) & 0xFFFFFFFF
        mixed = (mixed ^ mixed >> 15) * 695872825 & 0xFFFFFFFF
        mixed = (mixed ^ mixed >> 13) * 739982445 & 0xFFFFFFFF
        return (mixed ^ mixed >> 16) % (2 * limit + 1) - limit


def _open_circuit_dmv(soc_ppm):
    soc_ppm = min(max(soc_ppm, 0), 999999)
    step = soc_ppm // _OCV_STEP_PPM
    inside_ppm = soc_ppm % _OCV_STEP_PPM
    return _OCV_DMV[step] + (_OCV_DMV[step + 1] - _OCV_DMV[step]) * inside_ppm // _OCV_STEP_PPM
