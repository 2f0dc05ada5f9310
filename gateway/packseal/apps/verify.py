"""`packseal verify`: a bundle or a whole archive, under a policy. Files and processes; what is true is for records/."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeAlias

from packseal.errors import ConfigError, EvidenceError, Reason, UnavailableError
from packseal.io.files import read_bounded
from packseal.records.archive import ArchiveCheck, ArchiveHead, OpenedPart, opened_part, read_items
from packseal.records.bundle import MAX_BUNDLE_BYTES
from packseal.records.cbor import BYTES
from packseal.records.fields import malformed
from packseal.records.policy import Policy
from packseal.records.printable import printable
from packseal.records.report import Json, report, report_json, type_name
from packseal.records.verify import TrustedBundle, verify_bundle

READ_BYTES = 1 << 20
PARTS_AHEAD = 64  # handed to the other processes at a time: enough to keep them busy, few enough to hold in memory
WORKERS_FROM_BYTES = 1 << 20  # a smaller archive is checked before other processes would have begun

Progress: TypeAlias = Callable[[int], None]
"""Called with the number of bytes read so far."""
Opener: TypeAlias = Callable[[ArchiveHead, list[bytes]], Iterator[OpenedPart]]
"""The parts opened, in order. Raises the EvidenceError of the first that does not open when its turn comes."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """archive is None where one record was verified."""

    trusted: TrustedBundle
    archive: ArchiveCheck | None = None

    def lines(self) -> list[str]:
        lines = report(self.trusted)
        if self.archive is None:
            return lines
        records, hours = self.archive.records, self.archive.windows_ms / 3_600_000
        first = f"OK  archive of {records} records of battery {self.trusted.battery}, each one checked"
        covered = f"    {hours:.1f} h covered by windows, {self.archive.windows_lost} windows stated as lost,"
        return [printable(first), f"{covered} {self.archive.rotations} changes of key", "The last of them:", *lines]

    def as_json(self) -> Json:
        found = report_json(self.trusted)
        if self.archive is None:
            return found
        check = self.archive
        counts = {type_name(entry_type): count for entry_type, count in check.counts.items()}
        archive = {"records": check.records, "records_by_type": counts, "windows_ms": check.windows_ms}
        return found | {"archive": archive | {"windows_lost": check.windows_lost, "key_changes": check.rotations}}


def verify_file(
    path: Path,
    policy: Policy,
    battery: str | None = None,
    progress: Progress | None = None,
    nonce: bytes | None = None,
) -> Verdict:
    """battery, nonce: the ones in question, where somebody asks for one.

    Raises ConfigError where the file cannot be read, EvidenceError where it does not hold.
    """
    verdict = _archive(path, policy, progress) if is_archive(path) else Verdict(_bundle(path, policy))
    if battery is not None and verdict.trusted.battery != battery:
        words = f"good evidence, but of battery {verdict.trusted.battery!r}, not of {battery!r}"
        raise EvidenceError(Reason.WRONG_BATTERY, words)
    answered = verdict.trusted.checkpoint.nonce
    if nonce is not None and answered != nonce:
        found = f"nonce {answered.hex()}, not" if answered is not None else "no nonce, and not"
        words = f"good evidence, but its checkpoint answers {found} {nonce.hex()}: it may be older than the question"
        raise EvidenceError(Reason.WRONG_NONCE, words)
    return verdict


def is_archive(path: Path) -> bool:
    """An archive begins with a byte string, a bundle with an array."""
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return bool(first) and first[0] >> 5 == BYTES


def _bundle(path: Path, policy: Policy) -> TrustedBundle:
    return verify_bundle(read_bounded(path, MAX_BUNDLE_BYTES), policy)


def _archive(path: Path, policy: Policy, progress: Progress | None) -> Verdict:
    with path.open("rb") as file:
        is_large = os.fstat(file.fileno()).st_size >= WORKERS_FROM_BYTES
        with workers() if is_large else nullcontext(_opened_here) as opened:
            return verify_archive(file, policy, opened, progress)


def verify_archive(file: BinaryIO, policy: Policy, opened: Opener, progress: Progress | None = None) -> Verdict:
    """The parts are decoded and hashed by `opened`, and joined here, in order. Raises EvidenceError."""
    items = read_items(file.read)
    head = ArchiveHead.from_bytes(next(items, b""))
    check = ArchiveCheck(head)
    last = None
    for batch in _batches(items):
        if last is not None:
            batch.insert(0, last)
        last = batch.pop()
        for part in opened(head, batch):
            check.add(part)
        if progress:
            progress(file.tell())
    if last is None:
        raise malformed("an archive ends in a bundle")
    return Verdict(check.finish(last, policy), check)


def _batches(items: Iterator[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for item in items:
        batch.append(item)
        if len(batch) >= PARTS_AHEAD * (os.cpu_count() or 1):
            yield batch
            batch = []
    if batch:
        yield batch


def _opened_here(head: ArchiveHead, batch: list[bytes]) -> Iterator[OpenedPart]:
    return (opened_part(content, head) for content in batch)


@contextmanager
def workers() -> Iterator[Opener]:
    """As many processes as there are processors. Raises UnavailableError where one of them ends by itself."""
    executor = ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn"))

    def opened(head: ArchiveHead, batch: list[bytes]) -> Iterator[OpenedPart]:
        for outcome in executor.map(partial(_outcome, head=head), batch, chunksize=8):
            if isinstance(outcome, EvidenceError):
                raise outcome
            yield outcome

    try:
        yield opened
    except BrokenProcessPool as error:
        words = "a process that checked parts of the archive ended; is there enough memory?"
        raise UnavailableError(f"{words} ({error})") from None
    finally:
        executor.shutdown(cancel_futures=True)


def _outcome(content: bytes, head: ArchiveHead) -> OpenedPart | EvidenceError:
    """A refusal is a result as well: the parts before it, which came in the same piece of work, are judged first."""
    try:
        return opened_part(content, head)
    except EvidenceError as refusal:
        return refusal
