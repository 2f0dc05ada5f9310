"""The tables of a passport store and how each version of them comes from the one before, for both databases.

Version 1 is what stores without a schema_version table have. A version that was released is never edited: what changes
is a new one. They are written as SQLite has them; `in_postgres` says what is other in PostgreSQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packseal.errors import EvidenceError, UnavailableError
from packseal.io.fleet_table import SCHEMA as FLEET_SCHEMA
from packseal.io.outgoing_log_table import SCHEMA as OUTGOING_SCHEMA
from packseal.io.read_log_table import SCHEMA as READ_LOG_SCHEMA
from packseal.io.sql import Transaction
from packseal.io.statements_table import SCHEMA as STATEMENTS_SCHEMA
from packseal.io.webhook_table import SCHEMA as WEBHOOK_SCHEMA
from packseal.records.entries import genesis_key, log_id_of

PARTITIONED, REWRITTEN = ("records", "checkpoints"), ("logs", "log_head", "passports")
PARTITIONS = 8  # of records and checkpoints in PostgreSQL

_VERSION_1 = """
CREATE TABLE logs (
    log_id BLOB PRIMARY KEY, genesis BLOB NOT NULL, seed BLOB NOT NULL, battery TEXT NOT NULL,
    evidence_class TEXT NOT NULL, size INTEGER NOT NULL, edge BLOB NOT NULL, boot INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL, rotations BLOB NOT NULL, is_sealed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
    log_id BLOB NOT NULL REFERENCES logs, seq INTEGER NOT NULL, leaf BLOB NOT NULL, entry BLOB NOT NULL,
    received_unix_ms INTEGER NOT NULL, PRIMARY KEY (log_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX records_soh ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'03';
CREATE INDEX records_time ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'07';
CREATE INDEX records_key ON records (log_id, seq) WHERE substr(entry, 2, 1) = x'06';
CREATE TABLE checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL, edge BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    attestation BLOB, PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE TABLE inner_checkpoints (
    log_id BLOB NOT NULL REFERENCES logs, size INTEGER NOT NULL, content BLOB NOT NULL,
    receipt BLOB NOT NULL, service_index INTEGER NOT NULL UNIQUE, received_unix_ms INTEGER NOT NULL,
    PRIMARY KEY (log_id, size)
) STRICT, WITHOUT ROWID;
CREATE INDEX checkpoints_received ON checkpoints (log_id, received_unix_ms);
CREATE INDEX inner_checkpoints_received ON inner_checkpoints (log_id, received_unix_ms);
CREATE TABLE passport_log (idx INTEGER PRIMARY KEY, entry BLOB NOT NULL) STRICT;
CREATE INDEX passport_log_acts ON passport_log (idx) WHERE substr(entry, 1, 1) = x'02';
CREATE TABLE acts (
    idx INTEGER PRIMARY KEY REFERENCES passport_log, content BLOB NOT NULL,
    signer BLOB NOT NULL, algorithm INTEGER NOT NULL, role INTEGER NOT NULL
) STRICT;
CREATE TABLE log_head (
    one INTEGER PRIMARY KEY CHECK (one = 1), edge BLOB NOT NULL, note BLOB NOT NULL, cosigned BLOB
) STRICT;
CREATE TABLE refusals (
    topic TEXT NOT NULL, log_id BLOB, reason TEXT NOT NULL, detail TEXT NOT NULL, battery TEXT NOT NULL,
    count INTEGER NOT NULL, first_unix_ms INTEGER NOT NULL, last_unix_ms INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX refusals_once ON refusals (topic, ifnull(log_id, x''), reason);
"""


_RECEIVED = """
UPDATE log_head SET received_unix_ms = (SELECT coalesce(max(newest), 0) FROM
    (SELECT max(received_unix_ms) AS newest FROM checkpoints
     UNION ALL SELECT max(received_unix_ms) FROM inner_checkpoints) AS both_kinds);
"""
_VERSION_2 = f"""
ALTER TABLE logs ADD COLUMN opener BLOB;
ALTER TABLE logs ADD COLUMN previous BLOB;
CREATE INDEX logs_battery ON logs (battery);
CREATE INDEX logs_opener ON logs (opener);
CREATE INDEX logs_previous ON logs (previous) WHERE previous IS NOT NULL;
ALTER TABLE log_head ADD COLUMN received_unix_ms INTEGER NOT NULL DEFAULT 0;
{_RECEIVED}
CREATE INDEX acts_content ON acts (content);
DROP INDEX refusals_once;
CREATE UNIQUE INDEX refusals_once ON refusals (topic, coalesce(log_id, x''), reason);
CREATE TABLE passports (
    battery TEXT PRIMARY KEY, size INTEGER NOT NULL, state BLOB NOT NULL, tag BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE opinions (
    log_id BLOB PRIMARY KEY, size INTEGER NOT NULL, state BLOB NOT NULL, tag BLOB NOT NULL
) STRICT, WITHOUT ROWID;
"""


def opened_by(log_id: bytes, genesis: bytes) -> tuple[bytes | None, bytes | None]:
    """The key that opened a log, and the log that it goes on from; None of what was altered or is not there."""
    try:
        key = genesis_key(genesis) if log_id_of(genesis) == log_id else None
    except EvidenceError:
        key = None
    if key is None:
        return None, None
    return key.public_key, key.previous.log_id if key.previous else None


def _fill_2(transaction: Transaction) -> None:
    rows = [
        (*opened_by(log_id, genesis), log_id)
        for log_id, genesis in transaction.execute("SELECT log_id, genesis FROM logs").fetchall()
    ]
    if rows:
        transaction.executemany("UPDATE logs SET opener = ?, previous = ? WHERE log_id = ?", rows)


@dataclass(frozen=True, slots=True)
class Migration:
    """From the version before to `version`. fill: what SQL cannot say."""

    version: int
    tables: str
    fill: Callable[[Transaction], None] | None = None


MIGRATIONS = (
    Migration(1, _VERSION_1),
    Migration(2, _VERSION_2 + READ_LOG_SCHEMA + STATEMENTS_SCHEMA + FLEET_SCHEMA + WEBHOOK_SCHEMA, _fill_2),
    Migration(3, OUTGOING_SCHEMA),
)
NEWEST = MIGRATIONS[-1].version


def migrate(transaction: Transaction, found: int, where: str, *, is_postgres: bool = False, upto: int = NEWEST) -> None:
    """From version `found`, 0 for an empty database. Raises UnavailableError for one that is newer than NEWEST."""
    if found > NEWEST:
        words = f"its tables are of version {found}, and this packseal knows them up to version {NEWEST}"
        raise UnavailableError(f"{where}: {words}; install the packseal that wrote it, or a newer one")
    for migration in MIGRATIONS[found:upto]:
        for statement in filter(str.strip, migration.tables.split(";")):
            for one in in_postgres(statement.strip()) if is_postgres else [statement]:
                transaction.execute(one)
        if migration.fill:
            migration.fill(transaction)
    if found < upto:
        transaction.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
        transaction.execute("DELETE FROM schema_version")
        transaction.execute("INSERT INTO schema_version VALUES (?)", (upto,))


def in_postgres(statement: str) -> Iterator[str]:
    """The statements that make the same in PostgreSQL.

    Records and checkpoints are partitioned by the hash of log_id, not by time: every question names its log, so it
    meets one partition; (log_id, seq) stays one key, as no key by time could be; and evidence is never dropped by age.
    They have no foreign key to their log: each record would be looked up, and its head is written with it. Heads that
    are written over and over leave room in their pages.
    """
    text = re.sub(r"\) STRICT(, WITHOUT ROWID)?$", ")", statement)
    for old, new in (("BLOB", "BYTEA"), ("INTEGER", "BIGINT"), (" REFERENCES logs", ""), ("ifnull(", "coalesce(")):
        text = text.replace(old, new)
    name = text.split()[2]
    if text.startswith("CREATE TABLE") and name in PARTITIONED:
        yield text.replace("service_index BIGINT NOT NULL UNIQUE", "service_index BIGINT NOT NULL") + (
            " PARTITION BY HASH (log_id)"
        )
        for part in range(PARTITIONS):
            bounds = f"FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {part})"
            yield f"CREATE TABLE {name}_{part} PARTITION OF {name} {bounds}"
        if "service_index" in text:  # what changed is read in its order
            yield f"CREATE INDEX {name}_service_index ON {name} (service_index)"
    elif text.startswith("CREATE TABLE") and name in REWRITTEN:
        yield text + " WITH (fillfactor = 70)"
    else:
        yield text
