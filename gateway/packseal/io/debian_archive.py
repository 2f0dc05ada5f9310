"""Files of Debian's archive, each checked against the release file that Debian signed.

The mirrors are those that the machine's own apt sources name. The release file is checked by gpgv where Debian's
keyring is installed; without it only https mirrors are asked. No root is needed; nothing is installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import lzma
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.error import URLError
from urllib.request import urlopen

from packseal.errors import MicroPythonError

SUITE = "trixie"
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEFAULT_MIRROR = "https://deb.debian.org/debian"
MAX_DOWNLOAD_BYTES = 64 << 20  # the largest files asked for are indices of 10 MB, and a kernel of 36
APT_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")

Found = TypeVar("Found")


def cache_folder(name: str) -> Path:
    """Where what was fetched or built is kept: a folder that its user makes, below one that is there."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "packseal"
    base.mkdir(parents=True, exist_ok=True)
    return base / name


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time makes `folder`; who waited looks first whether it is there now."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch_packages(root: Path, names: Sequence[str], architecture: str, suite: str = SUITE) -> None:
    """Unpacks these packages, and nothing that they depend on, into `root`, which is there when all is in it.

    Raises MicroPythonError.
    """
    with tempfile.TemporaryDirectory(dir=root.parent) as work:
        for name, content in from_a_mirror(lambda mirror: _packages(mirror, names, architecture, suite)):
            sys.stderr.write(f"  {name}\n")
            _unpack(content, Path(work) / "root")
        shutil.rmtree(root, ignore_errors=True)
        (Path(work) / "root").rename(root)


def from_a_mirror(ask: Callable[[str], Found]) -> Found:
    """What ask(mirror) returns for the first mirror that has it. Raises MicroPythonError, with what each one said."""
    problems = []
    for mirror in _mirrors():
        try:
            return ask(mirror)
        except (URLError, OSError, KeyError, MicroPythonError) as error:
            problems.append(f"{mirror}: {error}")
    raise MicroPythonError(f"could not be fetched ({'; '.join(problems)})")


def stanzas(mirror: str, index: str, packages: Sequence[str], suite: str = SUITE) -> dict[str, str]:
    """name -> text of the newest stanza of each package in an index, such as main/source/Sources."""
    release = _release(f"{mirror}/dists/{suite}/InRelease")
    listed = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(index)}\.xz$", release, re.MULTILINE)
    if listed is None:
        raise MicroPythonError(f"its release file does not list {index}.xz")
    text = lzma.decompress(verified(f"{mirror}/dists/{suite}/{index}.xz", listed[1])).decode()
    parts = ((re.match(r"Package: (\S+)\n", part), part) for part in text.split("\n\n"))
    return {name[1]: part for name, part in parts if name and name[1] in packages}


def verified(url: str, sha256: str) -> bytes:
    content = _download(url)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise MicroPythonError(f"{url} does not have the SHA-256 its index states")
    return content


def _packages(mirror: str, names: Sequence[str], architecture: str, suite: str) -> list[tuple[str, bytes]]:
    listed = stanzas(mirror, f"main/binary-{architecture}/Packages", names, suite)
    contents = []
    for name in names:
        fields = dict(re.findall(r"^(\S+): (.*)$", listed[name], re.MULTILINE))
        contents.append((name, verified(f"{mirror}/{fields['Filename']}", fields["SHA256"])))
    return contents


def _unpack(package: bytes, folder: Path) -> None:
    """Unpacks the data member of a Debian package (deb(5): an ar archive) into folder."""
    offset = 8  # "!<arch>\n"
    while offset + 60 <= len(package):
        name, size = package[offset : offset + 16].strip(), int(package[offset + 48 : offset + 58])
        if name.startswith(b"data.tar"):
            with tarfile.open(fileobj=io.BytesIO(package[offset + 60 : offset + 60 + size])) as data:
                if hasattr(tarfile, "tar_filter"):  # Debian 12's Python has none yet
                    data.extraction_filter = tarfile.tar_filter
                data.extractall(folder)  # noqa: S202 - its hash was signed by Debian's archive key
            return
        offset += 60 + size + size % 2
    raise MicroPythonError("could not be unpacked: a package has no data member")


def _mirrors() -> list[str]:
    """Debian archive mirrors of this machine's apt sources, then the default one."""
    found = []
    for pattern in APT_SOURCES:
        for path in sorted(Path("/").glob(pattern[1:])):
            found += re.findall(r"https?://\S+/debian(?=/?\s)", path.read_text(errors="replace") + "\n")
    usable = [url for url in found if url.startswith("https://") or _can_check_signatures()]
    return list(dict.fromkeys([*usable, DEFAULT_MIRROR]))


def _can_check_signatures() -> bool:
    return shutil.which("gpgv") is not None and KEYRING.is_file()


def _release(url: str) -> str:
    signed = _download(url)
    if not _can_check_signatures():
        return signed.decode()
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "InRelease"
        path.write_bytes(signed)
        command = ["gpgv", "--quiet", "--status-fd", "2", "--keyring", str(KEYRING), "--output", "-", str(path)]
        checked = subprocess.run(command, capture_output=True, check=False)
    # one of several signatures may be by a key newer than the keyring: gpgv then fails, though another one is good
    if b"[GNUPG:] VALIDSIG " not in checked.stderr or b"[GNUPG:] BADSIG " in checked.stderr:
        raise MicroPythonError(f"{url} is not signed by Debian's archive key")
    return checked.stdout.decode()


def _download(url: str) -> bytes:
    with urlopen(url, timeout=60) as answer:  # noqa: S310 - only http and https: from a pattern or the constant above
        content: bytes = answer.read(MAX_DOWNLOAD_BYTES + 1)
    if len(content) > MAX_DOWNLOAD_BYTES:
        raise MicroPythonError(f"{url} is larger than {MAX_DOWNLOAD_BYTES} bytes")
    return content
