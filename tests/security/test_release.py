"""A release: its bill of materials, its signature, what it may be made of. The commands are those of the documents."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distribution, distributions
from pathlib import Path
from typing import Any

import pytest

from tests.line.rig import tool

ROOT = Path(__file__).parents[2]
RELEASE = ROOT / "packaging/release"
NIGHTLY = pytest.mark.skipif(
    not os.environ.get("PACKSEAL_NIGHTLY"), reason="every night: it takes seconds of processor"
)
PAGE = (ROOT / "docs/security.md").read_text()


def ran(*command: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), cwd=cwd, check=False, capture_output=True, text=True, timeout=120)


# ---- signatures


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return made_key(tmp_path / "release-key")


def made_key(path: Path) -> Path:
    tool("ssh-keygen")
    assert ran("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "of a test", "-f", path).returncode == 0
    return path


def allowed(folder: Path, key: Path, more: str = "") -> Path:
    path = folder / "allowed_signers"
    public = key.with_suffix(".pub").read_text()
    path.write_text(f'release@packseal namespaces="packseal-release"{more} {public}')
    return path


@pytest.fixture
def released(tmp_path: Path, key: Path) -> Path:
    """A folder as somebody downloads it, with whose signatures count there."""
    folder = tmp_path / "dist"
    folder.mkdir()
    (folder / "packseal-0.1.0-py3-none-any.whl").write_bytes(b"a wheel")
    (folder / "packseal-0.1.0-py3-none-any.whl.cdx.json").write_bytes(b"its bill")
    done = ran(sys.executable, RELEASE / "signing.py", folder, "--key", key, "--allowed", allowed(tmp_path, key))
    assert done.returncode == 0, done.stderr
    shutil.copy(tmp_path / "allowed_signers", folder)
    return folder


def verified(folder: Path) -> bool:
    """As the page says it, typed by a person in that folder."""
    block = PAGE.partition("## Verifying a release")[2].partition("```console\n")[2].partition("```")[0]
    commands = [line.removeprefix("$ ") for line in block.splitlines()]
    assert len(commands) == 2
    return all(ran("sh", "-c", command, cwd=folder).returncode == 0 for command in commands)


def test_what_was_signed_verifies_by_the_commands_of_the_page(released: Path) -> None:
    assert verified(released)
    assert {line.split()[1] for line in (released / "SHA256SUMS").read_text().splitlines()} == {
        "packseal-0.1.0-py3-none-any.whl",
        "packseal-0.1.0-py3-none-any.whl.cdx.json",
    }


@pytest.mark.parametrize("file", ["packseal-0.1.0-py3-none-any.whl", "SHA256SUMS", "SHA256SUMS.sig"])
def test_an_altered_artefact_does_not_verify(released: Path, file: str) -> None:
    path = released / file
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert not verified(released)


def test_a_missing_artefact_does_not_verify(released: Path) -> None:
    (released / "packseal-0.1.0-py3-none-any.whl").unlink()
    assert not verified(released)


def test_another_key_signs_nothing(released: Path, tmp_path: Path, key: Path) -> None:
    """Neither by its signature, nor for who signs: the command refuses what nobody could verify."""
    other = made_key(tmp_path / "other")
    (released / "SHA256SUMS.sig").unlink()
    ran("ssh-keygen", "-Y", "sign", "-f", other, "-n", "packseal-release", released / "SHA256SUMS")
    assert not verified(released)
    command = (sys.executable, RELEASE / "signing.py", released, "--key", other, "--allowed", allowed(tmp_path, key))
    done = ran(*command)
    assert done.returncode == 1
    assert "is the key's line for release@packseal in allowed_signers" in done.stderr
    assert not (released / "SHA256SUMS.sig").exists()


def test_a_signature_for_something_else_is_none_of_a_release(released: Path, key: Path) -> None:
    (released / "SHA256SUMS.sig").unlink()
    ran("ssh-keygen", "-Y", "sign", "-f", key, "-n", "git", released / "SHA256SUMS")
    assert not verified(released)


def test_a_retired_key_signs_nothing_more(released: Path, key: Path) -> None:
    allowed(released, key, ',valid-before="20200101"')
    assert not verified(released)
    allowed(released, key, ',valid-after="20200101"')
    assert verified(released)


def test_nothing_is_signed_where_nothing_is(tmp_path: Path, key: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = ran(sys.executable, RELEASE / "signing.py", tmp_path / "empty", "--key", key)
    assert (done.returncode, "nothing in it to sign" in done.stderr) == (1, True)


def test_no_private_key_is_in_the_repository() -> None:
    files = ran("git", "ls-files", "-z").stdout.split("\0")
    private = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
    paths = [ROOT / name for name in files if name and (ROOT / name).is_file()]
    assert len(paths) > 500
    assert [str(path) for path in paths if private.search(path.read_bytes())] == []
    assert [str(path) for path in paths if path.suffix in (".key", ".pem", ".p12")] == []


# ---- the bill of materials


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With our own metadata, firmware and bindings, as hatchling lays them; the rest is not looked at."""
    path = tmp_path_factory.mktemp("wheel") / "packseal-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        for file in sorted((ROOT / "firmware").rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                made.write(file, f"packseal/firmware/{file.relative_to(ROOT / 'firmware')}")
        for file in sorted((ROOT / "gateway/packseal/signals/bindings").glob("*.toml")):
            made.write(file, f"packseal/signals/bindings/{file.name}")
        made.writestr("packseal-0.1.0.dist-info/METADATA", distribution("packseal").read_text("METADATA") or "")
    return path


