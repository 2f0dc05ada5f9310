"""Deliveries that come twice, late and in any order: whole schedules of them, on the real service and its real store.

Without processes and brokers, so that there can be thousands. Each schedule is of two boards, whose deliveries overlap
as those of a gateway do that sends again; each comes one to three times, all of them in an order drawn from the seed,
one by one or in groups. Then each board sends what has no receipt yet, as gateways do.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from packseal.errors import UnavailableError
from packseal.records.answer import ReceiptAnswer, decode_answer
from packseal.records.log import Delivery
from tests.faults.oracle import Found, Heard, check_all_stored, check_records, check_service_log, read_logs, stored_logs
from tests.faults.oracle import count as count_records
from tests.passport.board import Board
from tests.passport.desk import SERVICE_PUBLIC_KEY, Desk
from tests.scale.settings import settings_of

OF_ONE_STORE = 100  # schedules
PERIOD_MS = 2_000
Sent = tuple[str, Delivery]  # topic


def run(folder: Path, seed: str, count: int, say: Callable[[str], None], found: Found) -> int:
    """-> count. AssertionError where something is lost, doubled or receipted twice; `found` has counted it then."""
    for first in range(0, count, OF_ONE_STORE):
        numbers = range(first, min(count, first + OF_ONE_STORE))
        try:
            with tempfile.TemporaryDirectory(dir=folder) as place:
                _run_on_one_store(Path(place), seed, numbers, found)
        except BaseException:
            say(f"FAILED: deliveries of seed {seed}, among schedules {numbers.start} to {numbers.stop - 1}")
            raise
        if not numbers.stop % (10 * OF_ONE_STORE) or numbers.stop == count:
            say(f"{numbers.stop} of {count} schedules of deliveries")
    return count


def _run_on_one_store(folder: Path, seed: str, numbers: range, found: Found) -> None:
    packs = {f"pack-{number}-{side}": Board(name=f"{seed} {number} {side}") for number in numbers for side in "ab"}
    desk, heard = Desk(folder, settings_of(packs)), Heard()
    try:
        for number in numbers:
            of_it = {name: packs[name] for name in (f"pack-{number}-a", f"pack-{number}-b")}
            _schedule(desk, of_it, random.Random(f"{seed} deliveries {number}"), heard)
        found.add(count_records(read_logs(desk.store), heard, SERVICE_PUBLIC_KEY))
        stored = stored_logs(desk.store)
        check_records(stored, heard, SERVICE_PUBLIC_KEY)
        check_all_stored(stored, heard.deliveries)
        check_service_log(desk.store, heard, SERVICE_PUBLIC_KEY)
        assert {log_id: list(log.contents) for log_id, log in stored.items()} == {
            board.log_id: board.entries for board in packs.values()
        }
    finally:
        desk.store.close()


def _schedule(desk: Desk, packs: dict[str, Board], chance: random.Random, heard: Heard) -> None:
    sent = [one for battery, board in packs.items() for one in _sent(battery, board, chance)]
    came = [one for one in sent for _ in range(chance.choice([1, 1, 2, 3]))]
    chance.shuffle(came)
    if chance.random() < 0.5:  # only a little out of order, as by several workers
        came = sorted(came, key=lambda one: one[1].first_seq + chance.uniform(0, 4))
    for group in _groups(came, chance):
        _give(desk, group, chance.random() < 0.3, heard)
    for battery, board in packs.items():
        head = desk.store.head(board.log_id)
        first = min(head.size, board.size - 1) if head else 0
        _give(desk, [(f"packseal/site/{battery}/rec", board.delivery(first))], False, heard)


def _sent(battery: str, board: Board, chance: random.Random) -> Iterator[Sent]:
    """A log, and its deliveries from the first on; some begin where an earlier one did."""
    board.boot()
    begins = [0]
    for _ in range(chance.randrange(2, 6)):
        board.windows(chance.randrange(1, 4))
        first = begins[-1] if chance.random() < 0.7 else chance.choice(begins)
        yield f"packseal/site/{battery}/rec", board.delivery(first)
        begins.append(board.size)


def _groups(came: list[Sent], chance: random.Random) -> Iterator[list[Sent]]:
    while came:
        size = chance.choice([1, 1, 2, 5])
        yield came[:size]
        came = came[size:]


def _give(desk: Desk, group: list[Sent], is_patient: bool, heard: Heard) -> None:
    desk.now_unix_ms += PERIOD_MS
    answers = desk.service.receive_many([(topic, one.to_bytes()) for topic, one in group], is_patient=is_patient)
    for (_, delivery), answer in zip(group, answers, strict=True):
        if not isinstance(answer, UnavailableError):  # one that is early, and told to wait
            decoded = decode_answer(answer)
            heard.answers.append(decoded)
            if isinstance(decoded, ReceiptAnswer):
                heard.deliveries.append(delivery)
