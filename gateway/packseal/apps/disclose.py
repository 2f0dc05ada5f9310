"""`packseal disclose` and `packseal prove`: a bundle that shows less of its record, or only a bound of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from packseal.errors import ConfigError
from packseal.records.bundle import MAX_BUNDLE_BYTES, Bundle
from packseal.records.disclosure import Wanted, disclose
from packseal.records.entries import decode_entry, showable_fields

BOUNDED = "soh_capacity_cpct"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the holder wants to show, in the words of the command line."""

    fields: Sequence[str] = ()
    cells: Sequence[int] = ()
    at_least: str | None = None
    at_most: str | None = None


def shown_bundle(content: bytes, choice: Choice) -> bytes:
    """The same bundle with nothing of its record but what is chosen, and without what the gateway says of its site.

    Raises ConfigError for a field that the record cannot show, EvidenceError where the record does not have it, or is
    not open.
    """
    bundle = Bundle.from_bytes(content)
    if not isinstance(bundle.shown, bytes):
        raise ConfigError("the record in this bundle is not open: take the bundle that the service exported")
    known = showable_fields(decode_entry(bundle.entry).type)
    unknown = [name for name in choice.fields if name not in known]
    if unknown:
        raise ConfigError(f"--fields {unknown[0]}: this record can show {', '.join(known)}")
    keys = [known[name] for name in choice.fields]
    wanted = Wanted(keys, choice.cells, _bound(choice.at_least, "--at-least"), _bound(choice.at_most, "--at-most"))
    entry, disclosure = disclose(bundle.entry, bundle.shown, wanted)
    smaller = replace(bundle, entry=entry, shown=disclosure.to_map(), attestation=None).to_bytes()
    if len(smaller) > MAX_BUNDLE_BYTES:
        raise ConfigError(f"what is to be shown does not fit into {MAX_BUNDLE_BYTES} bytes; show fewer cell blocks")
    return smaller


def _bound(text: str | None, option: str) -> int | None:
    """ "soh_capacity_cpct=8000" -> 8000. Raises ConfigError."""
    if text is None:
        return None
    name, _, number = text.partition("=")
    if name != BOUNDED or not (number.isascii() and number.isdigit()):
        raise ConfigError(f"{option} {text}: expected {BOUNDED}=NUMBER, in hundredths of a percent")
    return int(number[:6])
