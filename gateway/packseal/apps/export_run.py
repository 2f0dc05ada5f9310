"""`packseal export`: from the files of a passport service, whether it runs or not."""

from __future__ import annotations

import time
from enum import Enum, auto
from pathlib import Path

from packseal.apps.bundles import BundleMaker
from packseal.apps.export import Exported, Wanted, exported, exported_archive
from packseal.apps.log_publisher import LogPublisher, check_continued
from packseal.apps.passport_service import PassportService
from packseal.apps.passport_terms import passport_settings, published_policy
from packseal.errors import ConfigError, EvidenceError, UnavailableError
from packseal.io.keys import Signer, load_key
from packseal.io.settings import PassportFileSettings
from packseal.io.stores import has_records, open_store
from packseal.io.tile_store import TileStore
from packseal.records.bundle import Bundle
from packseal.records.checkpoint import receipt_leaf_entry, verify_receipt
from packseal.records.cose_receipt import sign_inclusion_receipt
from packseal.records.merkle import included_root, leaf_hash
from packseal.records.note import unverified_log_checkpoint

PUBLICATION_LOOKS, PUBLICATION_LOOK_S = 30, 0.1


class ExportKind(Enum):
    BUNDLE, BUNDLE_AND_RECEIPT, ARCHIVE = auto(), auto(), auto()


def export_run(settings: PassportFileSettings, wanted: Wanted, kind: ExportKind, folder: Path) -> Exported:
    """Raises ConfigError, UnavailableError."""
    if not has_records(settings.store):
        raise ConfigError(f"{settings.store} does not exist; has this service received anything yet?")
    signer = load_key(settings.key)
    store = open_store(settings.store)
    try:
        service = PassportService(
            passport_settings(settings, signer.public_key), store, signer, signer.public_key, lambda: 0, is_reader=True
        )
        policy = published_policy(settings, service)()
        tiles = TileStore(settings.log)
        check_continued(store.log, tiles, store.where)
        _await_publication(LogPublisher(store.log, tiles))
        maker = BundleMaker(store, tiles, signer.public_key)
        if kind is ExportKind.ARCHIVE:
            return exported_archive(store, maker, policy, wanted, folder)
        done = exported(store, maker, policy, wanted, folder)
        if kind is ExportKind.BUNDLE_AND_RECEIPT:
            _write_cose_receipt(done.path, signer)
        return done
    finally:
        store.close()


def _await_publication(publisher: LogPublisher) -> None:
    """By the running service, which takes a second; where none runs, done here. Raises UnavailableError."""
    for _ in range(PUBLICATION_LOOKS):
        if publisher.is_up_to_date:
            return
        time.sleep(PUBLICATION_LOOK_S)
    try:
        publisher.publish_now()
    except EvidenceError as error:
        raise UnavailableError(str(error)) from None


def _write_cose_receipt(path: Path, signer: Signer) -> None:
    """Beside the bundle, of the same leaf in the same tree."""
    bundle = Bundle.from_bytes(path.read_bytes())
    index = verify_receipt(bundle.receipt, signer.public_key).service_index
    note = unverified_log_checkpoint(bundle.note)
    leaf = leaf_hash(receipt_leaf_entry(bundle.receipt).to_bytes())
    root = included_root(leaf, index, note.size, bundle.note_proof)
    if root != note.root:
        raise UnavailableError(f"{path}: the published log does not fit the receipt; restore it from a backup")
    content = sign_inclusion_receipt(note.size, index, bundle.note_proof, root, signer, signer.public_key)
    try:
        path.with_suffix(".receipt.cose").write_bytes(content)
    except OSError as error:
        raise ConfigError(f"{error.filename}: cannot be written: {error.strerror}") from None
