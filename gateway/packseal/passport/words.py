"""Numbers, ages, records and refusals in plain words: one wording for page, JSON and command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from packseal.errors import Reason
from packseal.records.bodies import (
    Boot,
    Config,
    Event,
    Gap,
    Key,
    QuantityEstimate,
    Rotation,
    Seal,
    StateOfHealth,
    Time,
    Window,
)
from packseal.records.entries import Entry
from packseal.records.estimate_words import headline
from packseal.records.report import GAP_CAUSES, SEAL_CAUSES, event_words, type_name, utc

MINUS = "\u2212"

PROVEN = (
    "Who said it: every record was signed with a key that was enrolled for this battery.",
    "In which order, and that no record was changed, taken out or put in since it was signed.",
    "That it was said before the time of its receipt.",
)
NOT_PROVEN = (
    "That the sensors told the truth.",
    "When exactly a value was measured, beyond the interval shown with it.",
    "That the board was on this battery and no other.",
    "Anything about the time before the log was opened, or while the board had no power.",
)
BARE = "its content could not be kept: the board's log was full, and only its hash is there"
EMPTIED = "its values were given up by the gateway, for want of room, and only their hash is there"
EVIDENCE_CLASSES = {
    "A": "signed beside the cells, with a key inside a security chip",
    "B": "signed beside the cells, with a key in the board's processor",
    "C": "heard on the vehicle's bus and signed by a gateway",
    "D": "read from a file somebody had; a replay, never live",
}
SOURCES = {0: "a simulator", 1: "the CAN bus", 2: "a serial line", 3: "a cell monitor chip", 4: "nothing yet"}
RESET_CAUSES = {
    1: "power on", 2: "the watchdog", 3: "a restart by software", 4: "a drop of its supply",
    5: "a fault of its processor or its reset pin",
}  # fmt: skip
REASONS = {
    Reason.MALFORMED: "the bytes are damaged or not in the format",
    Reason.UNKNOWN_VERSION: "it is in a version of the format that is not known here",
    Reason.UNKNOWN_LOG: "its key is not enrolled for any battery",
    Reason.UNKNOWN_SERVICE: "its receipt is from a service that is not trusted",
    Reason.WRONG_LOG: "it belongs to another log",
    Reason.WRONG_SEQ: "a record does not have the number of its place",
    Reason.WRONG_SIZE: "it ends at another record than its signature says",
    Reason.TIME_RUNS_BACK: "a record is older than the one before it",
    Reason.BAD_SIGNATURE: "the signature is not by the key of the log",
    Reason.ROOT_MISMATCH: "the records are not those that were signed",
    Reason.BAD_INCLUSION_PROOF: "the record is not in the log that was signed",
    Reason.BAD_CONSISTENCY_PROOF: "the log does not begin with what it was before",
    Reason.RECEIPT_MISMATCH: "the receipt is for something else",
    Reason.MISSING_ENTRIES: "records before it are missing",
    Reason.FORK: "it tells another story than what was signed before",
    Reason.BAD_SEED: "its disclosure seed is not the one that the log was opened with",
    Reason.BAD_DISCLOSURE: "what it shows is not what was signed",
    Reason.BAD_THRESHOLD: "the bound it shows is not one that was signed",
    Reason.BAD_ROTATION: "its key changes without the old and the new key having signed for it",
    Reason.SEALED: "it goes on behind the end of the log",
    Reason.KEY_REVOKED: "its key was revoked",
    Reason.UNKNOWN_AUTHORITY: "the act is signed by nobody who is known here",
    Reason.UNKNOWN_GATEWAY: "the gateway that attests is not enrolled here; its word was left out",
    Reason.WRONG_ROLE: "the key that signed the act may not sign such an act",
    Reason.BAD_POSSESSION: "nobody has shown to hold the key that it enrols",
    Reason.ALREADY_BOUND: "its key speaks for another battery, whose log has not been sealed",
    Reason.WRONG_BATTERY: "it belongs to another battery",
    Reason.WRONG_CLASS: "a log from there cannot have this evidence class",
    Reason.BAD_TIME: "what it says of its time does not hold",
    Reason.TOO_FEW_WITNESSES: "too few witnesses have cosigned the log",
    Reason.UNKNOWN_PASSPORT: "it is about a passport that is not kept here",
    Reason.ALREADY_CREATED: "its passport or battery id was given away before",
    Reason.OUTDATED: "another statement about the passport came first",
    Reason.WRONG_OPERATOR: "it is not signed by the operator who is responsible for the passport",
    Reason.WRONG_STAGE: "the passport's stage of life does not allow it",
    Reason.BAD_CONSENT: "another operator who has to agree did not sign",
    Reason.NOT_SEALED: "the logs of a battery that it comes from are not all sealed and named",
    Reason.WRONG_NONCE: "its checkpoint does not have the nonce that was asked for",
    Reason.UNFIT: "the battery is too worn, or too uneven, for the stage that is claimed",
}


def number(value: int, unit: str, places: int = 0) -> str:
    """A fixed-point integer with `places` decimal places and its unit: number(5020, "A", 3) is "5.020 A"."""
    digits = f"{abs(value):0{places + 1}d}"
    text = digits if not places else f"{digits[:-places]}.{digits[-places:]}"
    return f"{MINUS if value < 0 else ''}{text} {unit}".rstrip()


def rounded(value: int, drop: int) -> int:
    """value without its last `drop` decimal digits, to the nearest, halves away from zero."""
    step = int(10**drop)
    return (abs(value) + step // 2) // step * (1 if value >= 0 else -1)


def age(age_ms: int) -> str:
    seconds = age_ms // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def span(duration_ms: int) -> str:
    """A length of time with two units: 3 h 20 min."""
    seconds = duration_ms // 1000
    for size, unit, next_size, next_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if seconds >= size:
            return f"{seconds // size} {unit} {seconds % size // next_size} {next_unit}"
    return f"{seconds} s"


def share(part: int, whole: int) -> str:
    """In tenths of a percent, rounded down, so that only all of it is 100 %."""
    if not whole:
        return "nothing yet"
    tenths = 1000 * part // whole
    return number(tenths // 10, "%") if tenths % 10 == 0 else number(tenths, "%", 1)


def plural(count: int, singular: str) -> str:
    return f"{count:,} {singular}{'' if count == 1 else 's'}".replace(",", " ")


def record(entry: Entry) -> str:
    """What a record says, in a few words."""
    match entry.body:
        case Window() as window:
            return _window(window)
        case StateOfHealth() as statement:
            soh, resistance = statement.soh_capacity_cpct, statement.resistance_uohm
            ohms = f", resistance {number(rounded(resistance.value, 1), 'mΩ', 2)}" if resistance else ""
            return f"state of health {number(rounded(soh.value, 1), '%', 1)}{ohms}"
        case QuantityEstimate() as estimate:
            return headline(estimate)
        case Boot() as boot:
            return (
                f"started after {RESET_CAUSES.get(boot.reset_cause, 'an unknown cause')}, reads {source(boot.source)}"
            )
        case Event() as event:
            return event_words(event)
        case Gap(cause, windows):
            return f"{plural(windows, 'window')} lost: {GAP_CAUSES.get(cause, 'unknown cause')}"
        case Key() as key:
            return f"opened the log with key {key.public_key.hex()[:8]}…"
        case Rotation() as rotation:
            return f"from here on key {rotation.key.public_key.hex()[:8]}… signs"
        case Time() as time:
            return f"the receipt of {utc(time.received_unix_ms)} had arrived"
        case Seal(cause):
            return f"the log ends: {SEAL_CAUSES.get(cause, 'unknown cause')}"
        case Config() as config:
            digest = config.source_digest
            return f"imported file {digest.hex()[:8]}…" if digest else "settings, by their digests"
    return "of a kind this version does not read"


def kind(entry_type: int) -> str:
    return type_name(entry_type)


def source(number_of_source: int) -> str:
    return SOURCES.get(number_of_source, "an unknown source")


def _window(window: Window) -> str:
    voltage, current = window.pack_voltage_mv, window.pack_current_ma
    parts = [
        number(rounded(voltage.mean, 1), "V", 2) if voltage else None,
        number(rounded(current.mean, 1), "A", 2) if current else None,
        f"charge {number(rounded(window.soc_cpct, 1), '%', 1)}" if window.soc_cpct is not None else None,
    ]
    shown = ", ".join(part for part in parts if part) or plural(window.samples, "sample")
    return f"{age(window.duration_ms)}: {shown}"


def available(values: Sequence[int | None]) -> list[int]:
    return [value for value in values if value is not None]


def gaps(windows_lost: Mapping[int, int]) -> list[dict[str, object]]:
    return [
        {"cause": GAP_CAUSES.get(cause, f"cause {cause}"), "windows": count}
        for cause, count in sorted(windows_lost.items())
    ]
