"""Finds a MicroPython for the unix port, or fetches Debian's and runs it with its own loader.

Order: $MICROPYTHON, `micropython` on PATH, the cache, Debian's package (suite trixie). The package and the libraries
it was linked with come from the mirror that the machine's own apt sources name, are checked against the signed
release file (by gpgv where Debian's keyring is installed, else only https mirrors are asked), and are unpacked into a
cache folder. No root is needed, nothing outside that folder changes.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from packseal.errors import MicroPythonError

SUITE = "trixie"
OLDEST = (1, 25)
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEFAULT_MIRROR = "https://deb.debian.org/debian"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
MAX_DOWNLOAD_BYTES = 64 << 20  # the largest file asked for, trixie's package list, is 10 MB
APT_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
CURE = "install micropython 1.25 or newer, or set MICROPYTHON to its path"


def micropython_command() -> list[str]:
    """The command, as an argument list to put a script's path behind, that runs MicroPython here.

    Raises MicroPythonError, naming the cure, when none is installed and none can be fetched.
    """
    chosen = os.environ.get("MICROPYTHON")
    if chosen:
        if not shutil.which(chosen):
            raise MicroPythonError(f"MICROPYTHON is set to {chosen}, which is not a program; {CURE}")
        return _checked([chosen])
    installed = shutil.which("micropython")
    return _checked([installed]) if installed else _cached_command() or _fetched_command()


def _checked(command: list[str]) -> list[str]:
    """Raises MicroPythonError for one that does not run, or is older than what the firmware is written for."""
    question = "import sys; print(sys.implementation.name, *sys.implementation.version[:2])"
    answer = subprocess.run([*command, "-c", question], capture_output=True, text=True, check=False).stdout.split()
    if len(answer) != 3 or answer[0] != "micropython" or (int(answer[1]), int(answer[2])) < OLDEST:
        found = " ".join(answer) or "nothing"
        raise MicroPythonError(f"{command[0]} is no MicroPython {OLDEST[0]}.{OLDEST[1]} or newer, but {found}; {CURE}")
    return command


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "packseal" / f"micropython-{SUITE}-{_architecture()}"


def _architecture() -> str:
    try:
        return ARCHITECTURES[platform.machine()]
    except KeyError:
        raise MicroPythonError(f"no MicroPython to fetch for a {platform.machine()} machine; {CURE}") from None


def _cached_command() -> list[str] | None:
    root = _cache_folder()
    loaders = sorted(root.glob("usr/lib*/**/ld-linux-*.so.*"))
    program = root / "usr/bin/micropython"
    if not (loaders and program.is_file()):
        return None
    libraries = ":".join(str(path) for path in sorted(root.glob("usr/lib/*-linux-gnu")))
    return [str(loaders[0]), "--library-path", libraries, str(program)]


def _fetched_command() -> list[str]:
    if sys.platform != "linux":
        raise MicroPythonError(f"no MicroPython found; {CURE}")
    root = _cache_folder()
    root.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"fetching MicroPython ({SUITE}) into {root}\n")
    with tempfile.TemporaryDirectory(dir=root.parent) as work:
        for package, content in _download_packages():
            sys.stderr.write(f"  {package}\n")
            _unpack(content, Path(work) / "root")
        shutil.rmtree(root, ignore_errors=True)
        (Path(work) / "root").rename(root)
    command = _cached_command()
    if command is None:
        raise MicroPythonError(f"Debian's package holds no program for this machine; {CURE}")
    return command


def _download_packages() -> list[tuple[str, bytes]]:
    problems = []
    for mirror in _mirrors():
        try:
            index = _package_index(mirror)
            return [(name, _verified(f"{mirror}/{index[name][0]}", index[name][1])) for name in PACKAGES]
        except (URLError, OSError, KeyError, MicroPythonError) as error:
            problems.append(f"{mirror}: {error}")
    raise MicroPythonError(f"no MicroPython found and none could be fetched ({'; '.join(problems)}); {CURE}")


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


def _package_index(mirror: str) -> dict[str, tuple[str, str]]:
    """name -> (path below the mirror, sha256) of the suite's packages, checked against its release file."""
    name = f"main/binary-{_architecture()}/Packages.xz"
    release = _release(f"{mirror}/dists/{SUITE}/InRelease")
    listed = re.search(rf"^ ([0-9a-f]{{64}}) +\d+ {re.escape(name)}$", release, re.MULTILINE)
    if listed is None:
        raise MicroPythonError(f"its release file does not list {name}")
    text = lzma.decompress(_verified(f"{mirror}/dists/{SUITE}/{name}", listed[1])).decode()
    stanzas = (dict(re.findall(r"^(\S+): (.*)$", part, re.MULTILINE)) for part in text.split("\n\n"))
    return {s["Package"]: (s["Filename"], s["SHA256"]) for s in stanzas if s.get("Package") in PACKAGES}


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


def _verified(url: str, sha256: str) -> bytes:
    content = _download(url)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise MicroPythonError(f"{url} does not have the SHA-256 its index states")
    return content


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
    raise MicroPythonError("a fetched package has no data member")


if __name__ == "__main__":
    try:
        sys.stdout.write(" ".join(micropython_command()) + "\n")
    except MicroPythonError as error:
        sys.exit(f"packseal: {error}")
