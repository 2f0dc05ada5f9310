"""Findings -> alarms in plain words: what was seen, since which record, and what to do next."""

from __future__ import annotations

from packseal.estimate.alarms.alarm import AlarmKind, AlarmLog, Evidence, Severity
from packseal.estimate.alarms.claims import Finding
from packseal.estimate.alarms.drift import Drifting
from packseal.estimate.alarms.fingerprint import Seen, Swap
from packseal.estimate.alarms.health import Rise
from packseal.estimate.alarms.offset import Pair

MOST_LOOKS = 4
_TRAITS = {
    "resistance": "resistances of neighbouring blocks against each other",
    "capacity": "charge of neighbouring blocks between the same voltages",
    "balance in charges": "states of charge of neighbouring blocks against each other in a charge",
    "balance in rests": "states of charge of neighbouring blocks against each other in a rest",
}


def raise_swap(log: AlarmLog, swap: Swap, uptime_ms: int) -> None:
    clearest = sorted(swap.looks, key=lambda look: look.moved / max(look.pairs, 1))[-MOST_LOOKS:]
    evidence = tuple(_look(look) for look in sorted(clearest, key=lambda look: look.seq))
    known = Evidence(swap.same_seq, "the last record at which all of these were still as before")
    if swap.kind == "pack":
        words = (
            "These are not the cells that were there before: the proportions between most blocks have changed at once. "
            "Compare the serial number of the pack; if it was exchanged, open a new log for the new one"
        )
        log.raise_alarm(AlarmKind.PACK_SWAPPED, words, uptime_ms, (*evidence, known))
        return
    first, last = swap.blocks
    words = (
        f"Blocks {first} to {last} are not those that were there before, the others are: a module was exchanged. "
        "Check its serial number and the record of repairs; what was known of the old blocks is not carried over"
    )
    log.raise_alarm(AlarmKind.MODULE_SWAPPED, words, uptime_ms, (*evidence, known), swap.blocks)


def _look(look: Seen) -> Evidence:
    words = f"{_TRAITS[look.trait]}: {look.moved} of {look.pairs} pairs moved beyond 3 times their usual scatter"
    return Evidence(look.seq, words, {"pairs_moved": look.moved, "pairs": look.pairs})


def raise_claim(log: AlarmLog, finding: Finding, uptime_ms: int) -> None:
    before, now = finding.before / 100, finding.now / 100
    match finding.what:
        case "risen":
            words = (
                f"The state of health that the BMS claims rose from {before:.1f} to {now:.1f} %. Cells do not heal: "
                "ask who serviced the BMS, and trust no claim of it until it has been measured"
            )
            numbers = {"before_percent": before, "now_percent": now}
            log.raise_alarm(
                AlarmKind.CLAIM_APART, words, uptime_ms, (Evidence(finding.seq, "claimed health rises", numbers),)
            )
        case "apart":
            words = (
                f"The BMS claims a state of health of {now:.1f} %, the charges of this pack show {before:.1f} %. "
                "Have the capacity measured by a full discharge before the claim is used"
            )
            limit = finding.limit / 100
            numbers = {"claimed_percent": now, "estimated_percent": before, "limit_points": limit}
            text = f"apart by more than the 95 % interval of the estimate and 5 points, together {limit:.1f}"
            log.raise_alarm(AlarmKind.CLAIM_APART, words, uptime_ms, (Evidence(finding.seq, text, numbers),))
        case "capacity":
            words = (
                f"A full charge as the BMS claims it was worth {finding.before / 1000:.1f} Ah and is now worth "
                f"{finding.now / 1000:.1f} Ah: the capacity that the BMS counts with was edited, or its cells were "
                "exchanged. Compare its settings with those at delivery"
            )
            numbers = {"before_mah": finding.before, "now_mah": finding.now}
            text = "charge counted against claimed state of charge, in two swings"
            log.raise_alarm(
                AlarmKind.SETTING_EDITED, words, uptime_ms, (Evidence(finding.seq, text, numbers),), None,
                Severity.WARNING,
            )  # fmt: skip


def raise_reset(log: AlarmLog, seq: int, uptime_ms: int, text: str, numbers: dict[str, float]) -> None:
    words = (
        "The BMS was reset: it forgot what it knew of this pack. Its state of health and counts of cycles start from "
        "nothing; go by the board's own, and ask who reset it"
    )
    log.raise_alarm(AlarmKind.BMS_RESET, words, uptime_ms, (Evidence(seq, text, numbers),))


def raise_setting(
    log: AlarmLog, seq: int, uptime_ms: int, words: str, numbers: dict[str, float], severity: Severity | None = None
) -> None:
    evidence = (Evidence(seq, words, numbers),)
    whole = f"{words}. Ask who changed it and why; values in parts of it cannot be compared with those before"
    log.raise_alarm(AlarmKind.SETTING_EDITED, whole, uptime_ms, evidence, None, severity)


def raise_rise(log: AlarmLog, rise: Rise, uptime_ms: int, whose: str) -> None:
    before, now, joint = 100 * rise.before, 100 * rise.now, 100 * rise.joint_95
    words = (
        f"The state of health by {whose} rose from {before:.1f} to {now:.1f} %, by more than the joint 95 % interval "
        f"of {joint:.1f} points. Cells do not heal: look whether cells, sensors or settings were exchanged"
    )
    numbers = {"before_percent": before, "now_percent": now, "joint_interval_points": joint}
    evidence = (
        Evidence(rise.first_seq, "the last estimate before it"),
        Evidence(rise.last_seq, "the third estimate in a row above the interval", numbers),
    )
    log.raise_alarm(AlarmKind.HEALTH_ROSE, words, uptime_ms, evidence)


def raise_drift(log: AlarmLog, drifting: Drifting, seq: int, uptime_ms: int, how: str) -> None:
    part, limit = 100 * drifting.part, 100 * drifting.limit
    words = (
        f"Block {drifting.block} parts from the others: it has come to hold {abs(part):.1f} % of the capacity less "
        "than they do, and that grows. Have it checked for a leak, a failing sensor wire or a stuck balancer"
    )
    numbers = {"part_percent": part, "limit_percent": limit}
    evidence = (
        Evidence(drifting.since_seq, f"beyond {limit:.1f} % for the first time, {how}"),
        Evidence(seq, f"the third time in a row and more, {how}", numbers),
    )
    log.raise_alarm(AlarmKind.BLOCK_DRIFTS, words, uptime_ms, evidence, (drifting.block, drifting.block))


def raise_offset(log: AlarmLog, pairs: list[Pair], usual_rate: float, rated_mah: float) -> None:
    newest = pairs[-1]
    off_ma = (newest.offset_rate - usual_rate) * rated_mah
    words = (
        f"The current sensor shows about {off_ma:+.0f} mA that do not flow: charge does not close between rests at the "
        "same voltage. Have its zero adjusted; charge counted since is wrong by that"
    )
    evidence = tuple(
        Evidence(
            pair.last_seq,
            f"over {pair.hours:.0f} h since record {pair.first_seq}, at the same rest voltage",
            {"offset_ma": pair.offset_rate * rated_mah, "uncertainty_ma": pair.error_rate * rated_mah},
        )
        for pair in pairs
    )
    log.raise_alarm(AlarmKind.SENSOR_OFFSET, words, newest.uptime_ms, evidence)
