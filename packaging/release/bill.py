"""The bill of materials of a wheel or of a Debian package, as CycloneDX 1.6 in JSON.

    .venv/bin/python packaging/release/bill.py dist/packseal-0.1.0-py3-none-any.whl -o packseal-0.1.0.whl.cdx.json
    .venv/bin/python packaging/release/bill.py dist/packseal_0.1.0_amd64.deb -o packseal_0.1.0_amd64.deb.cdx.json

Of a Debian package it lists what is in it: every Python package of its environment, by that environment's own
metadata. A wheel brings none: listed is the set of requirements.lock that it is tested and packaged with, as it is
installed where this runs. Of both it has each firmware file with its SHA-256, each binding with the DBC of somebody
else that it is written for (which is not in it), and the digest of the whole. What it lacks: the libraries that wheels
bring inside, such as OpenSSL in cryptography; their own bills are in their *.dist-info where their makers put one.

The same file gives the same bytes: the time is SOURCE_DATE_EPOCH or that of the newest file in it, the serial number
follows from the content. Checked against the schema before it is written.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.parser import BytesParser
from pathlib import Path, PurePosixPath

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import License, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from installed import Installed, canonical, closure, installed_in
from packageurl import PackageURL

PROJECT = Path(__file__).resolve().parents[2]
LOCK = PROJECT / "packaging/requirements.lock"
Locked = Mapping[tuple[str, str], frozenset[str]]  # (name, version) -> SHA-256 of each of its wheels
OWN = "packseal"
FIRMWARE, BINDINGS = "packseal/firmware/", "packseal/signals/bindings/"
ROWS = re.compile(
    r"^\| `(?P<binding>[a-z0-9_]+)` \| `(?P<dbc>[^`]+)` \| (?P<origin>[^|]+?) \| (?P<licence>[^|]+?) \|$", re.M
)
LOCKED = re.compile(r"^(?P<name>\S+)==(?P<version>\S+)(?P<hashes>.*)$", re.M)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "packseal:bill")


class BillError(Exception):
    """Why there is no bill, with its cure."""


@dataclass(frozen=True, slots=True)
class Artefact:
    """What is released. files: path below the packages' folder -> content, of packseal's own files. packages: those
    that are in it, or that it is tested with."""

    name: str
    kind: str
    version: str
    licence: str
    requires: tuple[str, ...]
    sha256: str
    newest_unix_s: int
    files: Mapping[str, bytes]
    packages: Mapping[str, Installed]


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the bill of materials of a wheel or a Debian package.")
    parser.add_argument("artefact", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--lock", type=Path, default=LOCK, help="The versions that it is tested and packaged with.")
    options = parser.parse_args()
    try:
        options.out.write_text(bill(options.artefact, options.lock))
    except (BillError, LookupError) as error:
        sys.exit(f"bill.py: {error}")


def bill(path: Path, lock: Path = LOCK) -> str:
    """Raises BillError, and LookupError for a package that is needed and not there."""
    readers = {".whl": _wheel, ".deb": _debian_package}
    if path.suffix not in readers:
        raise BillError(f"{path}: expected a .whl or a .deb")
    artefact = readers[path.suffix](path)
    if not any(name.startswith(FIRMWARE) for name in artefact.files):
        raise BillError(f"{path}: there is no firmware in it; build it with `make release`")
    text = JsonV1Dot6(_bom(artefact, _locked(lock))).output_as_string(indent=1) + "\n"
    if fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise BillError(f"the bill is not as CycloneDX 1.6 wants it: {fault}")
    return text


# ---- what is released


def _wheel(path: Path) -> Artefact:
    with zipfile.ZipFile(path) as wheel:
        names = sorted(one.filename for one in wheel.infolist() if not one.is_dir())
        newest = max(datetime(*one.date_time, tzinfo=UTC) for one in wheel.infolist())
        files = {name: wheel.read(name) for name in names if not name.startswith("packseal-")}
        (head,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = BytesParser().parsebytes(wheel.read(head))
    requires = tuple(metadata.get_all("Requires-Dist") or ())
    return Artefact(
        path.name, "wheel", metadata["Version"], metadata["License-Expression"], requires, _sha256(path.read_bytes()),
        int(newest.timestamp()), files, installed_in(Path(sysconfig.get_path("purelib"))),
    )  # fmt: skip


def _debian_package(path: Path) -> Artefact:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["dpkg-deb", "--extract", path, folder], check=True)
        sites = list(Path(folder).glob("usr/lib/packseal/lib/python3*/site-packages"))
        if len(sites) != 1:
            raise BillError(f"{path}: has no environment of PackSeal's in it")
        packages = installed_in(sites[0])
        own = [
            one for folder in ("packseal", "packseal_hil") for one in (sites[0] / folder).rglob("*") if one.is_file()
        ]
        files = {str(one.relative_to(sites[0])): one.read_bytes() for one in sorted(own)}
        newest = max(int(one.stat().st_mtime) for one in own)
    known = packages[OWN]
    return Artefact(
        path.name, "Debian package", known.version, known.licence, known.requires, _sha256(path.read_bytes()), newest,
        files, packages,
    )  # fmt: skip


# ---- its bill


def _bom(artefact: Artefact, locked: Locked) -> Bom:
    whole = _whole(artefact)
    made = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", artefact.newest_unix_s)), UTC)
    metadata = BomMetaData(
        component=whole, timestamp=made, properties=[Property(name="packseal:of", value=artefact.kind)]
    )
    serial = uuid.uuid5(NAMESPACE, artefact.sha256)
    packages = closure(artefact.requires, artefact.packages)
    components = {name: _package(artefact.packages[name], locked) for name in sorted(packages)}
    own = [*_firmware(artefact), *_bindings(artefact)]
    bom = Bom(components=[*components.values(), *own], metadata=metadata, serial_number=serial)
    direct = sorted({canonical(name) for name in _direct(artefact.requires)} & set(components))
    bom.register_dependency(whole, [components[name] for name in direct])
    for name, needs in packages.items():
        bom.register_dependency(components[name], [components[other] for other in sorted(needs)])
    return bom


def _direct(requires: Iterable[str]) -> Iterator[str]:
    return (re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0] for one in requires)


def _whole(artefact: Artefact) -> Component:
    return Component(
        name=OWN,
        version=artefact.version,
        type=ComponentType.APPLICATION,
        bom_ref=artefact.name,
        licenses=_licences(artefact.licence),
        hashes=[_hash(artefact.sha256)],
        purl=PackageURL("pypi", None, OWN, artefact.version) if artefact.kind == "wheel" else None,
        properties=[Property(name="packseal:file", value=artefact.name)],
    )


def _package(one: Installed, locked: Locked) -> Component:
    """Raises BillError for a version that is not the locked one: nobody would have tested that."""
    if (one.name, one.version) not in locked:
        raise BillError(f"{one.name} {one.version} is not in the lock; install what is locked")
    return Component(
        name=one.name,
        version=one.version,
        bom_ref=f"{one.name}=={one.version}",
        licenses=_licences(one.licence),
        purl=PackageURL("pypi", None, one.name, one.version),
        properties=[  # not `hashes`: a wheel for each architecture has its own, and a component but one of each kind
            Property(name="packseal:wheel-sha256", value=sha256) for sha256 in sorted(locked[one.name, one.version])
        ],
    )


def _firmware(artefact: Artefact) -> Iterator[Component]:
    for name, content in sorted(artefact.files.items()):
        if name.startswith(FIRMWARE):
            yield _file(name, content, ComponentType.FIRMWARE, artefact)


def _bindings(artefact: Artefact) -> Iterator[Component]:
    """With whose DBC it is for: dbc/README.md says it."""
    rows = {row["binding"]: row for row in ROWS.finditer((PROJECT / "dbc/README.md").read_text())}
    for name, content in sorted(artefact.files.items()):
        if name.startswith(BINDINGS) and name.endswith(".toml"):
            row = rows.get(PurePosixPath(name).stem)
            said = {"dbc": row["dbc"], "dbc-origin": row["origin"], "dbc-licence": row["licence"]} if row else {}
            said |= {"dbc-included": "no"} if row else {}
            yield _file(name, content, ComponentType.DATA, artefact, said)


def _file(
    name: str, content: bytes, kind: ComponentType, artefact: Artefact, said: Mapping[str, str] | None = None
) -> Component:
    return Component(
        name=name,
        version=artefact.version,
        type=kind,
        bom_ref=name,
        licenses=_licences(artefact.licence),
        hashes=[_hash(_sha256(content))],
        properties=[Property(name=f"packseal:{key}", value=value) for key, value in (said or {}).items()],
    )


def _licences(licence: str) -> list[License]:
    if not licence:
        return []
    return [LicenseFactory().make_from_string(licence, license_acknowledgement=LicenseAcknowledgement.DECLARED)]


def _locked(lock: Path) -> Locked:
    return {
        (canonical(row["name"]), row["version"]): frozenset(re.findall(r"sha256:([0-9a-f]{64})", row["hashes"]))
        for row in LOCKED.finditer(lock.read_text())
    }


def _hash(sha256: str) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=sha256)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