@pytest.fixture(scope="module")
def lock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of what is installed here, which need not be what is locked."""
    path = tmp_path_factory.mktemp("lock") / "requirements.lock"
    lines = [f"{one.metadata['Name']}=={one.version} --hash=sha256:{'ab' * 32}\n" for one in distributions()]
    path.write_text("".join(lines))
    return path


def bill(wheel: Path, lock: Path, out: Path) -> dict[str, Any]:
    done = ran(sys.executable, RELEASE / "bill.py", wheel, "--lock", lock, "-o", out)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.fixture(scope="module")
def first(wheel: Path, lock: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bill of that wheel."""
    out = tmp_path_factory.mktemp("bill") / "bill.json"
    bill(wheel, lock, out)
    return out


def test_the_bill_names_all_that_is_in_it(wheel: Path, first: Path) -> None:
    found = json.loads(first.read_text())
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    by_name = {one["name"]: one for one in found["components"]}
    kinds = Counter(one["type"] for one in found["components"])
    assert kinds["library"] > 40
    assert kinds["firmware"] == sum(1 for name in zipfile.ZipFile(wheel).namelist() if "/firmware/" in name)
    assert by_name["cryptography"]["licenses"]
    assert by_name["packseal/firmware/main.py"]["hashes"][0]["alg"] == "SHA-256"
    properties = {one["name"]: one["value"] for one in by_name["packseal/signals/bindings/leaf_ze0.toml"]["properties"]}
    assert properties["packseal:dbc-licence"] == "GPL-3.0"
    assert properties["packseal:dbc-included"] == "no"


def test_every_dependency_of_the_project_is_in_the_bill_with_what_it_needs(first: Path) -> None:
    found = json.loads(first.read_text())
    needs: Mapping[str, list[str]] = {one["ref"]: one.get("dependsOn", []) for one in found["dependencies"]}
    direct = {ref.partition("==")[0] for ref in needs["packseal-0.1.0-py3-none-any.whl"]}
    assert direct >= {"cryptography", "starlette", "paho-mqtt", "psycopg", "numpy"}
    (psycopg,) = (ref for ref in needs if ref.startswith("psycopg=="))
    assert any(ref.startswith("psycopg-binary==") for ref in needs[psycopg]), "an extra that is asked for counts"
    assert set(needs) == {one["bom-ref"] for one in (*found["components"], found["metadata"]["component"])}


