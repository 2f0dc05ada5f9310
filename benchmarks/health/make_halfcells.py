"""Writes the half-cell tables of firmware/logger/profiles from the papers' functions, as PyBaMM has them; --check
compares.

    PYTHONPATH=. python benchmarks/health/make_halfcells.py [--check]

Needs the extra `health`. 64 knots a curve, each where a line between its neighbours misses the curve most. Potentials
are clipped to what a full cell can reach and never rise with stoichiometry; a knot beyond 0 and 1 makes the ends steep,
which stands for the empty and the full electrode.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

PROFILES = Path(__file__).resolve().parents[2] / "firmware" / "logger" / "profiles"
KNOTS = 64
BESIDE = 20_000  # added to every number, so that three bytes hold it
BYTES_A_LINE = 24
LIMITS_V = {"negative": (-0.2, 1.6), "positive": (1.9, 4.9)}


def table(grid, u_v, low_v, high_v):
    """([ppm], [0.1 mV], largest error in mV)."""
    u = np.minimum.accumulate(np.clip(u_v, low_v, high_v))
    at = [0, len(grid) - 1]
    while len(at) < KNOTS - 2:
        at = sorted([*at, int(np.argmax(np.abs(np.interp(grid, grid[at], u[at]) - u)))])
    error_mv = 1e3 * np.abs(np.interp(grid, grid[at], u[at]) - u).max()
    ppm = [-20_000, *(round(1e6 * grid[k]) for k in at), 1_020_000]
    dmv = [round(1e4 * u[at[0]]) + 15_000, *(round(1e4 * u[k]) for k in at), round(1e4 * u[at[-1]]) - 15_000]
    return ppm, dmv, error_mv


def packed(ppm, dmv):
    """As the source of a bytes literal."""
    pairs = zip(ppm, dmv, strict=True)
    content = b"".join((number + BESIDE).to_bytes(3, "little") for pair in pairs for number in pair)
    starts = range(0, len(content), BYTES_A_LINE)
    lines = ("".join(f"\\x{byte:02x}" for byte in content[at : at + BYTES_A_LINE]) for at in starts)
    return "(\n" + "".join(f'        b"{line}"\n' for line in lines) + "    )"


def rewritten(text, half_cells, grid):
    fresh = half_cells.fresh
    amounts = tuple(round(1e6 * q / half_cells.capacity_ah) for q in (fresh.q_n, fresh.q_p, fresh.q_li))
    text = re.sub(r'"amounts_ppm": \([^)]*\)', f'"amounts_ppm": {amounts}', text)
    errors_mv = []
    for name, u_v in (("negative", half_cells.u_n_v), ("positive", half_cells.u_p_v)):
        ppm, dmv, error_mv = table(grid, u_v, *LIMITS_V[name])
        errors_mv.append(f"{error_mv:.2f}")
        literal = packed(ppm, dmv)
        text = re.sub(rf'"{name}": \(.*?\n    \)', lambda _, new=f'"{name}": {literal}': new, text, flags=re.S)
    return text, errors_mv


def main(options):
    try:
        from benchmarks.health.half_cells import CHEMISTRIES, GRID, HalfCells  # noqa: PLC0415 - says what to install
    except ImportError as error:
        sys.exit(f"{error.name} is not installed; run: .venv/bin/pip install --editable '.[health]'")
    stale = []
    for name, chemistry in CHEMISTRIES.items():
        path = PROFILES / f"{name}.py"
        text, errors_mv = rewritten(path.read_text(), HalfCells(chemistry), GRID)
        print(name, "largest errors of the tables in mV:", *errors_mv)
        if text != path.read_text():
            stale.append(path.name)
            if "--check" not in options:
                path.write_text(text)
    print("changed:" if "--check" not in options else "differ:", *(stale or ["none"]))
    return 1 if stale and "--check" in options else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
