"""The comparison sheet as PDF: A4 across, six packs a page, each with the QR code of its identification link.

Every page stands for itself: with the grades' limits and reasons, for whom it was made, and what is not proven. Equal
sheets give equal bytes: times in the file are those of the sheet.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import segno
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas

from packseal.apps.comparison import Column, Sheet
from packseal.apps.languages import Language
from packseal.apps.pdf_text import draw_text, text_width, wrapped
from packseal.passport.grading import Finding, Verdict
from packseal.passport.grading_rows import ROWS, Cell, State
from packseal.passport.grading_rule import CRITERIA, ORDER_TEXT, RULE_VERSION, Criterion, Grade
from packseal.passport.words import NOT_PROVEN
from packseal.records.report import utc

PACKS_A_PAGE = 6
WIDTH, HEIGHT = landscape(A4)
MARGIN = 8 * mm
LABEL_WIDTH = 62 * mm
MOST_COLUMN_WIDTH = 60 * mm
GAP = 1.5 * mm
QR_MM = 17
QR_QUIET_MODULES = 4  # ISO/IEC 18004 section 6.3.8
SIZES = (7.0, 6.6, 6.2, 5.8, 5.4, 5.0, 4.6)  # of type, in points: the first with which all stands on one page
LEADING = 1.18
MADE_BY = "Made by {name} for: {others}."  # a message of the page, too
NOTED = {"first_life": 1, "completeness": 1, "gaps": 1, "spread": 2, "alarms": 1}  # notes at most
COLOURS = {Grade.A: (0.04, 0.43, 0.37), Grade.B: (0.1, 0.35, 0.6), Grade.C: (0.54, 0.35, 0.0), Grade.NONE: (0.3,) * 3}
MARKS = {Verdict.MET: "+", Verdict.NOT_MET: "\u2013", Verdict.NOT_KNOWN: "?", Verdict.HIDDEN: "?"}


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of text, of which the first are in bold."""

    bold: list[str]
    plain: list[str]


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table: its name, and a block for each pack."""

    label: _Block
    packs: list[_Block]

    @property
    def lines(self) -> int:
        return max(len(one.bold) + len(one.plain) for one in (self.label, *self.packs))


def comparison_pdf(sheet: Sheet, of: Language) -> bytes:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(WIDTH, HEIGHT), invariant=1, pageCompression=1, lang=of.code)
    made = datetime.fromtimestamp(sheet.as_of_unix_ms // 1000, UTC).strftime("D:%Y%m%d%H%M%SZ")
    canvas.setDateFormatter(lambda *_now: made)
    canvas.setTitle(of.plain("Comparison of used packs"))
    canvas.setCreator("PackSeal")
    canvas.setSubject(of.plain(f"As of {utc(sheet.as_of_unix_ms)}"))
    pages = [sheet.columns[at : at + PACKS_A_PAGE] for at in range(0, len(sheet.columns), PACKS_A_PAGE)]
    for number, columns in enumerate(pages, 1):
        _Page(canvas, sheet, of, columns, f"{number}/{len(pages)}").draw()
        canvas.showPage()
    canvas.save()
    return out.getvalue()


class _Page:
    def __init__(self, canvas: Canvas, sheet: Sheet, of: Language, columns: Sequence[Column], place: str) -> None:
        self._canvas, self._sheet, self._of, self._columns, self._place = canvas, sheet, of, columns, place
        self._width = min(MOST_COLUMN_WIDTH, (WIDTH - 2 * MARGIN - LABEL_WIDTH) / len(columns))
        self._size = SIZES[-1]

    def draw(self) -> None:
        """With the largest type that lets all of it stand on the page."""
        for self._size in SIZES:
            lines, foot = self._lines(), self._foot()
            if self._needed(lines, foot) <= HEIGHT - 2 * MARGIN:
                break
        y = self._title(HEIGHT - MARGIN)
        y = self._heads(y)
        for line in lines:
            y = self._line(y, line)
        self._footer(foot)

    # ---- what stands there

    def _t(self, english: object) -> str:
        return self._of.plain(english)

    def _lines(self) -> list[_Line]:
        rows = [self._table_line(row.name, [self._cell(row.key, one) for one in self._columns]) for row in ROWS]
        parted = _Line(_Block([self._t("What the grade rests on")], []), [])
        return [*rows, parted, *(self._criterion(criterion, at) for at, criterion in enumerate(CRITERIA))]

    def _table_line(self, name: str, packs: list[_Block], below: str = "") -> _Line:
        label = self._fit(self._t(name), LABEL_WIDTH - GAP, 2, is_bold=True)
        return _Line(_Block(label, self._fit(below, LABEL_WIDTH - GAP, 2) if below else []), packs)

    def _cell(self, key: str, one: Column) -> _Block:
        if one.grading is None:
            return _Block([], [self._t(State.HIDDEN)])
        cell = one.grading.cells[key]
        if cell.state is not State.KNOWN:
            return _Block([], self._packed(self._t(cell.text)))
        noted = cell.notes if key in NOTED else ()
        if key == "rests_on" and cell.evidence:
            noted = (f"record {cell.evidence.seq}",)
        notes = [line for note in noted[: NOTED.get(key, 1)] for line in self._packed(self._t(note))]
        return _Block(self._packed(self._said(cell), is_bold=True), notes)

    def _packed(self, text: str, is_bold: bool = False) -> list[str]:
        return self._fit(text, self._width - GAP, 2, is_bold)

    def _said(self, cell: Cell) -> str:
        of_class = self._t(f"class {cell.evidence.evidence_class}") if cell.evidence else ""
        interval = f"({self._t(cell.interval)})" if cell.interval else ""
        said = self._t(cell.text)
        return " ".join(part for part in (said, interval, of_class if of_class != said else "") if part)

    def _criterion(self, criterion: Criterion, at: int) -> _Line:
        asks = zip("ABC", criterion.asks, strict=True)
        below = " · ".join(f"{grade}: {self._t(words)}" for grade, words in asks if words)
        found = [one.grading.findings[at] if one.grading else None for one in self._columns]
        return self._table_line(criterion.name, [self._found(one) for one in found], below)

    def _found(self, finding: Finding | None) -> _Block:
        if finding is None:
            return _Block([], [self._t(State.HIDDEN)])
        said = f"{MARKS[finding.verdict]} {self._t(finding.verdict)}"
        found = f"{said}: {self._t(finding.found)}" if finding.found else said
        below = self._packed(self._t(allowed_text(finding.allows))) if finding.allows < Grade.A else []
        return _Block(self._packed(found, is_bold=True), below)

    def _foot(self) -> list[str]:
        sheet, t = self._sheet, self._t
        why = " ".join(f"{t(one.name)}: {t(one.reason)}" for one in CRITERIA)
        rule = f"{t(f'Grading rule, version {RULE_VERSION}.')} {t(ORDER_TEXT)} {why}"
        by = t(MADE_BY).format(name=sheet.service, others=t(sheet.role_text))
        proven = f"{t('Not proven')}: {' '.join(t(one) for one in NOT_PROVEN)}"
        when = f"{t(f'As of {utc(sheet.as_of_unix_ms)}')}. {by} {proven}"
        width = WIDTH - 2 * MARGIN
        return [*wrapped(rule, width, self._foot_size), *wrapped(when, width, self._foot_size)]

    # ---- where it stands

    @property
    def _leading(self) -> float:
        return self._size * LEADING

    @property
    def _foot_size(self) -> float:
        return min(self._size, 6.0)

    @property
    def _head_height(self) -> float:
        return QR_MM * mm + 3 * 8 * LEADING + GAP

    def _needed(self, lines: Sequence[_Line], foot: Sequence[str]) -> float:
        table = sum(line.lines * self._leading + 1.2 for line in lines)
        return 16 + self._head_height + table + len(foot) * self._foot_size * LEADING + 4

    def _fit(self, text: str, width: float, most_lines: int, is_bold: bool = False) -> list[str]:
        return wrapped(text, width, self._size, is_bold, most_lines)

    def _x(self, at: int) -> float:
        return MARGIN + LABEL_WIDTH + at * self._width

    def _title(self, y: float) -> float:
        y -= 12
        draw_text(self._canvas, MARGIN, y, self._t("Comparison of used packs"), 13, is_bold=True)
        draw_text(self._canvas, WIDTH - MARGIN - text_width(self._place, 8), y, self._place, 8)
        return y - 4

    def _heads(self, y: float) -> float:
        for at, one in enumerate(self._columns):
            self._head(self._x(at), y, one)
        return y - self._head_height

    def _head(self, x: float, y: float, one: Column) -> None:
        width = self._width - GAP
        lines = wrapped(one.title or self._t(State.HIDDEN), width, 8, True, 2)
        for line in lines:
            y -= 8 * LEADING
            draw_text(self._canvas, x, y, line, 8, is_bold=True)
        y -= (3 - len(lines)) * 8 * LEADING
        draw_text(self._canvas, x, y, wrapped(one.name, width, 5.4, False, 1)[0], 5.4)
        if one.grading is None:
            return
        y -= QR_MM * mm + 2
        self._qr(x, y, one.link)
        left, grade = x + QR_MM * mm + GAP, one.grading.grade
        self._canvas.setFillColorRGB(*COLOURS[grade])
        size = 34 if grade else 9
        shown = [str(grade.text)] if grade else wrapped(self._t(grade.text), width - QR_MM * mm - GAP, size, True, 2)
        for number, line in enumerate(shown):
            draw_text(self._canvas, left, y + QR_MM * mm - size - number * size * LEADING, line, size, is_bold=True)
        self._canvas.setFillColorRGB(0, 0, 0)

    def _qr(self, x: float, y: float, link: str) -> None:
        """Runs of dark modules as rectangles."""
        rows = [bytes(row) for row in segno.make_qr(link, error="m", boost_error=False).matrix]
        module = QR_MM * mm / (len(rows) + 2 * QR_QUIET_MODULES)
        path = self._canvas.beginPath()
        for number, row in enumerate(rows):
            top = y + QR_MM * mm - (number + QR_QUIET_MODULES + 1) * module
            for start, length in _dark(row):
                path.rect(x + (start + QR_QUIET_MODULES) * module, top, length * module, module)
        self._canvas.drawPath(path, stroke=0, fill=1)

    def _line(self, y: float, line: _Line) -> float:
        canvas = self._canvas
        canvas.setLineWidth(0.3)
        canvas.setStrokeColorRGB(0.75, 0.75, 0.75)
        canvas.line(MARGIN, y, self._x(len(self._columns)), y)
        self._block(MARGIN, y, line.label)
        for at, block in enumerate(line.packs):
            self._block(self._x(at), y, block)
        return y - line.lines * self._leading - 1.2

    def _block(self, x: float, y: float, block: _Block) -> None:
        for number, text in enumerate((*block.bold, *block.plain)):
            y -= self._leading
            draw_text(self._canvas, x, y + 0.2 * self._size, text, self._size, is_bold=number < len(block.bold))

    def _footer(self, foot: Sequence[str]) -> None:
        y = MARGIN + len(foot) * self._foot_size * LEADING
        for text in foot:
            y -= self._foot_size * LEADING
            draw_text(self._canvas, MARGIN, y, text, self._foot_size)


def allowed_text(grade: Grade) -> str:
    return f"allows {grade.name} at most" if grade else "allows no grade"


def _dark(row: bytes) -> list[tuple[int, int]]:
    """Where each run of dark modules starts, and how long it is."""
    found, start = [], None
    for at, is_dark in enumerate((*row, 0)):
        if is_dark and start is None:
            start = at
        elif not is_dark and start is not None:
            found.append((start, at - start))
            start = None
    return found
