"""The fleet page of operators and owners, its plot, and the front page that leads everybody else to one passport."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from packseal.apps import fleet_view as view
from packseal.apps import plot_drawing
from packseal.apps.api.parameters import RESPONSIBLE
from packseal.apps.fleet_asked import (
    BANDS,
    DAY_MS,
    EMPTY,
    MAX_DAYS,
    MAX_WORDS,
    PATH,
    STALE_DAYS,
    FleetAsked,
    asked_by,
    percent,
)
from packseal.apps.languages import Language, chosen
from packseal.apps.page_words import rendered
from packseal.apps.passport_reading import PassportReading
from packseal.apps.passport_service import PassportService
from packseal.errors import ConfigError
from packseal.io.fleet_table import FleetCounts
from packseal.passport.access import Reader
from packseal.passport.identification import PLACE
from packseal.passport.life_stages import stage_word
from packseal.passport.settings import BATTERY_ID, CATEGORIES
from packseal.records.report import utc
from packseal.records.statement_bodies import Stage

NAMED = 5  # outliers that are named with their numbers
FORM_POLICY = (  # these two pages have a form, which asks this service alone
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
SVG_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class _Found:
    """shown: as asked, on a page that is there. of: how many that is in all."""

    shown: FleetAsked
    of: int
    counts: FleetCounts
    lines: list[view.Line]


class FleetPages:
    def __init__(self, service: PassportService, reading: PassportReading) -> None:
        self._service, self._reading = service, reading

    def front(self, request: Request) -> Response:
        """To the one battery of a bench, to the fleet of who has one, or to the battery that is asked for."""
        if "id" in request.query_params:
            return self._to_battery(request, request.query_params["id"])
        reader: Reader = request.state.reader
        if reader.role not in RESPONSIBLE:
            return _html(request, "start.html", {"problem": "", "typed": ""})
        batteries = self._service.settings.batteries
        if len(batteries) == 1 and not request.state.reader_name and reader.batteries == frozenset({batteries[0].id}):
            return _sent(request, PLACE + self._reading.name_of(batteries[0].id))
        return _sent(request, PATH)

    def _to_battery(self, request: Request, typed: str) -> Response:
        """Whether it is there, its own address says."""
        link = _SPACES.sub("", typed).partition("?")[0].rstrip("/")
        name = link.rsplit(PLACE, 1)[-1]
        if BATTERY_ID.fullmatch(name):
            return _sent(request, PLACE + name)
        context = {"problem": "This is no id. It stands below the QR code of the battery.", "typed": typed[:MAX_WORDS]}
        return _html(request, "start.html", context, 400)

    def page(self, request: Request) -> Response:
        reader: Reader = request.state.reader
        if reader.role not in RESPONSIBLE:
            words = "The list of batteries is for their operators and owners, who show their key."
            return _html(request, "start.html", {"problem": words, "typed": ""}, 403)
        try:
            asked = asked_by(request.query_params, _language_asked(request))
        except ConfigError as error:
            context = {**_form(FleetAsked(language=_language_asked(request))), "problem": str(error)}
            return _html(request, "fleet.html", context, 400)
        found = self._found(reader, asked)
        self._reading.note_list(reader, request.state.reader_name, "fleet", found.of)
        return _html(request, "fleet.html", self._context(reader, found), kept=asked)

    def plot(self, request: Request) -> Response:
        """How many batteries have which health, of those that are counted above the list."""
        reader: Reader = request.state.reader
        if reader.role not in RESPONSIBLE:
            raise HTTPException(404)
        try:
            group = asked_by(request.query_params, "").group()
        except ConfigError:
            raise HTTPException(404) from None
        counts = self._reading.counts(reader, group.query(self._service.now_unix_ms()))
        self._reading.note_list(reader, request.state.reader_name, "fleet plot", counts.batteries)
        named = [(view.bar_text(lower), batteries) for lower, batteries in view.bars(counts)]
        drawn = plot_drawing.bars(
            "State of health", "% of rated capacity, in steps of 5 %", "batteries", named, _language(request)
        )
        return Response(drawn, media_type="image/svg+xml", headers={"content-security-policy": SVG_POLICY})

    def _found(self, reader: Reader, asked: FleetAsked) -> _Found:
        now_unix_ms = self._service.now_unix_ms()
        silent_since_unix_ms = now_unix_ms - STALE_DAYS * DAY_MS
        counts = self._reading.counts(reader, asked.group().query(now_unix_ms), silent_since_unix_ms)
        of = self._reading.count(reader, asked.query(now_unix_ms)) if asked.is_narrowed else counts.batteries
        shown = view.without_page_beyond(asked, of)
        rows = self._reading.rows(reader, shown.query(now_unix_ms), of)
        return _Found(shown, of, counts, [view.line(row, now_unix_ms) for row in rows])

    def _context(self, reader: Reader, found: _Found) -> Mapping[str, object]:
        now_unix_ms = self._service.now_unix_ms()
        shown, counts = found.shown, found.counts
        known = sum(batteries for _, batteries in counts.by_health)
        return {
            **_form(shown),
            "problem": "",
            "lines": found.lines,
            "paging": view.paging(shown, len(found.lines), found.of),
            "counts": counts,
            "batteries": view.number(counts.batteries),
            "quartiles": tuple(f"{percent(one)} %" for one in counts.quartiles_cpct or ()),
            "health": view.by_health(counts, shown),
            "unknown_health": view.number(counts.batteries - known),
            "completeness": view.by_completeness(counts, shown),
            "outlying": view.outlying(counts, shown),
            "outliers": self._outliers(reader, found, now_unix_ms),
            "stale_span": f"{STALE_DAYS} days",
            "stale": view.stale(counts, shown) if counts.silent else None,
            "plot": replace(shown.group(), language=shown.language).url(f"{PATH}/health.svg"),
            "as_of": utc(now_unix_ms),
        }

    def _outliers(self, reader: Reader, found: _Found, now_unix_ms: int) -> list[view.Line]:
        """The lowest, then the highest, of those that are far off."""
        far, group = found.counts.outliers, found.shown.group().query(now_unix_ms)
        if far is None:
            return []
        low = replace(group, sort="soh_cpct", most_soh_cpct=far.most_low_cpct, limit=NAMED)
        high = replace(group, sort="soh_cpct", is_descending=True, least_soh_cpct=far.least_high_cpct, limit=NAMED)
        rows = self._reading.rows(reader, low) if far.low else []
        rows += self._reading.rows(reader, high) if far.high else []
        return [view.line(row, now_unix_ms) for row in rows[:NAMED]]


def _form(asked: FleetAsked) -> Mapping[str, object]:
    """What the filters are set to, and what they can be set to."""
    everything = FleetAsked(language=asked.language)
    return {
        "asked": asked,
        "is_filtered": replace(asked, sort=everything.sort, is_descending=False, page=1) != everything,
        "everything": everything.url(),
        "columns": view.columns(asked),
        "health_from": percent(asked.health_from_cpct),
        "health_to": percent(asked.health_to_cpct),
        "categories": CATEGORIES,
        "stages": {stage.name.lower(): stage_word(stage) for stage in Stage},
        "bands": {**{key: band.text for key, band in BANDS.items()}, EMPTY: "no record yet"},
        "order": dict(asked.pairs()).get("sort", ""),
        "max_words": MAX_WORDS,
        "max_days": MAX_DAYS,
    }


def _sent(request: Request, path: str) -> Response:
    language = _language_asked(request)
    headers = {"vary": "accept-language, authorization"}
    return RedirectResponse(path + (f"?lang={language}" if language else ""), headers=headers)


def _html(
    request: Request, template: str, context: Mapping[str, object], status: int = 200, kept: FleetAsked | None = None
) -> Response:
    of = _language(request)
    query = replace(kept, language="").url("") if kept else ""
    text = rendered(template, of, context, bool(_language_asked(request)), query.replace("?", "&"))
    headers = {"content-language": of.code, "vary": "accept-language, authorization"}
    return HTMLResponse(text, status, {**headers, "content-security-policy": FORM_POLICY})


def _language(request: Request) -> Language:
    return chosen(request.query_params.get("lang"), request.headers.get("accept-language"))


def _language_asked(request: Request) -> str:
    """What the address names; "" where the browser chooses."""
    of = _language(request)
    return of.code if request.query_params.get("lang") == of.code else ""
