"""Writes the vectors that board code and gateway code both read; run by `make vectors`, compared in every check.

Everything is made from fixed keys and numbers, so a second run writes the same bytes: Ed25519 is deterministic, and so
is the ECDSA of RFC 6979. A bad vector has one fault and is named after it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parents[1]))  # run as a file

from tests.vectors import (  # noqa: E402
    archives,
    bundles,
    codecs,
    deliveries,
    entries,
    estimates,
    recognition,
    statements,
)


def vectors() -> dict[str, Any]:
    return {
        "cbor.json": codecs.cbor_vectors(),
        "columns.json": codecs.columns_vectors(),
        "link.json": codecs.link_vectors(),
        "entries_bad.json": entries.bad_entries() + estimates.bad_estimates(),
        "log.json": entries.log_vectors(),
        "estimates.json": estimates.estimate_vectors(),
        "bundles.json": bundles.bundle_vectors(),
        "deliveries.json": deliveries.delivery_vectors(),
        "archives.json": archives.archive_vectors(),
        "statements.json": statements.statement_vectors(),
        "recognition.json": recognition.recognition_vectors(),
    }


def main() -> int:
    """Writes the files; with --check compares instead and answers 1 where one differs."""
    texts = {name: json.dumps(content, indent=1) + "\n" for name, content in vectors().items()}
    differing = [
        name for name, text in texts.items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text
    ]
    if "--check" in sys.argv[1:]:
        sys.stdout.write(
            "".join(f"{name} is not what make_vectors.py makes; run: make vectors\n" for name in differing)
        )
        return 1 if differing else 0
    for name in differing:
        (FOLDER / name).write_text(texts[name])
    return 0


if __name__ == "__main__":
    sys.exit(main())