def test_the_same_wheel_gives_the_same_bill(wheel: Path, lock: Path, first: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.json"
    bill(wheel, lock, again)
    assert first.read_bytes() == again.read_bytes()


@NIGHTLY
def test_another_wheel_has_another_bill(wheel: Path, lock: Path, first: Path, tmp_path: Path) -> None:
    one = json.loads(first.read_text())
    other = tmp_path / wheel.name
    shutil.copy(wheel, other)
    with zipfile.ZipFile(other, "a") as more:
        more.writestr("packseal/firmware/more.py", b"")
    two = bill(other, lock, tmp_path / "other.json")
    assert one["serialNumber"] != two["serialNumber"]
    assert len(two["components"]) == len(one["components"]) + 1


def test_a_version_that_nobody_tested_is_in_no_bill(wheel: Path, lock: Path, tmp_path: Path) -> None:
    stale = tmp_path / "stale.lock"
    stale.write_text(re.sub(r"^cryptography==\S+", "cryptography==1.0", lock.read_text(), flags=re.MULTILINE))
    done = ran(sys.executable, RELEASE / "bill.py", wheel, "--lock", stale, "-o", tmp_path / "bill.json")
    assert done.returncode == 1
    assert "cryptography" in done.stderr
    assert not (tmp_path / "bill.json").exists()


def test_a_wheel_without_firmware_has_no_bill(tmp_path: Path, lock: Path) -> None:
    path = tmp_path / "packseal-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("packseal-0.1.0.dist-info/METADATA", distribution("packseal").read_text("METADATA") or "")
    done = ran(sys.executable, RELEASE / "bill.py", path, "--lock", lock, "-o", tmp_path / "bill.json")
    assert (done.returncode, "no firmware" in done.stderr) == (1, True)


# ---- dependencies


def test_dependencies_are_bounded_locked_licensed_and_go_together() -> None:
    """And where no advisory database can be asked, that is said, and never taken for an audit."""
    done = ran(sys.executable, RELEASE / "audit.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("0 problems\n")


@contextmanager
def database(advisories: Mapping[str, str]) -> Iterator[str]:
    """An OSV server that knows one fault of each of these packages. -> its address"""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            content = json.dumps(answer_of(asked["package"]["name"], advisories)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer_of(package: str, advisories: Mapping[str, str]) -> dict[str, object]:
    if package not in advisories:
        return {}
    fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}
    affected = [{"package": {"name": package, "ecosystem": "PyPI"}, "ranges": [fixed]}]
    stamps = {"published": "2027-01-01T00:00:00Z", "modified": "2027-01-01T00:00:00Z"}
    return {"vulns": [{"id": advisories[package], "summary": "a fault", "affected": affected, **stamps}]}


def audited(url: str, accepted: Path) -> subprocess.CompletedProcess[str]:
    options = ("--advisories", "--service=osv", f"--osv-url={url}", f"--accepted={accepted}")
    return ran(sys.executable, RELEASE / "audit.py", *options)


def test_a_fault_that_was_made_public_stops_until_somebody_has_looked(tmp_path: Path) -> None:
    """By the real pip-audit, at a database of our own."""
    pytest.importorskip("pip_audit", reason="pip-audit is not installed (extra release)")
    accepted = tmp_path / "accepted.toml"
    looked_at = [accepting("jinja2", "PYSEC-2027-1", 30), accepting("paho-mqtt", "PYSEC-2027-2", -1)]
    accepted.write_text("".join([*looked_at, accepting("click", "PYSEC-2027-3", 400)]))
    names = ("jinja2", "paho-mqtt", "click", "starlette")
    with database({name: f"PYSEC-2027-{number}" for number, name in enumerate(names, 1)}) as url:
        done = audited(url, accepted)
    assert done.returncode == 1
    assert re.search(r"^starlette \S+: PYSEC-2027-4; mended in 99.0", done.stdout, re.MULTILINE), done.stdout
    assert "PYSEC-2027-1" not in done.stdout
    assert "PYSEC-2027-2: was accepted until" in done.stdout
    assert "PYSEC-2027-3: accepted for more than 180 days" in done.stdout
    assert sum("PYSEC-" in line for line in done.stdout.splitlines()) == 3


def accepting(package: str, advisory: str, days: int) -> str:
    until = (datetime.now(UTC) + timedelta(days=days)).date()
    return f'[[accepted]]\nid = "{advisory}"\npackage = "{package}"\nreason = "not called"\nuntil = {until}\n'


@NIGHTLY
def test_a_database_that_does_not_answer_is_no_audit(tmp_path: Path) -> None:
    pytest.importorskip("pip_audit", reason="pip-audit is not installed (extra release)")
    (tmp_path / "accepted.toml").write_text("")
    with database({}) as url:
        gone = url
    done = audited(gone, tmp_path / "accepted.toml")
    assert done.returncode == 1
    assert "advisories: not asked" in done.stdout
