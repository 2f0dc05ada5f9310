"""The QR code of a battery's link: as SVG, as PNG, and in the frame of an identification link for labels.

IEC 61406-1 clause 5 asks for a QR code (ISO/IEC 18004) or Data Matrix with the link and nothing else, and a quiet zone;
clause 6 for a frame that tells it from other codes, with one corner marked. DIN SPEC 91406, from which it came, names
the figures used here: error correction Q, modules of 0.35 mm and more.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import segno

QUIET_MODULES = 4  # ISO/IEC 18004 section 6.3.8
FRAME_MODULES = 1
CORNER_MODULES = 3  # legs of the triangle that marks the lower right corner; it leaves one module of the quiet zone
MODULE_MM = 0.35
PNG_PIXELS_PER_MODULE = 10
SIZES_MM = (20, 30, 50)


@dataclass(frozen=True, slots=True)
class Frame:
    """Paths of a drawing `modules` wide and high: the frame with its corner, and the symbol in it."""

    modules: int
    path: str
    symbol: str


@dataclass(frozen=True, slots=True)
class Size:
    mm: float
    text: str


def qr_svg(link: str) -> bytes:
    out = io.BytesIO()
    _code(link).save(out, kind="svg", border=QUIET_MODULES, xmldecl=True, svgns=True, light="#fff", omitsize=True)
    return out.getvalue()


def qr_png(link: str) -> bytes:
    out = io.BytesIO()
    _code(link).save(out, kind="png", border=QUIET_MODULES, scale=PNG_PIXELS_PER_MODULE)
    return out.getvalue()


def framed(link: str) -> Frame:
    """A frame at the outer edge of the quiet zone."""
    rows = [bytes(row) for row in _code(link).matrix]
    at = FRAME_MODULES + QUIET_MODULES
    whole, inner = len(rows) + 2 * at, len(rows) + 2 * QUIET_MODULES
    frame = f"M0 0h{whole}v{whole}h-{whole}zM{FRAME_MODULES} {FRAME_MODULES}v{inner}h{inner}v-{inner}z"
    end = FRAME_MODULES + inner
    corner = f"M{end} {end}v-{CORNER_MODULES}l-{CORNER_MODULES} {CORNER_MODULES}z"
    dark = (f"M{x + at} {y + at}h1v1h-1z" for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark)
    return Frame(whole, frame + corner, "".join(dark))


def sizes(frame: Frame) -> list[Size]:
    """Those whose modules are wide enough; the smallest that is allowed stands first."""
    least_mm = round(frame.modules * MODULE_MM + 0.05, 1)
    allowed = [least_mm, *(mm for mm in SIZES_MM if mm > least_mm)]
    return [Size(mm, f"{mm:g}") for mm in allowed]


def _code(link: str) -> segno.QRCode:
    return segno.make_qr(link, error="q", boost_error=False)
