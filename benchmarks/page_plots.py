"""The plots of docs/performance.md as SVG: small, the same bytes for the same figures and the same matplotlib."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Figures = Mapping[str, Any]
Series = dict[str, tuple[list[float], list[float]]]
PEERS = ("PackSeal", "cantools", "asammdf", "canmatrix", "opendbc", "can_decoder")
SIZE_IN = (6.4, 3.2)


def decoding(found: Figures) -> Series:
    batches = found.get("decoding", {}).get("frames_per_s", {}).get("pack", {})
    series: Series = {}
    for peer in PEERS:
        some = [(float(batch), float(rates[peer])) for batch, rates in batches.items() if _is_number(rates.get(peer))]
        if some:
            series[peer] = ([x for x, _ in some], [y for _, y in some])
    return series


def growth(found: Figures) -> Series:
    sizes = found.get("growth", {}).get("sizes", {})
    names = {"taken in, records/s": "ingest_records_per_s", "a battery's page, ms": "battery_page_ms",
             "the list, ms": "list_page_ms"}  # fmt: skip
    series = {title: ([float(size) for size in sizes], [float(one[name]) for one in sizes.values()])
              for title, name in names.items()}  # fmt: skip
    return series if sizes else {}


def workers(found: Figures) -> Series:
    """From "way, n workers" to rates."""
    series: Series = {}
    for rates, tail in ((found.get("workers", {}), "to receipt"), (found.get("ingest", {}), "taken in")):
        for name, rate in rates.items():
            if not name.endswith(" workers") or name.startswith("peer"):
                continue
            way, _, count = name.removesuffix(" workers").rpartition(", ")
            xs, ys = series.setdefault(f"{way}, {tail}", ([], []))
            xs.append(float(count))
            ys.append(float(rate))
    return series


def latency(found: Figures) -> Series:
    sustained = found.get("sustained", found)
    minutes = sustained.get("minutes", [])
    at_min = [(number + 1) * sustained["span_s"] / 60 for number in range(len(minutes))]
    return {name: (at_min, [float(one[key]) for one in minutes]) for name, key in
            (("99 of 100", "p99_ms"), ("median", "p50_ms"))} if minutes else {}  # fmt: skip


def memory(found: Figures) -> Series:
    sustained = found.get("sustained", found)
    minutes = sustained.get("minutes", [])
    at_min = [(number + 1) * sustained["span_s"] / 60 for number in range(len(minutes))]
    names = list(minutes[0]["rss_mb"]) if minutes else []
    return {name: (at_min, [float(one["rss_mb"][name]) for one in minutes]) for name in names}


Plot = tuple[str, str, str, str, bool, Callable[[Figures], Series]]
PLOTS: tuple[Plot, ...] = (  # area, name, x, y, whether both axes are logarithmic
    ("can", "decoding", "frames at once", "frames/s", True, decoding),
    ("passport", "growth", "batteries", "records/s; ms", True, growth),
    ("passport", "workers", "workers", "records/s", False, workers),
    ("line", "line_latency", "minutes", "ms to the receipt", False, latency),
    ("line", "line_memory", "minutes", "MB", False, memory),
    ("hour", "hour_latency", "minutes", "ms to the receipt", False, latency),
    ("hour", "hour_memory", "minutes", "MB", False, memory),
)


def plots_of(area: str, found: Figures) -> Iterator[tuple[str, str]]:
    """(file, words) of each plot that the area has figures for."""
    for of, name, x, y, _, series_of in PLOTS:
        if of == area and series_of(found):
            yield f"performance_{name}.svg", f"{y} over {x}"


def drawn(areas: Figures) -> dict[str, str]:
    """SVG by file name."""
    result = {}
    for area, name, x, y, is_log, series_of in PLOTS:
        series = series_of(areas[area]["figures"]) if area in areas else {}
        if series:
            result[f"performance_{name}.svg"] = _svg(series, x, y, is_log=is_log)
    return result


def _svg(series: Series, x: str, y: str, *, is_log: bool) -> str:
    import matplotlib as mpl  # noqa: PLC0415 - the page's text is made without it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context({"svg.hashsalt": "packseal", "svg.fonttype": "none", "font.size": 9}):
        figure = Figure(figsize=SIZE_IN, layout="constrained")
        axes = figure.subplots()
        for name, (xs, ys) in series.items():
            axes.plot(xs, ys, marker="o", markersize=3, label=name)
        axes.set(xlabel=x, ylabel=y, xscale="log" if is_log else "linear", yscale="log" if is_log else "linear")
        if not is_log:
            axes.set_ylim(bottom=0)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(frameon=False)
        content = io.StringIO()
        figure.savefig(content, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in content.getvalue().splitlines()) + "\n"


def _is_number(value: object) -> bool:
    return isinstance(value, float | int)
