"""Evidence of a run: the logs that the passport service has of its board, as archives, and what verifying them says.

Decides that an archive of every log is kept, with a policy beside it which names the keys of this run. Whoever trusts
the folder's maker no further than that has to bring a policy of their own. What is true of an archive is decided by
packseal.apps.verify.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from packseal.apps.bundles import BundleMaker
from packseal.apps.export import Wanted, exported_archive, load_policy
from packseal.apps.passport_server import PassportServer
from packseal.apps.verify import verify_file
from packseal.errors import EvidenceError, PackSealError
from packseal.io.passport_rows import LogHead
from packseal.records.bodies import Boot
from packseal.records.entries import Entry
from packseal.records.printable import printable

POLICY = "policy.toml"


@dataclass(frozen=True, slots=True)
class Checked:
    """One file of evidence. lines: the verdict, or in one line why it was refused."""

    name: str
    is_verified: bool
    lines: tuple[str, ...]


def keep_evidence(server: PassportServer, folder: Path) -> tuple[str, ...]:
    """Writes an archive of each log and the policy. -> in words, what could not be written, and why."""
    failures = []
    (folder / POLICY).unlink(missing_ok=True)  # of an earlier run: this one's keys are others
    for head in server.store.heads():
        try:
            _keep(server, head, folder)
        except PackSealError as error:
            failures.append(f"log {head.log_id.hex()[:16]}: {error}")
    return tuple(failures)


def _keep(server: PassportServer, head: LogHead, folder: Path) -> None:
    publisher = server.publisher
    publisher.publish_now()
    maker = BundleMaker(server.store, publisher.tiles, server.public_key, publisher.publish_now)
    exported_archive(server.store, maker, server.policy(), Wanted(head.battery, log_id=head.log_id), folder)


def logged_firmware(entries: Iterable[Entry]) -> tuple[str, ...]:
    """What a board has stated at its starts, each hash once, in hexadecimal."""
    hashes = (entry.body.firmware_hash.hex() for entry in entries if isinstance(entry.body, Boot))
    return tuple(dict.fromkeys(hashes))


def checked_evidence(folder: Path) -> tuple[Checked, ...]:
    """As `packseal verify` does, of every archive and bundle in the folder; () where there is none."""
    files = sorted([*folder.glob("*.archive"), *folder.glob("*.bundle")])
    return tuple(_checked(path) for path in files)


def _checked(path: Path) -> Checked:
    try:
        verdict = verify_file(path, load_policy(path.parent / POLICY))
    except EvidenceError as error:
        return Checked(path.name, False, (printable(f"refused: {error}"),))
    except PackSealError as error:
        return Checked(path.name, False, (printable(f"cannot be verified: {error}"),))
    return Checked(path.name, True, tuple(verdict.lines()))
