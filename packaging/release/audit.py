"""Whether what PackSeal is made of may be used: its bounds, its lock, its licences, and faults that were made public.

    .venv/bin/python packaging/release/audit.py                  what can be said without an advisory database
    .venv/bin/python packaging/release/audit.py --advisories     fails also where no database can be asked

Always: every dependency of pyproject.toml has a least version and one to stop before (or a reason in UNBOUNDED), the
locked version lies between them and has hashes; every package that is shipped has a licence of ALLOWED; packages go
together (`pip check`). Advisories come from the index's JSON interface or from OSV, by pip-audit. A mirror of the index
may serve packages without it: pip-audit then says of every package that it was skipped, and that nothing was found.
That is no audit, and is said as such here; a release needs a real one (make release).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from installed import canonical, closure, installed_in
from packaging.requirements import Requirement

PROJECT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "build.lock")
LOCKED = re.compile(r"^(?P<name>\S+)==(?P<version>\S+)(?P<hashes>.*)$", re.MULTILINE)
ACCEPTED = Path(__file__).with_name("accepted_advisories.toml")
PROBE = "cryptography"  # a package that every index and every database knows
LONGEST_DAYS = 180  # after which somebody has to look again
UNBOUNDED: Mapping[str, str] = {
    "cryptography": "mends faults in its newest major version alone",
}
ALLOWED = frozenset(
    (
        *("0BSD", "Apache-2.0", "BSD License", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-0"),
        *("MIT-CMU", "PSF-2.0", "Zlib"),
        *("LGPL-3.0-only", "LGPL-3.0-or-later"),  # used as they are, and replaceable in the environment beside us
        "EPL-2.0",  # paho-mqtt, which is BSD-3-Clause as well
    )
)
SAID_ELSEWHERE: Mapping[str, str] = {
    "reportlab": "BSD License",  # its metadata point to license.txt, which is the BSD one with three clauses
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """An advisory that was looked at and does not concern us until a day."""

    id: str
    package: str
    reason: str
    until: date


def main() -> None:
    parser = argparse.ArgumentParser(description="Audit PackSeal's dependencies.")
    parser.add_argument("--advisories", action="store_true", help="Fail where no advisory database can be asked.")
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi")
    parser.add_argument("--osv-url", help="Of another OSV server than api.osv.dev.")
    parser.add_argument("--accepted", type=Path, default=ACCEPTED)
    options = parser.parse_args()
    known = accepted(options.accepted)
    problems = [*bounds(), *licences(), *conflicts(), *accepted_problems(known, datetime.now(UTC).date())]
    asking = [
        f"--vulnerability-service={options.service}",
        *([f"--osv-url={options.osv_url}"] if options.osv_url else []),
    ]
    said, found = advisories(asking, {(one.package, one.id) for one in known})
    problems += found
    if said and options.advisories:
        problems.append(said)
    sys.stdout.write("".join(f"{problem}\n" for problem in problems) + (f"{said}\n" if said else ""))
    sys.stdout.write(f"{len(problems)} problems\n")
    sys.exit(1 if problems else 0)


# ---- what needs nobody else


def bounds() -> Iterator[str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    locked = _locked(LOCKS[0])
    for requirement in map(Requirement, project["dependencies"]):
        name = canonical(requirement.name)
        operators = {one.operator for one in requirement.specifier}
        if not operators & {">=", "==", "~="}:
            yield f"{name}: has no least version; write the oldest that the tests pass with"
        if not operators & {"<", "==", "~="} and name not in UNBOUNDED:
            yield f"{name}: has no version to stop before; write the next major one, or a reason into UNBOUNDED"
        if name not in locked or locked[name] not in requirement.specifier:
            yield f"{name}: {locked.get(name, 'no version')} is locked; run packaging/lock.py"
    for lock in LOCKS:
        rows = LOCKED.finditer(_lock_text(lock))
        yield from (f"{row['name']}: is in {lock} without a hash" for row in rows if "sha256:" not in row["hashes"])


def licences() -> Iterator[str]:
    """Of what is shipped, as it is installed here."""
    installed = installed_in(Path(sysconfig.get_path("purelib")))
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    for name in sorted(closure(project["dependencies"], installed)):
        said = SAID_ELSEWHERE.get(name, installed[name].licence)
        if not _is_allowed(said):
            yield f"{name}: its licence is {said or 'not stated'!r}; read it, then add it to ALLOWED or do without it"


def _is_allowed(expression: str) -> bool:
    """Of an SPDX expression without parentheses: every part of AND, one of OR."""
    return all(
        any(one in ALLOWED for one in part.split(" OR ")) for part in re.sub(r"[()]", "", expression).split(" AND ")
    )


def conflicts() -> Iterator[str]:
    done = subprocess.run([sys.executable, "-m", "pip", "check"], check=False, capture_output=True, text=True)
    if done.returncode:
        yield from done.stdout.splitlines()


def accepted_problems(known: Sequence[Accepted], today: date) -> Iterator[str]:
    for one in known:
        if not one.reason.strip():
            yield f"{one.id}: accepted without a reason"
        if one.until < today:
            yield f"{one.id}: was accepted until {one.until}; look at it again ({one.reason})"
        elif (one.until - today).days > LONGEST_DAYS:
            yield f"{one.id}: accepted for more than {LONGEST_DAYS} days; somebody has to look sooner"


# ---- what a database knows


def advisories(asking: Sequence[str], known: Collection[tuple[str, str]]) -> tuple[str, list[str]]:
    """(why nobody could be asked, "" where somebody was; what is known of what is locked, but for what was accepted).

    One package is asked about first, since a mirror without advisories has none for the others, either.
    """
    pins = {name: f"{name}=={version}" for lock in LOCKS for name, version in _locked(lock).items()}
    probe = _asked([pins.pop(PROBE)], asking)
    if isinstance(probe, str):
        return probe, []
    others = _asked(list(pins.values()), asking)
    return (others, []) if isinstance(others, str) else ("", list(_told([*probe, *others], known)))


def _asked(pins: Sequence[str], asking: Sequence[str]) -> str | list[dict[str, Any]]:
    """What pip-audit says of each, or why it said nothing."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--no-deps",
        "--disable-pip",
        "--progress-spinner=off",
        "--format=json",
    ]
    command += [*asking, "--requirement=/dev/stdin"]
    lines = "".join(f"{pin}\n" for pin in pins)
    done = subprocess.run(command, check=False, input=lines, capture_output=True, text=True)
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        last = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
        return f"advisories: not asked: {last[:200]}; run this where an advisory database is reached"
    if all("skip_reason" in one for one in found):
        return f"advisories: not asked: the index here serves none ({found[0]['skip_reason']})"
    return found


def _told(found: Iterable[Mapping[str, Any]], known: Collection[tuple[str, str]]) -> Iterator[str]:
    for one in found:
        if "skip_reason" in one:
            yield f"{one['name']}: not audited: {one['skip_reason']}"
        for vuln in one.get("vulns", ()):
            names = {vuln["id"], *vuln.get("aliases", ())}
            if not any((one["name"], name) in known for name in names):
                fixed = ", ".join(vuln["fix_versions"]) or "no version"
                cure = f"mended in {fixed}: lock that, or accept it with a reason"
                yield f"{one['name']} {one['version']}: {vuln['id']}; {cure}"


def accepted(path: Path) -> tuple[Accepted, ...]:
    return tuple(Accepted(**one) for one in tomllib.loads(path.read_text()).get("accepted", []))


def _locked(lock: str) -> Mapping[str, str]:
    return {canonical(row["name"]): row["version"] for row in LOCKED.finditer(_lock_text(lock))}


def _lock_text(lock: str) -> str:
    return (PROJECT / "packaging" / lock).read_text()


if __name__ == "__main__":
    main()
