"""MicroPython's source, as Debian's source package has it: what boards and native modules are built from.

The upstream archive of the package, unmodified; none of Debian's patches, which are about the unix port.
"""

from __future__ import annotations

import io
import re
import shutil
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from packseal.errors import MicroPythonError
from packseal.io.debian_archive import SUITE, cache_folder, from_a_mirror, locked, stanzas, verified

PACKAGE = "micropython"
INDEX = "main/source/Sources"
# the makefiles insist on a file of this submodule, which the package does not hold and no board here uses
SUBMODULE_MARK = Path("lib/micropython-lib/README.md")
_STAMP = "source.sha256"  # of the archive the tree came from


@dataclass(frozen=True, slots=True)
class SourceTree:
    folder: Path
    sha256: str  # of the archive, so of the whole content


def micropython_source() -> SourceTree:
    """The tree, fetched when it is not in the cache. Nobody may write into it: builds go elsewhere.

    Raises MicroPythonError when it cannot be had.
    """
    folder = cache_folder(f"micropython-source-{SUITE}")
    with locked(folder):
        if not (folder / _STAMP).is_file():
            sys.stderr.write(f"fetching MicroPython's source ({SUITE}) into {folder}\n")
            _unpack(*from_a_mirror(_archive), folder)
    return SourceTree(folder, (folder / _STAMP).read_text())


def _archive(mirror: str) -> tuple[bytes, str]:
    """(content, sha256) of the package's upstream archive."""
    stanza = stanzas(mirror, INDEX, (PACKAGE,))[PACKAGE]
    folder = re.search(r"^Directory: (\S+)$", stanza, re.MULTILINE)
    sums = re.search(r"^Checksums-Sha256:\n((?: .+\n?)+)", stanza, re.MULTILINE)
    listed = re.search(r"^ ([0-9a-f]{64}) \d+ (\S+\.orig\.tar\.xz)$", sums[1], re.MULTILINE) if sums else None
    if folder is None or listed is None:
        raise MicroPythonError(f"its {INDEX} states no archive of {PACKAGE}")
    return verified(f"{mirror}/{folder[1]}/{listed[2]}", listed[1]), listed[1]


def _unpack(content: bytes, sha256: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            if hasattr(tarfile, "tar_filter"):  # Debian 12's Python has none yet
                archive.extraction_filter = tarfile.tar_filter
            archive.extractall(work)  # noqa: S202 - its hash was signed by Debian's archive key
        (tree,) = [path.parent.parent for path in Path(work).glob("**/py/mkrules.mk")]
        (tree / SUBMODULE_MARK).parent.mkdir(parents=True, exist_ok=True)
        (tree / SUBMODULE_MARK).touch()
        (tree / _STAMP).write_text(sha256)
        shutil.rmtree(folder, ignore_errors=True)
        tree.rename(folder)


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{micropython_source().folder}\n")
    except MicroPythonError as error:
        sys.exit(f"packseal: MicroPython's source {error}")
