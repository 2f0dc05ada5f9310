"""Does an archive hold what the store holds? Set comparisons of keys and digests, by SQL, a shard at a time.

What came into the store behind the archive's last run is counted and left out. Where something was taken out of either
side, or differs, it is named.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from packseal.apps.fleet_archive_findings import Found, log_words
from packseal.io.parquet_reader import ArchiveReader
from packseal.io.parquet_source import StoreRows

Key = tuple[bytes, int, str]
PIECE = 4096


def compare_shard(
    reader: ArchiveReader, store: StoreRows, bounds: tuple[bytes, bytes], stop: int, found: Found
) -> None:
    """stop: of the passport log, how far the archive goes. Raises UnavailableError."""
    ends = store.ends(bounds, stop)

    def logs() -> Iterator[list[Key]]:
        for page in store.all_logs(bounds):
            yield [(row[0], 0, _digest(*row[2:])) for row in page if row[0] in ends]

    def records() -> Iterator[list[Key]]:
        for page in store.all_records(bounds):
            kept = [row for row in page if row[1] < ends.get(row[0], 0)]
            found.counts["newer_in_the_store"] += len(page) - len(kept)
            yield [(log_id, seq, _digest(leaf, entry)) for log_id, seq, leaf, entry in kept]

    def deliveries(pages: Iterator[list[Any]]) -> Iterator[list[Key]]:
        for page in pages:
            yield [(row[0], row[1], _of_delivery(*row[2:])) for row in page if row[5] < stop]

    for name, archived, pages in (
        ("its beginning", _LOGS, logs()),
        ("record", _RECORDS, records()),
        ("delivery of size", f"{_DELIVERIES} WHERE NOT is_inner", deliveries(store.all_deliveries(bounds))),
        ("inner delivery of size", f"{_DELIVERIES} WHERE is_inner", deliveries(store.all_inner(bounds))),
    ):
        for log_id, words in _differing(reader, name, archived, pages, found):
            found.add(log_words(log_id), words)


def compare_public(reader: ArchiveReader, store: StoreRows, stop: int, found: Found) -> None:
    """Raises UnavailableError."""

    end = min(stop, store.head()[0])

    def pages() -> Iterator[list[Key]]:
        for start in range(0, end, PIECE):
            rows = store.public_log(start, min(start + PIECE, end))
            yield [(b"", row[0], _digest(*row[1:4], _text(*row[4:]))) for row in rows]

    for _, words in _differing(reader, "entry", _PUBLIC_LOG, pages(), found):
        found.add("public log", words)


def _differing(
    reader: ArchiveReader, name: str, archived: str, pages: Iterator[list[Key]], found: Found
) -> Iterator[tuple[bytes, str]]:
    reader.put_keys("stored", (page for page in pages if page))
    ((count,),) = reader.rows("SELECT count(*) FROM stored")
    found.counts["compared_with_the_store"] += count
    query = (
        f"SELECT coalesce(a.log_id, s.log_id), coalesce(a.number, s.number), a.digest IS NULL, s.digest IS NULL"  # noqa: S608
        f" FROM ({archived}) AS a FULL JOIN stored AS s ON a.log_id = s.log_id AND a.number = s.number"
        " WHERE a.digest IS DISTINCT FROM s.digest ORDER BY 1, 2"
    )
    for log_id, number, is_new, is_lost in reader.stream(query):
        what = "is in the store and not in the archive" if is_new else "is in the archive and not in the store"
        words = what if is_new or is_lost else "is not the same in the archive and in the store"
        yield log_id, f"{name} {words}" if name == "its beginning" else f"{name} {number} {words}"
    reader.drop("stored")


def _digest(*parts: bytes | str | None) -> str:
    joined = b"".join(part.encode() if isinstance(part, str) else part or b"" for part in parts)
    return sha256(joined).hexdigest()


def _text(*numbers: int | None) -> str:
    return "/".join("" if number is None else str(number) for number in numbers)


def _of_delivery(
    checkpoint: bytes, edge: bytes | None, receipt: bytes, index: int, unix_ms: int, attestation: bytes | None
) -> str:
    return _digest(checkpoint, edge, receipt, attestation, _text(index, unix_ms))


_LOGS = (
    "SELECT l.log_id, 0::BIGINT AS number, sha256(genesis || seed || encode(coalesce(battery, ''))) AS digest"
    " FROM logs l LEFT JOIN (SELECT log_id, arg_max(battery || '/' || evidence_class, size) AS battery FROM deliveries"
    " WHERE NOT is_inner GROUP BY log_id) USING (log_id)"
)
_RECORDS = "SELECT log_id, seq::BIGINT AS number, sha256(leaf || entry) AS digest FROM records"
_DELIVERIES = (
    "SELECT log_id, size::BIGINT AS number, sha256(checkpoint || coalesce(edge, ''::BLOB) || receipt"
    " || coalesce(attestation, ''::BLOB) || encode(service_index || '/' || received_unix_ms)) AS digest FROM deliveries"
)
_PUBLIC_LOG = (
    "SELECT ''::BLOB AS log_id, idx AS number, sha256(entry || coalesce(content, ''::BLOB)"
    " || coalesce(signer, ''::BLOB) || encode(coalesce(algorithm::VARCHAR, '') || '/' || coalesce(role::VARCHAR, '')))"
    " AS digest FROM public_log"
)
