"""The comparison sheet for who buys used packs: as a page and as PDF, of 1 to 20 passports that its address names."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from packseal.apps.comparison import (
    BY_GRADE,
    MAX_PASSPORTS,
    SORTABLE,
    Column,
    Order,
    Sheet,
    column,
    order_of,
    ordered,
    query_of,
    turned,
)
from packseal.apps.comparison_pdf import comparison_pdf
from packseal.apps.languages import Language, chosen
from packseal.apps.page_words import rendered
from packseal.apps.passport_reading import PassportReading
from packseal.apps.passport_service import PassportService
from packseal.passport.attributes import Group
from packseal.passport.grading_rows import ROWS
from packseal.passport.grading_rule import CRITERIA, MEANINGS, ORDER_TEXT, RULE_VERSION
from packseal.passport.identification import identification_link
from packseal.passport.settings import BATTERY_ID
from packseal.passport.words import NOT_PROVEN
from packseal.records.report import utc

NONE_NAMED = "No passport is named. Put one to 20 into the address, such as /compare?passport=pack-1&passport=pack-2."
TOO_MANY = "More than 20 passports are named. Compare fewer at a time."


class ComparePages:
    def __init__(self, service: PassportService, reading: PassportReading, public_url: str) -> None:
        self._service, self._reading, self._public_url = service, reading, public_url

    def page(self, request: Request) -> Response:
        problem = _problem(request)
        if problem:
            return _html(request, {"problem": problem, "sheet": None, "names": []}, 400)
        sheet = self._sheet(request, "compare")
        return _html(request, {"problem": "", **_context(sheet, _names(request), _language_asked(request))})

    def pdf(self, request: Request) -> Response:
        problem = _problem(request)
        if problem:
            return _html(request, {"problem": problem, "sheet": None, "names": []}, 400)
        of = _language(request)
        content = comparison_pdf(self._sheet(request, "compare.pdf"), of)
        headers = {**_said_in(of), "content-disposition": 'inline; filename="comparison.pdf"'}
        return Response(content, media_type="application/pdf", headers=headers)

    def _sheet(self, request: Request, kind: str) -> Sheet:
        order = order_of(request.query_params.get("sort"))
        columns = ordered([self._column(request, name, kind) for name in _names(request)], order)
        reader, now_unix_ms = request.state.reader, self._service.now_unix_ms()
        return Sheet(columns, order, reader.role, now_unix_ms, self._service.settings.origin, self._public_url)

    def _column(self, request: Request, name: str, kind: str) -> Column:
        if not BATTERY_ID.fullmatch(name):
            return Column(name)
        asked = self._reading.asked(name, request.state.reader, request.state.reader_name)
        if asked is None or Group.PUBLIC not in asked.groups:
            return Column(name)
        return column(name, self._reading.document(asked, kind), identification_link(self._public_url, name))


def _names(request: Request) -> list[str]:
    """Each once, in the order of the address."""
    return list(dict.fromkeys(request.query_params.getlist("passport")))


def _problem(request: Request) -> str:
    count = len(_names(request))
    return NONE_NAMED if not count else TOO_MANY if count > MAX_PASSPORTS else ""


def _context(sheet: Sheet, names: list[str], language: str) -> Mapping[str, object]:
    orders = {key: f"/compare?{query_of(names, turned(sheet.order, key), language)}" for key in SORTABLE}
    sort_names = {BY_GRADE: "Grade", **{row.key: row.name for row in ROWS}}
    return {
        "sheet": sheet,
        "names": names,
        "rows": ROWS,
        "criteria": CRITERIA,
        "meanings": list(MEANINGS.items()),
        "order_text": ORDER_TEXT,
        "rule_version": RULE_VERSION,
        "orders": orders,
        "sort_names": sort_names,
        "as_named": f"/compare?{query_of(names, Order(), language)}",
        "pdf": f"/compare.pdf?{query_of(names, sheet.order, language)}",
        "as_of": utc(sheet.as_of_unix_ms),
        "not_proven": NOT_PROVEN,
    }


def _html(request: Request, context: Mapping[str, object], status: int = 200) -> Response:
    of = _language(request)
    names = _names(request) if status == 200 else []
    kept = f"&{query_of(names, order_of(request.query_params.get('sort')))}" if names else ""
    text = rendered("compare.html", of, context, bool(_language_asked(request)), kept)
    return HTMLResponse(text, status, _said_in(of))


def _language(request: Request) -> Language:
    return chosen(request.query_params.get("lang"), request.headers.get("accept-language"))


def _language_asked(request: Request) -> str:
    """What the address names; "" where the browser chooses."""
    of = _language(request)
    return of.code if request.query_params.get("lang") == of.code else ""


def _said_in(of: Language) -> dict[str, str]:
    return {"content-language": of.code, "vary": "accept-language, authorization"}
