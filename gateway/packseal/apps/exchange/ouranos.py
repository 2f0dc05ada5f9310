"""`packseal exchange ouranos`: a battery and its carbon footprint at the ecosystem, by files and lines for a person.

What is sent was exported or bridged before, and stands in the log of what left; here it gets the identifiers that the
ecosystem minted. Which version of it is spoken is a matter of the settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from packseal.errors import ConfigError, PartnerUnavailableError
from packseal.exchange.export import UnfitError
from packseal.exchange.loss import Json
from packseal.exchange.ouranos import Change, OuranosAdapter
from packseal.exchange.ouranos.battery import evidence_anchor
from packseal.exchange.ouranos.footprints import certification_json, footprint, line, line_json
from packseal.exchange.ouranos.model import Footprint, NewRequest, Part, Plant, Request, Trade
from packseal.exchange.ouranos.wire import Entry, decode, entries
from packseal.io.files import read_bounded

MAX_FILE_BYTES = 1 << 20
MAX_BUNDLE_BYTES = 64 << 20

T = TypeVar("T")


def lines(adapter: OuranosAdapter) -> Iterator[str]:
    """Who we are there, our plants, our parts, and what we are asked for."""
    own = adapter.operators.own()
    yield f"operator {own.corporate_number}  {own.name}  {own.global_id or '-'}"
    for plant in adapter.operators.plants():
        yield f"plant    {plant.open_plant_id}  {plant.name}  {plant.global_id or '-'}"
    for part in adapter.parts.all(parents_only=True):
        yield f"part     {part.trace_id}  {part.name}  {part.support_name or '-'}  evidence {part.notes[2] or '-'}"
    for one in adapter.trades.inquiries():
        state = one.status.answered or "-"
        yield f"asked    {one.trade.trade_id}  {one.part.name}  by {one.status.due or '-'}  {state}"


def register(
    adapter: OuranosAdapter, document: Path, open_plant_id: str, *, bundle: Path | None, is_terminated: bool
) -> str:
    """-> the trace id of the battery. document: an export for Ouranos. bundle: the evidence that it anchors.

    Children that it has there stay. Raises ConfigError, PartnerRefusedError, PartnerUnavailableError.
    """
    named = _read(document, lambda found: Entry(found, "document").inner("partsModel"))
    plant = _plant(adapter, open_plant_id)
    with _told_as_settings(document):
        anchor = evidence_anchor(read_bounded(bundle, MAX_BUNDLE_BYTES)) if bundle else None
        part = Part(
            None,
            plant.operator_id,
            plant.plant_id or "",
            named.text("partsName", 50),
            named.text_or_none("supportPartsName", 50),
            is_terminated,
            notes=(None, named.text_or_none("partsAddInfo2", 50), anchor),
        )
        return adapter.parts.change(Change(part)).parent.trace_id or ""


def declare(adapter: OuranosAdapter, document: Path) -> Footprint:
    """document: what the bridge wrote, or the list of four alone. Raises as register does."""

    def read(found: object) -> Footprint:
        told = [line(one) for one in entries(found["cfp"] if isinstance(found, dict) else found, "cfp")]
        made = footprint(told, told[0].trace_id) if told else None
        if made is None:
            raise UnfitError("all four emissions are registered, or none; bridge it again with your decisions")
        return made

    whole = _read(document, read)
    with _told_as_settings(document):
        return adapter.footprints.declare(whole)


def ask(adapter: OuranosAdapter, trace_id: str, supplier: str, due: str, message: str | None) -> Request:
    """supplier: its corporate number. Raises as register does."""
    found = adapter.operators.find(supplier)
    if found is None:
        raise ConfigError(f"{supplier}: no operator of this number; ask the supplier for its number there")
    own = adapter.operators.own()
    with _told_as_settings("the request"):
        return adapter.trades.request(NewRequest(own.operator_id, trace_id, found.operator_id, due, message))


def answer(adapter: OuranosAdapter, trade_id: str, trace_id: str) -> Trade:
    """Raises as register does."""
    with _told_as_settings("trade id, trace id"):
        return adapter.trades.answer(trade_id, trace_id)


def fetch(adapter: OuranosAdapter, trace_ids: Sequence[str]) -> Json:
    """What is told of these parts, under the names of the calls, as the bridge reads it. Raises as register does."""
    with _told_as_settings("trace id"):
        told = adapter.footprints.of(trace_ids)
        certified = [one for trace_id in trace_ids for one in adapter.footprints.certifications(trace_id)]
    return {"cfp": [line_json(one) for one in told], "cfpCertification": [certification_json(one) for one in certified]}


def _plant(adapter: OuranosAdapter, open_plant_id: str) -> Plant:
    plants = adapter.operators.plants()
    found = next((one for one in plants if one.open_plant_id == open_plant_id), None)
    if found is None:
        known = ", ".join(one.open_plant_id for one in plants) or "none"
        raise ConfigError(f"--plant {open_plant_id}: not registered; these are: {known}")
    return found


def _read(path: Path, read: Callable[[object], T]) -> T:
    """The file is ours: what is wrong with it is not the ecosystem's fault."""
    content = read_bounded(path, MAX_FILE_BYTES)
    try:
        return read(decode(content))
    except PartnerUnavailableError as error:
        raise ConfigError(f"{path}: {error.detail.partition(': ')[2]}") from None
    except (UnfitError, KeyError) as error:
        raise ConfigError(f"{path}: {error}") from None


@contextmanager
def _told_as_settings(what: Path | str) -> Iterator[None]:
    """What the contract does not take came from a file or an argument. Raises ConfigError."""
    try:
        yield
    except UnfitError as error:
        raise ConfigError(f"{what}: {error}") from None
