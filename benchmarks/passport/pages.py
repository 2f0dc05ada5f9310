"""How long the passport's pages take to make, for a battery with a long history; the last line is the figures as JSON.

    python -m benchmarks.passport.pages [windows]

What grows with the history: plots of statements, up to 500 of them; the rest is of constant size, since the folded
state is, and every plot takes 500 records. What a page costs is beside the time of its parts.

A board of 10 s windows, a state of health every 2,000 of them, deliveries of 500: in a real store, by the real service.
Each time is the middle one of 20 requests through the application itself, without a socket. The same is then done with
a tenth of the history, which shows what grows with it.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from starlette.applications import Starlette
from tests.apps.browser import ask
from tests.passport.board import Board, settings_for, signer
from tests.passport.desk import Desk

from packseal.apps.auditor import PIECE, Auditor
from packseal.apps.languages import language
from packseal.apps.page_view import PageView
from packseal.apps.plot_drawing import svg
from packseal.apps.plots import PLOTS, plotted
from packseal.records.blinding import leaf_of
from packseal.records.checkpoint import Checkpoint, sign_checkpoint
from packseal.records.log import Delivery
from packseal.records.merkle import Edge

WINDOWS = 200_000
PER_DELIVERY = 500
WINDOWS_PER_STATEMENT = 2_000
REQUESTS = 20
PAGE = "/battery/pack-1"
PAGES = {
    "page, English": PAGE,
    "page, German": f"{PAGE}?lang=de",
    "page, Japanese": f"{PAGE}?lang=ja",
    "data": f"{PAGE}/data.json",
    **{f"plot of {quantity}": f"{PAGE}/plot.svg?quantity={quantity}" for quantity in PLOTS},
    "table of capacity": f"{PAGE}/table?quantity=capacity",
    "table of soc": f"{PAGE}/table?quantity=soc",
    "label": f"{PAGE}/label",
    "QR code": f"{PAGE}/qr.svg",
}
TARGET_MS = 300


def deliveries(board: Board, windows: int) -> Iterator[Delivery]:
    """With a running edge: a board that hashed all its log for each checkpoint would take a day."""
    edge, sent = Edge(), 0
    board.boot()
    for number in range(0, windows, PER_DELIVERY):
        board.windows(min(PER_DELIVERY, windows - number))
        if number % WINDOWS_PER_STATEMENT == 0:
            board.state_of_health(9_500 - number // WINDOWS_PER_STATEMENT)
        new = board.entries[sent:]
        edge = edge.extended([leaf_of(entry, board.seed)[1] for entry in new])
        head = Checkpoint(board.log_id, board.size, edge.root(), board.boot_count, board.uptime_ms)
        yield Delivery(board.genesis, board.seed, sent, tuple(new), sign_checkpoint(head, signer(board.signing_key)))
        sent = board.size


def filled(folder: Path, windows: int) -> Desk:
    board = Board()
    desk = Desk(folder, settings_for((board, "B"), name="Rack 3"))
    started = time.perf_counter()
    for delivery in deliveries(board, windows):
        desk.receipt(delivery.to_bytes())
        desk.now_unix_ms += PER_DELIVERY * 10_000
    taken_s = time.perf_counter() - started
    print(f"{board.size} records stored in {taken_s:.0f} s, {board.size / taken_s:.0f} a second")
    return desk


def middle_ms(app: Starlette, desk: Desk, target: str) -> float:
    """A second passes between requests, as a reader's page asks: the audit looks at its next piece each time."""
    times = []
    for _ in range(REQUESTS):
        desk.now_unix_ms += 1_000
        started = time.perf_counter()
        answer = ask(app, target)
        times.append(1000 * (time.perf_counter() - started))
        if answer.status != 200:
            raise RuntimeError(f"{target}: {answer.status}")
    return statistics.median(times)


def measured(windows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        desk = filled(Path(folder), windows)
        app = desk.app()
        found = {name: round(middle_ms(app, desk, target), 1) for name, target in PAGES.items()}
        print_parts(desk)
        desk.store.close()
    return found


def parts(desk: Desk) -> dict[str, Callable[[], object]]:
    """Where the time goes: what a page and a plot consist of."""
    service, store = desk.service, desk.store
    passport = service.passport("pack-1")
    if passport is None:
        raise RuntimeError("there is no passport")
    log_id = passport.logs[0].log_id
    view = PageView(service, Auditor(store, service.now_unix_ms), desk.policy)
    found = plotted(store, log_id, "soc")
    return {
        f"audit of {PIECE:,} records, once a second and not in the page of a long log": lambda: store.audit(
            log_id, None, PIECE
        ),
        "page: the document": lambda: service.document("pack-1"),
        "page: all that it shows": lambda: view.battery("pack-1", view.data("pack-1"), sees_use=True),
        "plot: 500 records from the store": lambda: store.plotted_records(log_id),
        "plot: those, checked and decoded": lambda: plotted(store, log_id, "soc"),
        "plot: the drawing": lambda: svg(found, language("de")),
    }


def print_parts(desk: Desk) -> None:
    for name, part in parts(desk).items():
        times = []
        for _ in range(REQUESTS):
            started = time.perf_counter()
            part()
            times.append(1000 * (time.perf_counter() - started))
        print(f"{statistics.median(times):10.1f} ms  {name}")


def main() -> None:
    windows = int(sys.argv[1]) if sys.argv[1:] else WINDOWS
    few, many = measured(windows // 10), measured(windows)
    print(f"{'':22}{windows // 10:>12,} windows{windows:>12,} windows")
    for name in PAGES:
        print(f"{name:22}{few[name]:>17.1f} ms{many[name]:>17.1f} ms")
    print(json.dumps({"windows": windows, "ms": many, "tenth_ms": few, "target_ms": TARGET_MS}))


if __name__ == "__main__":
    main()
