"""Builds the Debian package: a virtual environment of wheels at a fixed place, the services, what belongs to them.

    python3 packaging/build_deb.py --out dist

The wheels are those of requirements.lock by their hashes, for Debian 12's Python on the architecture asked for,
whichever machine builds; packseal's own is built by the hatchling of build.lock. The same sources give the same bytes:
every time stamp is that of the newest entry of debian/changelog. What all packages of Debian do is left to debhelper.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path

from lock import MACHINES, PYTHON_VERSION, platform_options

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
HOME = Path("usr/lib/packseal")  # of the virtual environment
PACKAGES = HOME / f"lib/python{PYTHON_VERSION}/site-packages"
NEEDED = {"dpkg-buildpackage": "dpkg-dev", "dh": "debhelper", "readelf": "binutils"}
CHANGELOG_HEAD = re.compile(r"packseal \((?P<version>[^)]+)\) ")
COMMAND_HELP = re.compile(r"^## packseal ([a-z-]+)$.*?\n\n  (\S.+?\.)(?=\s)", re.MULTILINE | re.DOTALL)
CHANGELOG_DATE = re.compile(r"^ -- .*>  (?P<date>.+)$", re.MULTILINE)
OF_THE_SYSTEM = {  # what wheels may need that they do not bring: each is in a package that debian/control depends on
    "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1", "libutil.so.1", "libresolv.so.2",
    "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1", "libgcc_s.so.1", "libstdc++.so.6", "libz.so.1",
}  # fmt: skip
PLACES = {  # file or folder here -> place below root/
    "examples/gateway.toml.example": "etc/packseal/gateway.toml.example",
    "examples/passport.toml.example": "etc/packseal/passport.toml.example",
    "examples/60-packseal.rules": "examples/60-packseal.rules",
    "examples/60-packseal.conf": "examples/60-packseal.conf",
    "examples/80-can.network": "examples/80-can.network",
    "systemd/packseal-gateway@.service": "examples/packseal-gateway@.service",
    "systemd/packseal-worker@.service": "examples/packseal-worker@.service",
    "systemd/back-off": f"{HOME}/back-off",
    "../SECURITY.md": "doc/SECURITY.md",
    "../docs/install.md": "doc/install.md",
    "../docs/settings.md": "doc/settings.md",
    "../docs/commands.md": "doc/commands.md",
}
# -I: neither the environment nor the folder of who calls chooses what is imported
COMMAND = f"""#!/{HOME}/bin/python3 -I
import sys

from packseal.cli import main

sys.exit(main())
"""
PYVENV = f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {PYTHON_VERSION}\n"


class BuildError(Exception):
    """What stops a build, with its cure."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Build PackSeal's Debian package.")
    parser.add_argument("--architecture", choices=sorted(MACHINES), default=_own_architecture())
    parser.add_argument("--version", help="Another version than debian/changelog's, for tests of upgrades.")
    parser.add_argument("--fast", action="store_true", help="Hardly compressed, for tests.")
    parser.add_argument("--out", type=Path, default=PROJECT / "dist", help="Folder for the package.")
    options = parser.parse_args()
    try:
        built = build(options.architecture, options.out, options.version, is_fast=options.fast)
    except BuildError as error:
        sys.exit(f"build_deb.py: {error}")
    sys.stdout.write(f"{built}\n")


def build(architecture: str, out: Path, version: str | None = None, *, is_fast: bool = False) -> Path:
    """The package, in `out`. Raises BuildError."""
    _check_tools()
    with tempfile.TemporaryDirectory(prefix="packseal-deb-") as scratch:
        source = Path(scratch) / "packseal"
        shutil.copytree(HERE / "debian", source / "debian")
        changelog = _changelog(source / "debian" / "changelog", version)
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(changelog[1]), "PYTHONDONTWRITEBYTECODE": "1"}
        _lay_out(source, architecture, environment)
        environment["DPKG_DEB_THREADS_MAX"] = "1"  # xz cuts into other blocks where it has more than one
        environment["DEB_COMPRESSION"] = "-Zgzip -z1" if is_fast else "-Zxz -z6"
        command = [
            "dpkg-buildpackage",
            "--build=binary",
            f"--host-arch={architecture}",
            "--no-sign",
            "--no-check-builddeps",
        ]
        _run([*command, "--jobs=1"], environment, source)
        built = Path(scratch) / f"packseal_{changelog[0]}_{architecture}.deb"
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(built, out / built.name))


