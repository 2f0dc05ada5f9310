"""What the Debian package is made of and does at its installation; and that the same sources make the same bytes."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from packseal.cli import main
from packseal.io.settings import GatewaySettings, PassportFileSettings
from packseal.io.settings_file import load_settings
from tests.packaging.package import ROOT, SOURCES, Package, needs

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGES = "usr/lib/packseal/lib/python3.11/site-packages"
PLACES = {  # path -> mode, owner and what a link leads to
    "usr/bin/packseal": "lrwxrwxrwx root/root ../lib/packseal/bin/packseal",
    "usr/lib/packseal/bin/python3": "lrwxrwxrwx root/root ../../../bin/python3",
    "usr/lib/packseal/bin/packseal": "-rwxr-xr-x root/root",
    "usr/lib/packseal/back-off": "-rwxr-xr-x root/root",
    "lib/systemd/system/packseal-gateway.service": "-rw-r--r-- root/root",
    "lib/systemd/system/packseal-passport.service": "-rw-r--r-- root/root",
    "usr/lib/sysusers.d/packseal.conf": "-rw-r--r-- root/root",
    "usr/lib/tmpfiles.d/packseal.conf": "-rw-r--r-- root/root",
    "etc/packseal/gateway.toml.example": "-rw-r--r-- root/root",
    "etc/packseal/passport.toml.example": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/install.md": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/copyright": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/changelog.gz": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/SECURITY.md": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/examples/60-packseal.rules": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/examples/80-can.network": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/examples/packseal-gateway@.service": "-rw-r--r-- root/root",
    "usr/share/doc/packseal/examples/packseal-worker@.service": "-rw-r--r-- root/root",
    "usr/share/man/man1/packseal.1.gz": "-rw-r--r-- root/root",
}
PROGRAMS = "packseal.apps.gateway", "packseal.apps.passport_server", "packseal.cli"
nightly = pytest.mark.skipif(os.environ.get("PACKSEAL_NIGHTLY") != "1", reason="every night: PACKSEAL_NIGHTLY=1")


def locked() -> dict[str, str]:
    """name -> version"""
    lines = (SOURCES / "requirements.lock").read_text().splitlines()
    pins = [line.split()[0].split("==") for line in lines if not line.startswith("#")]
    return {_index_name(name): version for name, version in pins}


def _index_name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_is_of_what_the_project_asks_for() -> None:
    """Where this fails: .venv/bin/python packaging/lock.py"""
    pins = locked()
    for wanted in map(Requirement, PROJECT["dependencies"]):
        assert wanted.specifier.contains(pins.get(_index_name(wanted.name), "none"), prereleases=True), wanted


def test_every_wheel_of_the_lock_is_in_it(package: Package) -> None:
    named = (re.fullmatch(rf"{PACKAGES}/([^/]+)-([^/-]+)\.dist-info/", path) for path in package.modes)
    found = {_index_name(one[1]): one[2] for one in named if one}
    assert found == locked() | {"packseal": PROJECT["version"]}


def test_each_file_is_in_its_place(package: Package) -> None:
    assert {path: package.modes.get(path) for path in PLACES} == PLACES


def test_nobody_but_root_writes_into_it(package: Package) -> None:
    modes = {path: mode for path, mode in package.modes.items() if not mode.startswith("l")}
    assert {mode.split()[1] for mode in modes.values()} == {"root/root"}
    assert [path for path, mode in modes.items() if not re.match(r"[-d]rw[-x]r-[-x]r-[-x] ", mode)] == []
    assert [path for path in modes if path.endswith((".pyc", "direct_url.json"))] == []


def test_it_says_what_it_is(package: Package) -> None:
    assert package.field("Version") == PROJECT["version"]
    assert {"python3 (>= 3.11)", "python3 (<< 3.12)"} <= set(package.field("Depends").split(", "))


def test_its_scripts_start_nothing_that_did_not_run(package: Package, tmp_path: Path) -> None:
    scripts = package.scripts(tmp_path / "control")
    acts = re.findall(r"deb-systemd-invoke (\S+)", (scripts / "postinst").read_text())
    assert acts == ["try-restart", "try-restart"]
    assert not re.search(r"systemctl .*(start|enable)", (scripts / "postinst").read_text())
    examples = {f"/{place}" for place in PLACES if place.startswith("etc/")}
    assert set((scripts / "conffiles").read_text().split()) == examples
    assert "/var/lib" not in "".join(re.findall(r"(?m)^\s*rm\s.*$", (scripts / "postrm").read_text()))


def test_its_examples_are_good(package: Package, tmp_path: Path) -> None:
    """Their paths are in the one folder that the service can write."""
    for name in ("gateway", "passport"):
        (tmp_path / f"{name}.toml").write_bytes(package.content(f"etc/packseal/{name}.toml.example"))
    gateway = load_settings(tmp_path / "gateway.toml", GatewaySettings)
    passport = load_settings(tmp_path / "passport.toml", PassportFileSettings)
    assert {gateway.outbox.parent, gateway.key.parent} == {Path("/var/lib/packseal/gateway")}
    assert {passport.key.parent, passport.log.parent} == {Path("/var/lib/packseal/passport")}
    assert passport.store == Path("/var/lib/packseal/passport/passport.db")


def test_its_manual_has_every_command(package: Package) -> None:
    text = gzip.decompress(package.content("usr/share/man/man1/packseal.1.gz")).decode()
    assert set(re.findall(r"(?m)^\.TP\n\.B ([a-z-]+)$", text)) >= set(main.commands)
    assert "@" not in text


def test_it_has_all_that_its_programs_import(package: Package, tmp_path: Path) -> None:
    """By an interpreter that sees nothing but the package and Python's own library."""
    subprocess.run(["dpkg-deb", "--extract", package.path, tmp_path], check=True)
    words = f"import sys; sys.path.append({str(tmp_path / PACKAGES)!r}); import {', '.join(PROGRAMS)}"
    done = subprocess.run([sys.executable, "-I", "-S", "-B", "-c", words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@nightly
def test_lintian_has_nothing_to_say_of_what_is_ours(package: Package) -> None:
    """Of wheels as their makers published them debian/packseal.lintian-overrides says what is left as it is."""
    needs({"lintian": "lintian"})
    command = ["lintian", "--allow-root", "--fail-on=error,warning", "--no-tag-display-limit", str(package.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@nightly
def test_the_same_sources_make_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, with another clock's zone, language and mask; compressed as it is released."""
    first = Package.built(tmp_path / "one")
    for name, value in {"TZ": "Asia/Tokyo", "LC_ALL": "C", "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    before = os.umask(0o077)
    try:
        second = Package.built(tmp_path / "two")
    finally:
        os.umask(before)
    assert first.path.name == second.path.name
    assert [hashlib.sha256(one.path.read_bytes()).hexdigest() for one in (first, second)] == [
        hashlib.sha256(first.path.read_bytes()).hexdigest()
    ] * 2


@nightly
def test_it_is_built_for_the_other_architecture_too(tmp_path: Path) -> None:
    built = Package.built(tmp_path, "--fast", "--architecture=arm64")
    assert built.field("Architecture") == "arm64"
    libraries = [path for path in built.modes if path.endswith(".so")]
    assert libraries
    assert not any("x86_64" in path for path in libraries)