def _lay_out(source: Path, architecture: str, environment: Mapping[str, str]) -> None:
    """Everything below root/, from which debhelper takes it, and the units below debian/."""
    root = source / "root"
    packages = root / PACKAGES
    machine = MACHINES[architecture]
    wheel = _own_wheel(source.parent, environment)
    _pip(["--require-hashes", f"--requirement={HERE / 'requirements.lock'}"], packages, machine, environment)
    _pip(["--no-index", f"--find-links={wheel.parent}", "packseal"], packages, machine, environment)
    shutil.rmtree(packages / "bin")  # commands of others; ours is below
    _check_libraries(packages)
    for origin, place in PLACES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / origin, root / place)
    _environment_files(root)
    (root / "packseal.1").write_text(manual((PROJECT / "docs/commands.md").read_text()))
    for name in ("packseal-gateway", "packseal-passport"):
        shutil.copy(HERE / "systemd" / f"{name}.service", source / "debian" / f"packseal.{name}.service")


def _environment_files(root: Path) -> None:
    binaries = root / HOME / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python3").symlink_to("/usr/bin/python3")
    (binaries / "packseal").write_text(COMMAND)
    (binaries / "packseal").chmod(0o755)
    (root / HOME / "pyvenv.cfg").write_text(PYVENV)
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/packseal").symlink_to("../lib/packseal/bin/packseal")


def _own_wheel(scratch: Path, environment: Mapping[str, str]) -> Path:
    tools, out = scratch / "build-tools", scratch / "wheel"
    _pip(["--require-hashes", f"--requirement={HERE / 'build.lock'}"], tools, None, environment)
    _run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        {**environment, "PYTHONPATH": str(tools)},
        PROJECT,
    )
    return next(out.glob("packseal-*.whl"))


def _pip(what: list[str], target: Path, machine: str | None, environment: Mapping[str, str]) -> None:
    """machine: for whose processor; None for this one's."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-compile",
    ]
    options = platform_options(machine) if machine else ["--only-binary=:all:"]
    _run([*command, *options, f"--target={target}", "--upgrade", *what], environment, PROJECT)


def _check_libraries(packages: Path) -> None:
    """Every library that a wheel needs is in a wheel, or in a package that this one depends on."""
    libraries = [path for path in packages.rglob("*") if ".so" in path.name and path.is_file()]
    listed = _run(["readelf", "--dynamic", "--wide", *map(str, libraries)], os.environ, packages)
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", listed))
    missing = needed - OF_THE_SYSTEM - {path.name for path in libraries}
    if missing:
        raise BuildError(f"wheels need {', '.join(sorted(missing))}: add its package to debian/control, and here")


def manual(commands: str) -> str:
    """packseal(1), with each command and the first sentence of its help. commands: the text of docs/commands.md."""
    found = COMMAND_HELP.findall(commands)
    if not found:
        raise BuildError("docs/commands.md lists no command: run make docs")
    entries = [f".TP\n.B {name}\n{_roff(' '.join(words.split()))}" for name, words in found]
    return (HERE / "packseal.1").read_text().replace("@COMMANDS@", "\n".join(entries))


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def _changelog(path: Path, version: str | None) -> tuple[str, int]:
    """(version, time of its newest entry in seconds since 1970); `version` takes the place of the newest entry's."""
    text = path.read_text()
    head, date = CHANGELOG_HEAD.match(text), CHANGELOG_DATE.search(text)
    if head is None or date is None:
        raise BuildError(f"{path}: does not begin with an entry of packseal")
    own = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"]
    if head["version"] != own:
        raise BuildError(f"debian/changelog is of {head['version']}, pyproject.toml of {own}: write its entry first")
    path.write_text(text.replace(head["version"], version or own, 1))
    return version or own, int(parsedate_to_datetime(date["date"]).timestamp())


def _check_tools() -> None:
    missing = sorted({package for tool, package in NEEDED.items() if not shutil.which(tool)})
    if missing:
        raise BuildError(f"run first: apt-get install {' '.join(missing)}")


def _own_architecture() -> str:
    by_machine = {machine: architecture for architecture, machine in MACHINES.items()}
    return by_machine.get(os.uname().machine, "amd64")


def _run(command: list[str], environment: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"{' '.join(command[:4])} …:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    main()
